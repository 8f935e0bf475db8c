import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { callGrpc } from './support/grpc-client.ts';
import { valuesOf, type HeaderLine } from './support/headers.ts';
import { sendHttp1 } from './support/http1-client.ts';
import { sendHttp2 } from './support/http2-client.ts';
import { accessPolicy, authorizationPolicy, documents } from './support/policies.ts';
import type { Target } from './support/target.ts';
import { seenIn, type SeenRequest } from './support/upstream.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Headers that rules set and remove, and what clients try with the same names. */
const workload = (app: string) => ({ namespace: 'shop', 'label.app': app });

const routes = [
  { prefix: '/none/', contextExtensions: workload('none') },
  { prefix: '/istio/', contextExtensions: workload('istio') },
  { prefix: '/', contextExtensions: workload('orders') },
];

const set = (path: string, request: Record<string, unknown>, response: Record<string, string> = {}) => ({
  name: path.replace(/\W+/g, '-').replace(/^-|-$/g, ''),
  to: [{ operation: { paths: [path] } }],
  respond: { request, response: { set: response } },
});

const policies = {
  'headers.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        set(
          '/set',
          { set: { 'x-user': 'alice', 'x-tier': '${request.headers[x-wanted]}' }, remove: ['x-debug'] },
          { 'x-policy': 'orders', 'x-new': 'yes' },
        ),
        set('/echo', { set: { 'x-copy': '${request.headers[x-in]}' } }),
        set('/query', {
          query: { set: { user: '${request.headers[x-in]}', added: 'a&b=c' }, remove: ['secret', 'admin'] },
        }),
        {
          name: 'grpc',
          to: [{ operation: { paths: ['/shop.Orders/Get'] } }],
          respond: { request: { set: { 'x-user': 'alice' } } },
        },
        { name: 'plain', to: [{ operation: { paths: ['/plain'] } }] },
        {
          name: 'role',
          to: [{ operation: { paths: ['/role'] } }],
          when: [{ key: 'request.headers[x-role]', values: ['admin'] }],
        },
        { name: 'open', to: [{ operation: { paths: ['/not-blocked', '/not-only'] } }] },
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [
        {
          name: 'blocked',
          to: [{ operation: { paths: ['/not-blocked'] } }],
          when: [{ key: 'request.headers[x-role]', values: ['blocked'] }],
        },
        {
          name: 'only',
          to: [{ operation: { paths: ['/not-only'] } }],
          when: [{ key: 'request.headers[x-role]', notValues: ['member'] }],
        },
      ],
    }),
    // What another workload's rule sets is trusted there, so nobody may send it anywhere.
    accessPolicy({
      name: 'other',
      app: 'other',
      rules: [{ name: 'other', respond: { request: { set: { 'x-other': 'value' } } } }],
    }),
    authorizationPolicy({ name: 'istio', app: 'istio', rules: [{}] }),
  ),
};

let world: World<'portcullis'>;

