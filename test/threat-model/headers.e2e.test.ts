import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { valuesOf } from '../e2e/support/headers.ts';
import type { HeaderLine } from '../e2e/support/headers.ts';
import { openHttp1, sendHttp1 } from '../e2e/support/http1-client.ts';
import type { HttpResponse } from '../e2e/support/http1-client.ts';
import { sendHttp2 } from '../e2e/support/http2-client.ts';
import { clientOf, clientWith, serverTls } from '../e2e/support/identities.ts';
import { accessPolicy, authorizationPolicy, documents } from '../e2e/support/policies.ts';
import type { ClientTls } from '../e2e/support/target.ts';
import { seenIn } from '../e2e/support/upstream.ts';
import { startWorld } from '../e2e/support/world.ts';
import type { World } from '../e2e/support/world.ts';
import { row } from './support.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

const role = (value: string) => ({ when: [{ key: 'request.headers[x-role]', values: [value] }] });
const at = (path: string) => ({ to: [{ operation: { paths: [path] } }] });
const setting = (name: string, template: string) => ({ respond: { request: { set: { [name]: template } } } });

const policies = {
  'headers.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { ...at('/admin'), ...role('admin') },
        at('/open'),
        { ...at('/set'), ...setting('x-user', 'alice') },
        { ...at('/copy'), ...setting('x-copy', '${request.headers[x-in]}') },
        { ...at('/web'), from: [{ source: { principals: ['cluster.local/ns/shop/sa/web'] } }] },
        { ...at('/host'), to: [{ operation: { paths: ['/host'], hosts: ['shop.example'] } }] },
      ],
    }),
    accessPolicy({ name: 'orders-deny', app: 'orders', action: 'DENY', rules: [role('blocked')] }),
    authorizationPolicy({ name: 'istio-deny', app: 'istio', action: 'DENY', rules: [role('blocked')] }),
    authorizationPolicy({ name: 'istio-allow', app: 'istio', rules: [{}] }),
  ),
};

