import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { callGrpc } from './support/grpc-client.ts';
import { valuesOf, type HeaderLine } from './support/headers.ts';
import { sendHttp1, type HttpResponse } from './support/http1-client.ts';
import { accessPolicy, authorizationPolicy, documents, yamlOf } from './support/policies.ts';
import { createTokenIssuer } from './support/tokens.ts';
import { seenIn } from './support/upstream.ts';
import { waitUntil } from './support/wait.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Claims that Envoy's jwt_authn verified, and the answer when a token could help and is not there. */
const ISSUER = 'https://login.example.com';
const tokens = createTokenIssuer(ISSUER);
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

const policies = {
  'tokens.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        {
          name: 'alice',
          from: [{ source: { requestPrincipals: [`${ISSUER}/alice`] } }],
          to: [{ operation: { paths: ['/alice', '/shop.Orders/Get'] } }],
          respond: {
            request: { set: { 'x-user': '${request.auth.claims[sub]}', 'x-mail': '${request.auth.claims[mail]}' } },
          },
        },
        {
          name: 'eu-support',
          from: [{ source: { groups: ['support'] } }],
          to: [{ operation: { paths: ['/support'] } }],
          when: [{ key: 'request.auth.claims[address][region]', values: ['eu'] }],
        },
        {
          name: 'strong',
          to: [{ operation: { paths: ['/strong'] } }],
          condition: 'claims.acr == "mfa"',
        },
        {
          name: 'scope',
          to: [{ operation: { paths: ['/scope'] } }],
          when: [{ key: 'request.auth.claims[scope]', values: ['orders:read'] }],
        },
        { name: 'open', to: [{ operation: { paths: ['/open'] } }] },
      ],
    }),
    authorizationPolicy({
      name: 'istio',
      app: 'orders',
      rules: [
        {
          from: [{ source: { requestPrincipals: ['*'] } }],
          to: [{ operation: { paths: ['/istio'] } }],
          when: [{ key: 'request.auth.audiences', values: ['shop'] }],
        },
      ],
    }),
    yamlOf({
      apiVersion: 'portcullis.dev/v1',
      kind: 'PrincipalGroup',
      metadata: { name: 'support', namespace: 'shop' },
      spec: { claims: [{ issuer: ISSUER, claim: 'role', values: ['support'] }] },
    }),
  ),
};

let world: World<'portcullis' | 'unconfigured'>;