beforeAll(async () => {
  world = await startWorld({
    // ALLOW, so that the workload without policies is let in by default.
    services: { portcullis: { policies, config: { defaultAction: 'ALLOW' } } },
    listeners: [
      { name: 'lines', routes },
      { name: 'joined', routes, extAuthz: { encodeRawHeaders: false } },
      // Envoy 1.40 with validate_mutations answers 500 for any parameter value that has to be encoded.
      { name: 'unvalidated', routes, extAuthz: { validateMutations: false } },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

/** As a client would write them that hopes to be taken for somebody. */
const SPOOFED: readonly HeaderLine[] = [
  ['x-user', 'admin'],
  ['X-User', 'root'],
  ['x_user', 'admin'],
  ['X_User', 'root'],
  ['x-tier', 'gold'],
  ['x_tier', 'gold'],
  ['x-other', 'spoofed'],
  ['x_other', 'spoofed'],
  ['x-copy', 'spoofed'],
  ['x-debug', '1'],
  ['x-envoy-auth-failure-mode-allowed', 'true'],
  ['x-mine', 'kept'],
];

type Send = (target: Target, path: string, headers: readonly HeaderLine[]) => Promise<SeenRequest>;

const protocols: readonly [string, Send][] = [
  ['HTTP/1.1', async (target, path, headers) => seenIn(await sendHttp1(target, { path, headers }))],
  [
    'HTTP/2',
    async (target, path, headers) => {
      const lowerCase = headers.map(([name, value]): HeaderLine => [name.toLowerCase(), value]);
      return seenIn(await sendHttp2(target, { path, headers: lowerCase }));
    },
  ],
];

/** All lines that a server could take for one of these names: many read `_` as `-`. */
function linesLike(seen: SeenRequest, names: readonly string[]): HeaderLine[] {
  return seen.headers.filter(([name]) => names.includes(name.toLowerCase().replaceAll('_', '-')));
}

/** What rules set, and the mark with which Envoy itself says that nobody was asked. */
const OWNED = ['x-user', 'x-tier', 'x-other', 'x-copy', 'x-envoy-auth-failure-mode-allowed'];

describe.each(['lines', 'joined'])('headers sent to the service as %s', (listener) => {
  describe.each(protocols)('over %s', (_protocol, send) => {
    it('replaces what the client sent with what the rule sets, on the first answer and on kept ones', async () => {
      for (let time = 1; time <= 3; time++) {
        const seen = await send(world.envoy.target(listener), '/set', [...SPOOFED, ['x-wanted', 'silver']]);
        expect(linesLike(seen, OWNED).sort()).toEqual([
          ['x-tier', 'silver'],
          ['x-user', 'alice'],
        ]);
        expect(linesLike(seen, ['x-debug'])).toEqual([]);
        expect(valuesOf(seen.headers, 'x-mine')).toEqual(['kept']);
      }
    });

    it('removes a header whose value is absent', async () => {
      const seen = await send(world.envoy.target(listener), '/set', SPOOFED);
      expect(linesLike(seen, OWNED)).toEqual([['x-user', 'alice']]);
    });

    it.each([
      ['a rule that sets nothing', '/plain'],
      ['a policy of Istio', '/istio/'],
      ['the default action', '/none/'],
    ])('removes every name that any rule sets when the request is allowed by %s', async (_what, path) => {
      for (let time = 1; time <= 2; time++) {
        const seen = await send(world.envoy.target(listener), path, SPOOFED);
        expect(linesLike(seen, OWNED)).toEqual([]);
        expect(valuesOf(seen.headers, 'x-mine')).toEqual(['kept']);
      }
    });
  });

  it('keeps requests apart whose values differ', async () => {
    for (const value of ['one', 'two', 'one', 'two']) {
      const seen = seenIn(await sendHttp1(world.envoy.target(listener), { path: '/echo', headers: [['x-in', value]] }));
      expect(valuesOf(seen.headers, 'x-copy')).toEqual([value]);
    }
  });

  it.each([
    ['a comma', 'a,b', 'a%2Cb'],
    ['a percent sign', '100%', '100%25'],
    ['bytes that are no ASCII', 'caf\u00c3\u00a9', 'caf%C3%A9'],
    ['bytes that are no UTF-8', '\u00ff', expect.stringMatching(/^(%FF|!)$/)],
  ])('encodes a value with %s', async (_what, value, expected) => {
    const seen = seenIn(await sendHttp1(world.envoy.target(listener), { path: '/echo', headers: [['x-in', value]] }));
    expect(valuesOf(seen.headers, 'x-copy')).toEqual([expected]);
  });

  it('sets response headers over the ones of the upstream', async () => {
    const response = await sendHttp1(world.envoy.target(listener), { path: '/set' });
    expect(valuesOf(response.headers, 'x-policy')).toEqual(['orders']);
    expect(valuesOf(response.headers, 'x-new')).toEqual(['yes']);
    const other = await sendHttp1(world.envoy.target(listener), { path: '/plain' });
    expect(valuesOf(other.headers, 'x-policy')).toEqual(['from-upstream']);
    expect(valuesOf(other.headers, 'x-new')).toEqual([]);
  });

  it('replaces metadata of a gRPC call', async () => {
    const metadata: HeaderLine[] = [
      ['x-user', 'admin'],
      ['x-user', 'root'],
      ['x_user', 'admin'],
      ['x-other', 'spoofed'],
    ];
    const answer = await callGrpc(world.envoy.target(listener), { path: '/shop.Orders/Get', metadata });
    expect(answer.messages).toHaveLength(1);
    expect(answer.messages.flatMap((seen) => linesLike(seen, OWNED))).toEqual([['x-user', 'alice']]);
  });
});

describe('a header on several lines', () => {
  const send = async (listener: string, path: string, ...roles: readonly string[]): Promise<number> => {
    const headers = roles.map((role): HeaderLine => ['x-role', role]);
    const one = await sendHttp1(world.envoy.target(listener), { path, headers });
    const two = await sendHttp2(world.envoy.target(listener), { path, headers });
    expect(two.status).toBe(one.status);
    return one.status;
  };

  it.each(['lines', 'joined'])('matches as one line when it is one (%s)', async (listener) => {
    expect(await send(listener, '/role', 'admin')).toBe(200);
    expect(await send(listener, '/role', 'Admin')).toBe(403);
    expect(await send(listener, '/role')).toBe(403);
    expect(await send(listener, '/not-blocked', 'blocked')).toBe(403);
    expect(await send(listener, '/not-blocked', 'other')).toBe(200);
    expect(await send(listener, '/not-only', 'member')).toBe(200);
    expect(await send(listener, '/not-only', 'other')).toBe(403);
  });

  it.each(['lines', 'joined'])('is denied when any line is what DENY names (%s)', async (listener) => {
    expect(await send(listener, '/not-blocked', 'other', 'blocked')).toBe(403);
    expect(await send(listener, '/not-blocked', 'blocked', 'other')).toBe(403);
    expect(await send(listener, '/not-blocked', 'a', 'b')).toBe(200);
  });

  it('is not allowed in the joined form, where one line could have been meant', async () => {
    expect(await send('joined', '/role', 'admin', 'user')).toBe(403);
    expect(await send('joined', '/role', 'user', 'admin')).toBe(403);
    expect(await send('joined', '/role', 'admin,user')).toBe(403);
    expect(await send('lines', '/role', 'admin,user')).toBe(403);
  });
});

describe('query parameters', () => {
  it('sets and removes query parameters, each encoded', async () => {
    const path = '/query?a=1&secret=x&%73ecret=y&user=root&user=admin&b=2';
    const headers: HeaderLine[] = [['x-in', 'a&admin=1#? \u00c3\u00a9']];
    const seen = seenIn(await sendHttp1(world.envoy.target('unvalidated'), { path, headers }));
    const [, query = ''] = seen.path.split('?');
    expect(new URLSearchParams(query).getAll('user')).toEqual(['a&admin=1#? \u00e9']);
    expect(new URLSearchParams(query).getAll('added')).toEqual(['a&b=c']);
    expect(query).toMatch(/^(a=1&b=2|[^#]*a=1[^#]*b=2[^#]*)/);
    expect(query).not.toMatch(/ecret|(^|&)admin=/);
  });

  it('that Envoy finds invalid (validate_mutations) end the request, and nothing reaches the upstream', async () => {
    const headers: HeaderLine[] = [['x-in', 'a b']];
    const response = await sendHttp1(world.envoy.target('lines'), { path: '/query?a=1', headers });
    expect(response.status).toBe(500);
  });
});
