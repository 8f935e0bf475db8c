import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { valuesOf, type HeaderLine } from './support/headers.ts';
import { sendHttp1, type HttpResponse } from './support/http1-client.ts';
import { accessPolicy } from './support/policies.ts';
import { createTokenIssuer } from './support/tokens.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** What a caller without a token is told, as it comes out of Envoy: people are sent to the login page, programs are not. */
const ISSUER = 'https://login.example.com';
const tokens = createTokenIssuer(ISSUER);

let world: World<'portcullis'>;

beforeAll(async () => {
  world = await startWorld({
    services: {
      portcullis: {
        policies: {
          'login.yaml': accessPolicy({
            name: 'orders',
            app: 'orders',
            rules: [{ from: [{ source: { requestPrincipals: [`${ISSUER}/alice`] } }] }],
          }),
        },
        config: {
          identity: {
            jwtMetadata: 'envoy.filters.http.jwt_authn',
            answers: {
              resourceMetadata: 'https://shop.example/.well-known/oauth-protected-resource',
              scope: 'orders:read orders:write',
              loginUrl: `${ISSUER}/start`,
              loginHosts: ['shop.example'],
            },
          },
        },
      },
    },
    listeners: [
      {
        name: 'orders',
        service: 'portcullis',
        tokens,
        routes: [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }],
      },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

function send(headers: readonly HeaderLine[], more: { host?: string; method?: string } = {}): Promise<HttpResponse> {
  return sendHttp1(world.envoy.target('orders'), { path: '/orders/7?lines=all', headers, ...more });
}

const NAVIGATION: HeaderLine = ['sec-fetch-mode', 'navigate'];

describe('without a token', () => {
  it('a browser that opens a page is sent to the login page, and comes back to what it asked for', async () => {
    const accept: HeaderLine = ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'];
    for (const headers of [[NAVIGATION], [accept], [accept, NAVIGATION]]) {
      const response = await send(headers);
      expect(response.status).toBe(302);
      expect(valuesOf(response.headers, 'location')).toEqual([
        `${ISSUER}/start?rd=https%3A%2F%2Fshop.example%2Forders%2F7%3Flines%3Dall`,
      ]);
      expect(valuesOf(response.headers, 'cache-control')).toEqual(['no-store']);
      expect(valuesOf(response.headers, 'www-authenticate')).toEqual([]);
    }
  });

  it('all others are told what is missing, before and after', async () => {
    for (const [headers, more] of [
      [[['accept', '*/*']], {}],
      [[], {}],
      [[NAVIGATION], { method: 'POST' }],
      [[NAVIGATION], { host: 'evil.example' }],
    ] as const) {
      const response = await send(headers, more);
      expect(response.status).toBe(401);
      expect(valuesOf(response.headers, 'location')).toEqual([]);
      expect(valuesOf(response.headers, 'www-authenticate')).toEqual([
        'Bearer realm="portcullis", scope="orders:read orders:write", ' +
          'resource_metadata="https://shop.example/.well-known/oauth-protected-resource"',
      ]);
    }
  });
});

describe('with a token', () => {
  it('a page is opened, or refused: nobody goes round in a circle', async () => {
    const as = (sub: string): HeaderLine => ['authorization', `Bearer ${tokens.sign({ sub })}`];
    expect((await send([NAVIGATION, as('alice')])).status).toBe(200);
    expect((await send([NAVIGATION, as('bob')])).status).toBe(403);
  });
});