beforeAll(async () => {
  world = await startWorld({
    services: {
      portcullis: { policies, config: { identity: { jwtMetadata: 'envoy.filters.http.jwt_authn' } } },
      unconfigured: { policies },
    },
    listeners: [
      { name: 'orders', service: 'portcullis', tokens, routes },
      { name: 'unverified', service: 'portcullis', routes },
      { name: 'unconfigured', service: 'unconfigured', tokens, routes },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

function send(path: string, claims: Record<string, unknown> | null, listener = 'orders'): Promise<HttpResponse> {
  const headers: HeaderLine[] = claims === null ? [] : [['authorization', `Bearer ${tokens.sign(claims)}`]];
  return sendHttp1(world.envoy.target(listener), { path, headers });
}

describe('verified claims', () => {
  it.each<[string, string, Record<string, unknown>, number]>([
    ['the subject that a rule names', '/alice', { sub: 'alice' }, 200],
    ['another subject', '/alice', { sub: 'bob' }, 403],
    ['a subject that is no text, which Envoy refuses', '/alice', { sub: 7 }, 401],
    ['a claim that is no text', '/strong', { sub: 'x', acr: ['mfa'] }, 403],
    [
      'a nested claim and a group',
      '/support',
      { sub: 'x', role: ['support', 'sales'], address: { region: 'eu' } },
      200,
    ],
    ['the group alone', '/support', { sub: 'x', role: ['support'], address: { region: 'us' } }, 403],
    ['the claim alone', '/support', { sub: 'x', role: 'sales', address: { region: 'eu' } }, 403],
    [
      'a claim called groups is no group',
      '/support',
      { sub: 'x', groups: ['support'], address: { region: 'eu' } },
      403,
    ],
    ['a condition that holds', '/strong', { sub: 'x', acr: 'mfa' }, 200],
    ['a condition that does not', '/strong', { sub: 'x', acr: 'pwd' }, 403],
    ['a scope among others', '/scope', { sub: 'x', scope: 'orders:write orders:read' }, 200],
    ['a scope that is part of another', '/scope', { sub: 'x', scope: 'orders:read:all' }, 403],
    ['an audience, in a policy of Istio', '/istio', { sub: 'x', aud: ['other', 'shop'] }, 200],
    ['another audience, in a policy of Istio', '/istio', { sub: 'x', aud: 'other' }, 403],
    ['names that objects have anyway', '/strong', { sub: 'x', __proto__: { acr: 'mfa' }, constructor: 'mfa' }, 403],
  ])('%s', async (_what, path, claims, status) => {
    // Twice: the second answer may come from the cache.
    expect([(await send(path, claims)).status, (await send(path, claims)).status]).toEqual([status, status]);
  });

  it('become headers of that request alone', async () => {
    const alice = seenIn(await send('/alice', { sub: 'alice', mail: 'alice@example.com' }));
    expect(valuesOf(alice.headers, 'x-user')).toEqual(['alice']);
    expect(valuesOf(alice.headers, 'x-mail')).toEqual(['alice@example.com']);
    const without = seenIn(await send('/alice', { sub: 'alice' }));
    expect(valuesOf(without.headers, 'x-mail')).toEqual([]);
  });
});

describe('without a token', () => {
  it('answers 401 where a token could change the answer', async () => {
    for (const path of ['/alice', '/support', '/strong', '/scope', '/istio']) {
      const response = await send(path, null);
      expect([path, response.status]).toEqual([path, 401]);
      expect(valuesOf(response.headers, 'www-authenticate')).toEqual([expect.stringMatching(/^Bearer/)]);
    }
  });

  it('answers 403 where none could, and passes where none is needed', async () => {
    expect(await send('/nowhere', null)).toMatchObject({ status: 403 });
    expect(await send('/open', null)).toMatchObject({ status: 200 });
  });

  it('answers a gRPC call with UNAUTHENTICATED', async () => {
    const answer = await callGrpc(world.envoy.target('orders'), { path: '/shop.Orders/Get' });
    expect(answer).toMatchObject({ code: 16, messages: [] });
  });
});

describe('a token that nobody verified', () => {
  it.each(['unverified', 'unconfigured'])('proves nothing on listener %s', async (listener) => {
    const response = await send('/alice', { sub: 'alice' }, listener);
    expect([401, 403]).toContain(response.status);
  });

  it('does not in headers that carry claims either', async () => {
    const headers: HeaderLine[] = [
      ['x-user', 'alice'],
      ['x-jwt-payload', Buffer.from('{"iss":"https://login.example.com","sub":"alice"}').toString('base64')],
    ];
    const response = await sendHttp1(world.envoy.target('unverified'), { path: '/alice', headers });
    expect(response.status).toBe(401);
  });
});

it('no token and no claim is in the log of the service', async () => {
  const token = tokens.sign({ sub: 'bob-of-the-log', acr: 'pwd' });
  const headers: HeaderLine[] = [
    ['authorization', `Bearer ${token}`],
    ['cookie', 'session=secret-cookie'],
  ];
  await sendHttp1(world.envoy.target('orders'), { path: '/strong?access_token=secret-query', headers });
  const log = await waitUntil('the denial in the log', () => {
    const output = world.services.portcullis.output();
    return output.includes('/strong') && output;
  });
  expect(log).not.toContain(token.split('.')[1]);
  expect(log).not.toMatch(/secret-cookie|secret-query/);
});
