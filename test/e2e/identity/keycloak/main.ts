/**
 * Portcullis and Envoy beside a real Keycloak: `npm run test:keycloak`. Not part of `npm test`, since Keycloak is 160 MB,
 * wants Java, and takes a minute to start. Run by `node:test`, so that Jest does not find it; the promises that its
 * functions give are `node:test`'s own business.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { identityProvider, startIdentityWorld, type IdentityWorld } from '../../support/oidc-world.ts';
import { accessPolicy, documents } from '../../support/policies.ts';
import { waitUntil } from '../../support/wait.ts';
import { startKeycloak, type Keycloak } from './keycloak.ts';

let keycloak: Keycloak;
let identity: IdentityWorld;

function policies({ issuer, introspectionEndpoint }: Keycloak): string {
  const people = [{ source: { requestPrincipals: [`${issuer}/*`] } }];
  return documents(
    identityProvider('people', 'orders', issuer, { jwt: { audiences: ['orders'] } }),
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        {
          name: 'support',
          from: people,
          to: [{ operation: { paths: ['/orders/support'] } }],
          when: [
            { key: 'request.auth.claims[realm_access][roles]', values: ['support'] },
            { key: 'request.auth.claims[preferred_username]', values: ['ann'] },
          ],
        },
        { name: 'anybody', from: people, to: [{ operation: { paths: ['/orders/anybody'] } }] },
      ],
    }),
    identityProvider('asked', 'reports', issuer, {
      introspection: {
        endpoint: introspectionEndpoint,
        client: 'portcullis',
        audiences: ['orders'],
        maxCacheSeconds: 1,
      },
    }),
    accessPolicy({ name: 'reports', app: 'reports', rules: [{ from: people }] }),
  );
}

async function statusOf(path: string, token?: string): Promise<number> {
  return (await identity.send(path, token === undefined ? {} : { token })).status;
}

before(async () => {
  keycloak = await startKeycloak();
  identity = await startIdentityWorld({
    provider: keycloak,
    apps: ['orders', 'reports'],
    policies: policies(keycloak),
  });
});

after(async () => {
  await identity.stop();
  await keycloak.stop();
});

void describe('tokens of Keycloak', () => {
  void it('are good for the roles that they say', async () => {
    const { accessToken } = await keycloak.signIn('shop-web');
    assert.equal(await statusOf('/orders/support', accessToken), 200);
    assert.equal(await statusOf('/orders/support', await keycloak.automationToken()), 403);
    assert.equal(await statusOf('/orders/anybody', await keycloak.automationToken()), 200);
  });

  void it('are refused for another audience, as ID tokens, and when there is none', async () => {
    assert.equal(await statusOf('/orders/anybody', (await keycloak.signIn('other-web')).accessToken), 401);
    assert.equal(await statusOf('/orders/anybody', (await keycloak.signIn('shop-web')).idToken), 401);
    assert.equal(await statusOf('/orders/anybody'), 401);
  });

  void it('are introspected, until they are revoked', async () => {
    const { accessToken } = await keycloak.signIn('shop-web');
    assert.equal(await statusOf('/reports/', accessToken), 200);
    assert.equal(await statusOf('/reports/', (await keycloak.signIn('other-web')).accessToken), 401);
    await keycloak.revoke(accessToken);
    await waitUntil('the token to be refused', async () => (await statusOf('/reports/', accessToken)) === 401);
  });
});

void describe('Keycloak', () => {
  void it('changes its keys, and no good token is refused', async () => {
    const old = (await keycloak.signIn('shop-web')).accessToken;
    await keycloak.rotateKeys();
    const young = (await keycloak.signIn('shop-web')).accessToken;
    assert.notEqual(young.split('.')[0], old.split('.')[0]);
    assert.deepEqual([await statusOf('/orders/anybody', young), await statusOf('/orders/anybody', old)], [200, 200]);
    await keycloak.retireKeys();
    await waitUntil('the old one to be refused', async () => {
      assert.equal((await identity.askForKeys('/orders/anybody')).status, 401);
      return (await statusOf('/orders/anybody', old)) === 401;
    });
    assert.equal(await statusOf('/orders/anybody', young), 200);
  });

  void it('goes away, and its last good keys go on', async () => {
    const [known, unseen] = [await keycloak.signIn('shop-web'), await keycloak.signIn('shop-web')];
    assert.equal(await statusOf('/orders/anybody', known.accessToken), 200);
    await keycloak.stop();
    assert.equal(await statusOf('/orders/anybody', known.accessToken), 200);
    assert.equal(await statusOf('/orders/anybody', unseen.accessToken), 200);
    assert.equal(await statusOf('/reports/', unseen.accessToken), 503);
  });
});
