import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';

import { valuesOf } from '../support/headers.ts';
import { clientWith } from '../support/identities.ts';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { GATEWAY, identityProvider, startIdentityWorld, type IdentityWorld } from '../support/oidc-world.ts';
import { accessPolicy, documents } from '../support/policies.ts';
import { seenIn } from '../support/upstream.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** What surrounds the tests in this folder, tried with rules that ask for no token. */
let oidc: OidcProvider;
let identity: IdentityWorld;

beforeAll(async () => {
  oidc = await startOidcProvider();
  identity = await startIdentityWorld({
    provider: oidc,
    apps: ['orders', 'billing'],
    policies: documents(
      identityProvider('people', 'orders', oidc.issuer, { jwt: { audiences: ['orders'] } }),
      accessPolicy({ name: 'orders', app: 'orders', rules: [{ from: [{ source: { principals: [GATEWAY] } }] }] }),
    ),
  });
}, 60_000);

afterAll(async () => {
  await identity.stop();
  await oidc.stop();
});

it('requests come from the gateway unless another certificate is shown, and workloads have paths of their own', async () => {
  const { headers } = seenIn(await identity.send('/orders/a', { headers: [['x-one', 'two']] }));
  expect(valuesOf(headers, 'x-one')).toEqual(['two']);
  expect(valuesOf(headers, 'x-forwarded-client-cert')).toEqual([expect.stringContaining(`URI=spiffe://${GATEWAY}`)]);
  expect(await identity.send('/billing/a')).toMatchObject({ status: 403 });
  await expect(identity.send('/orders/a', { as: clientWith(null) })).rejects.toThrow(/certificate required|closed/);
});