const routesTo = (app: string) => [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': app } }];
const FORMS = ['lines', 'joined'] as const;
const GATEWAY = 'spiffe://cluster.local/ns/edge/sa/gateway';
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

let world: World<'portcullis' | 'trusting'>;

beforeAll(async () => {
  const tls = { ...serverTls('shop', 'orders'), requireClientCertificate: false };
  world = await startWorld({
    services: {
      portcullis: { policies, config: { limits: { maxHeaders: 60 } } },
      trusting: { policies, config: { identity: { xfcc: { enabled: true, trustedPeers: [GATEWAY] } } } },
    },
    listeners: [
      { name: 'lines', service: 'portcullis', routes: routesTo('orders') },
      { name: 'joined', service: 'portcullis', routes: routesTo('orders'), extAuthz: { encodeRawHeaders: false } },
      { name: 'istio lines', service: 'portcullis', routes: routesTo('istio') },
      { name: 'istio joined', service: 'portcullis', routes: routesTo('istio'), extAuthz: { encodeRawHeaders: false } },
      { name: 'mtls', service: 'portcullis', tls, routes: routesTo('orders') },
      {
        name: 'trusting',
        service: 'trusting',
        tls,
        routes: routesTo('orders'),
        http: { forwardClientCertificate: 'ALWAYS_FORWARD_ONLY' },
      },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

function send(
  listener: string,
  path: string,
  headers: readonly HeaderLine[] = [],
  tls?: ClientTls,
): Promise<HttpResponse> {
  return sendHttp1(world.envoy.target(listener, tls), { path, headers });
}
const statusOf = async (...request: Parameters<typeof send>): Promise<number> => (await send(...request)).status;
const headersSeen = async (...request: Parameters<typeof send>): Promise<readonly HeaderLine[]> =>
  seenIn(await send(...request)).headers;
const roles = (...values: readonly string[]): HeaderLine[] => values.map((value) => ['x-role', value]);

row('3.2', 'several hosts', () => {
  const raw = async (...hosts: readonly string[]): Promise<number> => {
    const connection = await openHttp1(world.envoy.target('lines'));
    try {
      const lines = hosts.map((host) => `${host}\r\n`).join('');
      return (await connection.sendBytes(Buffer.from(`GET /host HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`)))
        .status;
    } finally {
      connection.close();
    }
  };
  test.each([
    [['Host: evil.example', 'Host: shop.example']],
    [['Host: shop.example', 'Host: evil.example']],
    [['Host: shop.example', 'host: evil.example']],
    [['Host: shop.example, evil.example']],
    [['Host: shop.example@evil.example']],
    [['Host: evil.example#shop.example']],
    [['Host: ']],
    [[]],
  ])('%j reaches nothing', async (lines) => {
    const before = world.upstream.seen().length;
    expect(await raw(...lines)).toBeGreaterThanOrEqual(400);
    expect(world.upstream.seen().length).toBe(before);
    expect(await raw('Host: shop.example')).toBe(200);
  });
  test('a `host` beside `:authority` over HTTP/2 does not decide', async () => {
    const target = world.envoy.target('lines');
    const statusWith = async (authority: string, host: string): Promise<number> =>
      (await sendHttp2(target, { path: '/host', authority, headers: [['host', host]] }).catch(() => ({ status: 400 })))
        .status;
    expect(await statusWith('evil.example', 'shop.example')).toBeGreaterThanOrEqual(400);
    expect((await sendHttp2(target, { path: '/host', authority: 'shop.example' })).status).toBe(200);
  });
});

row('3.3', 'duplicates joined by comma', () => {
  test.each(FORMS)('a DENY meets any of them (%s)', async (form) => {
    for (const values of [
      ['blocked', 'x'],
      ['x', 'blocked'],
      ['x', 'blocked', 'y'],
      ['', 'blocked'],
      ['blocked', ''],
    ])
      for (const listener of [form, `istio ${form}`])
        expect([values, await statusOf(listener, '/open', roles(...values))]).toEqual([values, 403]);
    for (const listener of [form, `istio ${form}`])
      expect(await statusOf(listener, '/open', roles('x', 'y'))).toBe(200);
  });
  test.each(FORMS)('an ALLOW needs all of them (%s)', async (form) => {
    for (const values of [['admin', 'x'], ['x', 'admin'], ['admin,x'], ['x,admin'], ['admin', '']])
      expect([values, await statusOf(form, '/admin', roles(...values))]).toEqual([values, 403]);
    expect(await statusOf(form, '/admin', roles('admin'))).toBe(200);
  });
});

row('3.3', 'underscore for dash', () => {
  test.each(FORMS)('never reaches the upstream where the header is ours (%s)', async (form) => {
    for (const path of ['/set', '/open', '/set', '/open']) {
      const seen = await headersSeen(form, path, [
        ['x_user', 'root'],
        ['X_User', 'root'],
        ['x_other', 'kept'],
      ]);
      expect(valuesOf(seen, 'x_user')).toEqual([]);
      expect(valuesOf(seen, 'x-user')).toEqual(path === '/set' ? ['alice'] : []);
      expect(valuesOf(seen, 'x_other')).toEqual(['kept']);
    }
  });
});

row('3.3', 'identity headers from the client', () => {
  test.each(FORMS)('are removed or overwritten on every allow (%s)', async (form) => {
    const spoofed: HeaderLine[] = [
      ['x-user', 'root'],
      ['X-USER', 'admin'],
      ['x-copy', 'root'],
    ];
    for (const [path, user] of [
      ['/set', ['alice']],
      ['/open', []],
      ['/copy', []],
      ['/open', []],
    ] as const) {
      const seen = await headersSeen(form, path, spoofed);
      expect([path, valuesOf(seen, 'x-user'), valuesOf(seen, 'x-copy')]).toEqual([path, user, []]);
    }
    const istio = await headersSeen(`istio ${form}`, '/open', spoofed);
    expect([valuesOf(istio, 'x-user'), valuesOf(istio, 'x-copy')]).toEqual([[], []]);
  });
});

row('3.3', 'blanking by an empty value', () => {
  test.each(FORMS)('an absent or empty value leaves no header behind (%s)', async (form) => {
    for (const headers of [[], [['x-in', '']]] as HeaderLine[][])
      expect(valuesOf(await headersSeen(form, '/copy', [...headers, ['x-copy', 'root']]), 'x-copy')).toEqual([]);
    expect(
      valuesOf(
        await headersSeen(form, '/copy', [
          ['x-in', 'a'],
          ['x-copy', 'root'],
        ]),
        'x-copy',
      ),
    ).toEqual(['a']);
  });
});

row('3.3', 'header value injection', () => {
  test.each(FORMS)('what is copied is printable ASCII of one line (%s)', async (form) => {
    for (const [value, copied] of [
      ['a,b', 'a%2Cb'],
      ['a%0d%0ab', 'a%250d%250ab'],
      ['caf\u00c3\u00a9', 'caf%C3%A9'],
    ] as const)
      expect(valuesOf(await headersSeen(form, '/copy', [['x-in', value]]), 'x-copy')).toEqual([copied]);
  });
  test.each([
    ['a NUL', 'a\0b', 400],
    // Envoy lets it pass inside of a value; what is copied is encoded.
    ['a CR', 'a\rb', 200],
    // A line of its own, and that is removed.
    ['a line break', 'a\r\nx-user: root', 200],
  ] as const)('%s does not become a header of ours', async (_what, value, status) => {
    const response = await send('lines', '/copy', [['x-in', value]]);
    expect(response.status).toBe(status);
    const seen = response.status === 200 ? seenIn(response).headers : [];
    expect(valuesOf(seen, 'x-user')).toEqual([]);
    for (const copy of valuesOf(seen, 'x-copy')) expect(copy).toMatch(/^a(?:%0D|%20)?b?$/);
  });
});

row('3.3', 'headers too long or too many', () => {
  test('past the limit of the service 431, below it allowed', async () => {
    const many = (count: number): HeaderLine[] => Array.from({ length: count }, (_, i) => [`x-${String(i)}`, 'v']);
    for (const form of FORMS) {
      expect(await statusOf(form, '/open', many(70))).toBe(431);
      expect(await statusOf(form, '/open', many(30))).toBe(200);
    }
  });
});

row('3.3', 'x-forwarded-client-cert', () => {
  const name = 'x-forwarded-client-cert';
  const claim: HeaderLine[] = [[name, `URI=${WEB}`]];

  describe('without configuration', () => {
    test('is nothing, from anybody', async () => {
      expect(await statusOf('lines', '/web', claim)).toBe(403);
      expect(await statusOf('mtls', '/web', claim, clientOf('edge', 'gateway'))).toBe(403);
      expect(await statusOf('mtls', '/web', claim, clientWith(null))).toBe(403);
      expect(await statusOf('mtls', '/web', [], clientOf('shop', 'web'))).toBe(200);
    });
  });

  test('is believed from the hop that is named, and from no other', async () => {
    expect(await statusOf('trusting', '/web', claim, clientOf('edge', 'gateway'))).toBe(200);
    for (const tls of [
      clientOf('edge', 'gateway2'),
      clientOf('edge', 'gateway', 'partner.example'),
      clientOf('evil', 'x'),
      clientWith(null),
    ])
      expect(await statusOf('trusting', '/web', claim, tls)).toBe(403);
  });

  test.each([
    `URI=${WEB},URI=${GATEWAY}`,
    `URI=${GATEWAY},URI=${WEB}`,
    `URI=${WEB};URI=${GATEWAY}`,
    `Subject="\\";URI=${WEB}"`,
    `Subject="URI=${WEB}`,
    `URI=${WEB}/`,
    `By=${WEB}`,
    `DNS=${WEB}`,
  ])('%s from that hop is not web', async (value) => {
    expect(await statusOf('trusting', '/web', [[name, value]], clientOf('edge', 'gateway'))).toBe(403);
    expect(await statusOf('trusting', '/open', [[name, value]], clientOf('edge', 'gateway'))).toBe(200);
  });
});

row('3.3', 'failure mode header', () => {
  test.each(FORMS)('does not reach the upstream (%s)', async (form) => {
    for (const name of ['x-envoy-auth-failure-mode-allowed', 'X-Envoy-Auth-Failure-Mode-Allowed'])
      for (let time = 0; time < 2; time++) {
        const seen = await headersSeen(form, '/open', [
          [name, 'true'],
          ['x-mine', 'kept'],
        ]);
        expect([valuesOf(seen, name), valuesOf(seen, 'x-mine')]).toEqual([[], ['kept']]);
      }
  });
});
