import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { identityProvider, startIdentityWorld, type IdentityWorld } from '../support/oidc-world.ts';
import { accessPolicy, documents } from '../support/policies.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Conditions about the caller's certificate, and what the service counts of who its callers are. */
let identity: IdentityWorld;
let oidc: OidcProvider;

beforeAll(async () => {
  oidc = await startOidcProvider();
  identity = await startIdentityWorld({
    provider: oidc,
    apps: ['orders'],
    policies: documents(
      identityProvider('people', 'orders', oidc.issuer, { jwt: { audiences: ['orders'] } }),
      accessPolicy({
        name: 'orders',
        app: 'orders',
        rules: [
          {
            name: 'person',
            from: [{ source: { requestPrincipals: [`${oidc.issuer}/ann`] } }],
            to: [{ operation: { paths: ['/orders/person'] } }],
          },
          {
            name: 'certificate',
            to: [{ operation: { paths: ['/orders/certificate'] } }],
            condition:
              '"spiffe://cluster.local/ns/edge/sa/gateway" in source.certificate.uris' +
              ' && source.certificate.notBefore <= now && now < source.certificate.notAfter' +
              ' && source.certificate.sha256.matches("^[0-9a-f]{64}$") && has(source.certificate.serial)',
          },
          {
            name: 'another-certificate',
            to: [{ operation: { paths: ['/orders/another'] } }],
            condition: 'source.certificate.sha256.startsWith("x")',
          },
          {
            name: 'recent-token',
            from: [{ source: { requestPrincipals: [`${oidc.issuer}/ann`] } }],
            to: [{ operation: { paths: ['/orders/recent'] } }],
            condition: 'now - timestamp(claims.iat) < duration("1h")',
          },
          {
            name: 'old-token',
            from: [{ source: { requestPrincipals: [`${oidc.issuer}/ann`] } }],
            to: [{ operation: { paths: ['/orders/old'] } }],
            condition: 'now - timestamp(claims.iat) > duration("1h")',
          },
        ],
      }),
    ),
  });
}, 60_000);

afterAll(async () => {
  await identity.stop();
  await oidc.stop();
});

const statuses = (paths: readonly string[], token?: string): Promise<number[]> =>
  Promise.all(
    paths.map(async (path) => (await identity.send(`/orders/${path}`, token === undefined ? {} : { token })).status),
  );

describe('conditions', () => {
  it('see the certificate that the caller has shown to Envoy', async () => {
    expect(await statuses(['certificate', 'another'])).toEqual([200, 403]);
  });

  it('see how old a token is', async () => {
    expect(await statuses(['recent', 'old'], await oidc.personToken('ann'))).toEqual([200, 403]);
  });
});

describe('the metrics', () => {
  it('tell how callers proved who they are, and of keys and revocations', async () => {
    const token = await oidc.personToken('ann');
    expect(await statuses(['person', 'person'], token)).toEqual([200, 200]);
    expect(await statuses(['person'], 'a.b.c')).toEqual([401]);
    const { body } = await identity.world.services.portcullis.admin('/metrics');
    const value = (series: string): number =>
      Number(
        body
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.split(' ')[1],
      );
    expect(value('portcullis_identity_authentications_total{outcome="verified"}')).toBeGreaterThanOrEqual(2);
    expect(value('portcullis_identity_authentications_total{outcome="invalid"}')).toBe(1);
    expect(value('portcullis_identity_keys_fetches_total{provider="shop/people",result="changed"}')).toBe(1);
    expect(value('portcullis_identity_keys{provider="shop/people"}')).toBeGreaterThan(0);
    expect(value('portcullis_identity_keys_stale{provider="shop/people"}')).toBe(0);
    expect(value('portcullis_identity_keys_age_seconds{provider="shop/people"}')).toBeGreaterThanOrEqual(0);
    expect(value('portcullis_identity_token_cache_entries')).toBeGreaterThan(0);
    expect(value('portcullis_identity_revocation_stale')).toBe(0);
    // Every caller here has a certificate.
    expect(value('portcullis_identity_listeners_without_principal')).toBe(0);
    expect(body).not.toContain(token);
  });
});
