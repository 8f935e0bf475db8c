import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';

import { valuesOf } from '../support/headers.ts';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { identityProvider, startIdentityWorld, type IdentityWorld } from '../support/oidc-world.ts';
import { accessPolicy, documents } from '../support/policies.ts';
import { waitUntil } from '../support/wait.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Tokens of a real provider whose time ends, by the clock or by somebody's word, while decisions about them are kept. */
function policies({ issuer, introspectionEndpoint }: OidcProvider): string {
  const people = [{ source: { requestPrincipals: [`${issuer}/*`] } }];
  return documents(
    identityProvider('people', 'orders', issuer, {
      jwt: { audiences: ['orders'], typ: 'at+jwt', clockSkewSeconds: 0 },
    }),
    accessPolicy({ name: 'orders', app: 'orders', rules: [{ from: people }] }),
    identityProvider('opaque', 'reports', issuer, {
      introspection: { endpoint: introspectionEndpoint, client: 'portcullis', maxCacheSeconds: 1 },
    }),
    accessPolicy({ name: 'reports', app: 'reports', rules: [{ from: people }] }),
  );
}

let identity: IdentityWorld;
let oidc: OidcProvider;

beforeAll(async () => {
  oidc = await startOidcProvider();
  identity = await startIdentityWorld({ provider: oidc, apps: ['orders', 'reports'], policies: policies(oidc) });
}, 60_000);

afterAll(async () => {
  await identity.stop();
  await oidc.stop();
});

async function statusOf(token: string, path = '/orders/'): Promise<number> {
  return (await identity.send(path, { token })).status;
}

/** Twice, so that the second comes from what is kept. */
async function expectGood(token: string, path?: string): Promise<void> {
  expect([await statusOf(token, path), await statusOf(token, path)]).toEqual([200, 200]);
}

/** Waits for its end. */
async function expectExpired(token: string): Promise<void> {
  const { exp = 0 } = decodeJwt(token);
  await waitUntil('the token to expire', () => Date.now() >= exp * 1000);
  const response = await identity.send('/orders/', { token });
  expect(response.status).toBe(401);
  expect(valuesOf(response.headers, 'www-authenticate')).toEqual([expect.stringContaining('error="invalid_token"')]);
}

describe('a decision that is kept', () => {
  it('ends with the token that it rests on, though another token of the person led to the same decision', async () => {
    const first = await oidc.personToken('ann');
    await expectGood(first);
    const short = await oidc.personToken('ann', { lifetimeSeconds: 3 });
    await expectGood(short);
    await expectExpired(short);
    await expectGood(first);
  });

  it('ends with the token that led to it, and another token of the person goes on', async () => {
    const short = await oidc.personToken('sue', { lifetimeSeconds: 3 });
    const lasting = await oidc.personToken('sue');
    await expectGood(short);
    await expectGood(lasting);
    await expectExpired(short);
    await expectGood(lasting);
  });

  it('ends when its token is revoked, and the others of the person go on', async () => {
    const [revoked, other] = [await oidc.personToken('bob'), await oidc.personToken('bob')];
    await expectGood(revoked);
    await expectGood(other);
    await identity.writeRevocations([{ iss: oidc.issuer, jti: decodeJwt(revoked).jti }]);
    await waitUntil('the token to be refused', async () => (await statusOf(revoked)) === 401);
    await expectGood(other);
    // An administrator takes it back.
    await identity.writeRevocations([]);
    await waitUntil('the token to be good again', async () => (await statusOf(revoked)) === 200);
  });

  it('ends when all that a person had been given is revoked', async () => {
    const [eves, anns] = [await oidc.personToken('eve'), await oidc.personToken('ann')];
    await expectGood(eves);
    await identity.writeRevocations([
      { iss: oidc.issuer, sub: 'eve', issuedBefore: Math.floor(Date.now() / 1000) + 1 },
    ]);
    await waitUntil('the token to be refused', async () => (await statusOf(eves)) === 401);
    await expectGood(anns);
  });

  it('ends when the list of revocations was broken in between and is whole again', async () => {
    const token = await oidc.personToken('kim');
    await expectGood(token);
    await identity.writeRevocations([{ iss: oidc.issuer, jti: 7 }]);
    await waitUntil('the list to be refused', async () =>
      (await identity.world.services.portcullis.admin('/readyz')).body.includes('revoked[0]'),
    );
    await expectGood(token);
    await identity.writeRevocations([{ iss: oidc.issuer, jti: decodeJwt(token).jti }]);
    await waitUntil('the token to be refused', async () => (await statusOf(token)) === 401);
  });
});

describe('an opaque token', () => {
  let token: string;

  beforeEach(async () => {
    token = await oidc.personToken('ann', { audience: 'opaque-orders' });
    await expectGood(token, '/reports/');
  });

  it('that is revoked at the provider is refused once its answer is old', async () => {
    const other = await oidc.personToken('ann', { audience: 'opaque-orders' });
    await oidc.revoke(token);
    await waitUntil('the token to be refused', async () => (await statusOf(token, '/reports/')) === 401);
    await expectGood(other, '/reports/');
  });

  it('is answered 503 while nobody can say, and good again after that', async () => {
    await oidc.stop();
    await waitUntil('the kept answer to end', async () => {
      const status = await statusOf(token, '/reports/');
      expect([200, 503]).toContain(status);
      return status === 503;
    });
    const unseen = await identity.send('/reports/', {
      token: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      headers: [['x-case', 'introspection-down']],
    });
    expect(unseen.status).toBe(503);
    expect(await identity.world.envoy.accessLogOf('introspection-down')).toMatchObject({ details: 'ext_authz_denied' });
    await oidc.start();
    await waitUntil('the token to be good', async () => (await statusOf(token, '/reports/')) === 200);
  });
});
