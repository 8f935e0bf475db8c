import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { calculateJwkThumbprint, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { hash, randomUUID } from 'node:crypto';

import { valuesOf, type HeaderLine } from '../support/headers.ts';
import type { HttpResponse } from '../support/http1-client.ts';
import { certificateOf, clientOf, clientWith } from '../support/identities.ts';
import { forgedToken } from '../support/oidc-forged.ts';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { GATEWAY, identityProvider, startIdentityWorld, type IdentityWorld } from '../support/oidc-world.ts';
import { accessPolicy, authorizationPolicy, documents, yamlOf } from '../support/policies.ts';
import { seenIn } from '../support/upstream.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** People, automation and workloads with tokens of a real provider, through Envoy with mTLS. */
const API_KEY = 'pk-3f0c7a1be2d94c55';
const KEYS_ISSUER = 'keys.shop.example';

const stranger = clientOf('edge', 'stranger');
const laptop = certificateOf('cluster.local', { uris: ['spiffe://cluster.local/ns/edge/sa/laptop'] });
// Of the very same workload: not the name, the certificate is what a token is bound to.
const otherLaptop = certificateOf('cluster.local', { uris: ['spiffe://cluster.local/ns/edge/sa/laptop'] });

const people = { audiences: ['orders'], typ: 'at+jwt' };

function policies({ issuer, introspectionEndpoint }: OidcProvider): string {
  const ann = [`${issuer}/ann`];
  return documents(
    identityProvider('people', 'orders', issuer, {
      jwt: {
        ...people,
        outputClaimToHeaders: [
          { header: 'x-subject', claim: 'sub' },
          { header: 'x-acr', claim: 'acr' },
        ],
      },
    }),
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { name: 'person', from: [{ source: { requestPrincipals: ann } }], to: paths('/orders/person') },
        {
          name: 'person-through-gateway',
          from: [{ source: { principals: [GATEWAY], requestPrincipals: ann } }],
          to: paths('/orders/both'),
        },
        {
          name: 'support',
          to: paths('/orders/support'),
          when: [
            { key: `request.auth.claims[groups]`, values: ['support'] },
            { key: `request.auth.claims[scope]`, values: ['orders.write'] },
          ],
        },
        {
          name: 'automation',
          from: [{ source: { requestPrincipals: [`${issuer}/ci`] } }],
          to: paths('/orders/automation'),
          when: [{ key: 'request.auth.claims[client_id]', values: ['ci'] }],
        },
        { name: 'open', to: paths('/orders/open') },
      ],
    }),
    identityProvider('people-kept', 'kept', issuer, { forwardOriginal: true, jwt: people }),
    accessPolicy({ name: 'kept', app: 'kept', rules: [{ from: [{ source: { requestPrincipals: ann } }] }] }),
    identityProvider('people-elsewhere', 'elsewhere', issuer, {
      from: { params: ['access_token'], cookies: ['session'] },
      jwt: people,
    }),
    accessPolicy({ name: 'elsewhere', app: 'elsewhere', rules: [{ from: [{ source: { requestPrincipals: ann } }] }] }),
    identityProvider('people-bound', 'bound', issuer, { jwt: { ...people, binding: 'certificate' } }),
    accessPolicy({ name: 'bound', app: 'bound', rules: [{ from: [{ source: { requestPrincipals: ann } }] }] }),
    identityProvider('people-dpop', 'dpop', issuer, { jwt: { ...people, binding: 'dpop' } }),
    accessPolicy({ name: 'dpop', app: 'dpop', rules: [{ from: [{ source: { requestPrincipals: ann } }] }] }),
    identityProvider('opaque', 'reports', issuer, {
      introspection: {
        endpoint: introspectionEndpoint,
        client: 'portcullis',
        audiences: ['opaque-orders'],
        requiredScopes: ['orders.read'],
      },
    }),
    accessPolicy({ name: 'reports', app: 'reports', rules: [{ from: [{ source: { requestPrincipals: ann } }] }] }),
    identityProvider('automation', 'builds', KEYS_ISSUER, {
      apiKeys: {
        keys: [{ id: 'ci-2026', owner: 'ci', sha256: [hash('sha256', API_KEY)], labels: { team: 'build' } }],
      },
    }),
    accessPolicy({
      name: 'builds',
      app: 'builds',
      rules: [
        {
          from: [{ source: { requestPrincipals: [`${KEYS_ISSUER}/ci`] } }],
          when: [{ key: 'request.auth.claims[team]', values: ['build'] }],
        },
      ],
    }),
  );
}

/** Istio's own object, and a rule that asks for it. */
function istioPolicies({ issuer, jwksUri }: OidcProvider): string {
  return documents(
    yamlOf({
      apiVersion: 'security.istio.io/v1',
      kind: 'RequestAuthentication',
      metadata: { name: 'people', namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app: 'istio' } },
        jwtRules: [
          {
            issuer,
            audiences: ['orders'],
            jwksUri,
            fromHeaders: [{ name: 'x-token', prefix: 'Token ' }],
            fromParams: ['token'],
            outputPayloadToHeader: 'x-payload',
          },
        ],
      },
    }),
    authorizationPolicy({
      name: 'istio',
      app: 'istio',
      rules: [
        { from: [{ source: { requestPrincipals: [`${issuer}/ann`] } }], to: paths('/istio/person') },
        { to: paths('/istio/open') },
      ],
    }),
  );
}

function paths(...values: readonly string[]): object[] {
  return [{ operation: { paths: values } }];
}

let oidc: OidcProvider;
let identity: IdentityWorld;

beforeAll(async () => {
  oidc = await startOidcProvider();
  identity = await startIdentityWorld({
    provider: oidc,
    apps: ['orders', 'kept', 'elsewhere', 'bound', 'dpop', 'reports', 'builds', 'istio'],
    policies: documents(policies(oidc), istioPolicies(oidc)),
  });
}, 60_000);

afterAll(async () => {
  await identity.stop();
  await oidc.stop();
});

describe('a token of the provider that discovery leads to', () => {
  it('is what a rule asks for, the first time and from the cache', async () => {
    const token = await oidc.personToken('ann');
    expect([
      (await identity.send('/orders/person', { token })).status,
      (await identity.send('/orders/person', { token })).status,
    ]).toEqual([200, 200]);
    expect(oidc.answers('/.well-known/openid-configuration')).toBeGreaterThan(0);
  });

  it('of another person is not', async () => {
    expect(await identity.send('/orders/person', { token: await oidc.personToken('bob') })).toMatchObject({
      status: 403,
    });
  });

  it('says groups and scopes', async () => {
    const claims = { groups: ['sales', 'support'] };
    const scope = 'orders.read orders.write';
    for (const [options, status] of [
      [{ claims, scope }, 200],
      [{ claims, scope: 'orders.read' }, 403],
      [{ claims: { groups: ['sales'] }, scope }, 403],
    ] as const) {
      const token = await oidc.personToken('eve', options);
      expect([options, (await identity.send('/orders/support', { token })).status]).toEqual([options, status]);
    }
  });

  it('of automation is for automation', async () => {
    const token = await oidc.automationToken();
    expect(await identity.send('/orders/automation', { token })).toMatchObject({ status: 200 });
    expect(await identity.send('/orders/person', { token })).toMatchObject({ status: 403 });
    expect(await identity.send('/orders/automation', { token: await oidc.personToken('ann') })).toMatchObject({
      status: 403,
    });
  });
});

describe('without a good token', () => {
  it('a missing one is answered 401, and the challenge names no error', async () => {
    const response = await identity.send('/orders/person');
    expect(response.status).toBe(401);
    const [challenge, ...more] = valuesOf(response.headers, 'www-authenticate');
    expect(challenge).toMatch(/^Bearer\b/);
    // RFC 6750 section 3: nothing about errors to who did not try.
    expect(challenge).not.toContain('error');
    expect(more).toEqual([]);
  });

  it('a missing one is no matter where a rule asks for none', async () => {
    expect(await identity.send('/orders/open')).toMatchObject({ status: 200 });
  });

  it('one for another audience is answered 401, wherever it is shown', async () => {
    const token = await oidc.personToken('ann', { audience: 'billing' });
    for (const path of ['/orders/person', '/orders/open']) {
      const response = await identity.send(path, { token });
      expect([path, response.status]).toEqual([path, 401]);
      expect(valuesOf(response.headers, 'www-authenticate')).toEqual([
        expect.stringContaining('error="invalid_token"'),
      ]);
    }
  });

  it('one that somebody else signed in the name of the issuer is answered 401', async () => {
    const { kid = '' } = decodeProtectedHeader(await oidc.personToken('bob'));
    for (const forged of [await forgedToken(oidc.issuer, 'ann'), await forgedToken(oidc.issuer, 'ann', kid)]) {
      expect(await identity.send('/orders/person', { token: forged })).toMatchObject({ status: 401 });
    }
    const [header = '', , signature = ''] = (await oidc.personToken('bob')).split('.');
    const [, annsPayload = ''] = (await oidc.personToken('ann')).split('.');
    const spliced = [header, annsPayload, signature].join('.');
    expect(await identity.send('/orders/person', { token: spliced })).toMatchObject({ status: 401 });
  });

  it('two different ones are answered 401, good as each is', async () => {
    const token = await oidc.personToken('ann');
    const headers: HeaderLine[] = [['authorization', `Bearer ${await oidc.personToken('bob')}`]];
    expect(await identity.send('/orders/person', { token, headers })).toMatchObject({ status: 401 });
  });
});

describe('a rule that needs a workload and a person', () => {
  it('is met by both at once', async () => {
    expect(await identity.send('/orders/both', { token: await oidc.personToken('ann') })).toMatchObject({
      status: 200,
    });
  });

  it('is not met by the person through another workload', async () => {
    const token = await oidc.personToken('ann');
    expect(await identity.send('/orders/both', { token, as: stranger })).toMatchObject({ status: 403 });
  });

  it('is not met by the workload alone, which a token could help', async () => {
    expect(await identity.send('/orders/both')).toMatchObject({ status: 401 });
  });

  it('is not met by another person through the workload', async () => {
    expect(await identity.send('/orders/both', { token: await oidc.personToken('bob') })).toMatchObject({
      status: 403,
    });
  });

  it('tells a workload that no token could help so', async () => {
    expect(await identity.send('/orders/both', { as: stranger })).toMatchObject({ status: 403 });
  });
});

describe('a token that is bound to a certificate', () => {
  it('is good with it, and refused from who stole the token', async () => {
    const token = await oidc.personToken('ann', { boundTo: laptop });
    expect(await identity.send('/bound/', { token, as: clientWith(laptop) })).toMatchObject({ status: 200 });
    const stolen = await identity.send('/bound/', { token, as: clientWith(otherLaptop) });
    expect(stolen.status).toBe(401);
    expect(valuesOf(stolen.headers, 'www-authenticate')).toEqual([expect.stringContaining('invalid_token')]);
    // It was looked at with the other certificate in between.
    expect(await identity.send('/bound/', { token, as: clientWith(laptop) })).toMatchObject({ status: 200 });
    expect(await identity.send('/bound/', { token })).toMatchObject({ status: 401 });
  });

  it('has to be bound where that is asked for', async () => {
    const token = await oidc.personToken('ann');
    expect(await identity.send('/bound/', { token, as: clientWith(laptop) })).toMatchObject({ status: 401 });
  });
});

describe('a token that is bound to a key of the client (DPoP)', () => {
  type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

  /** RFC 9449 section 4.2, for a GET of `path` at the host that requests here name. */
  async function proofOf({ publicKey, privateKey }: Keys, token: string, path: string): Promise<string> {
    return new SignJWT({ htm: 'GET', htu: `https://shop.example${path}`, ath: hash('sha256', token, 'base64url') })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .setJti(randomUUID())
      .sign(privateKey);
  }

  function send(token: string, proofs: readonly string[], scheme = 'DPoP'): Promise<HttpResponse> {
    const headers: HeaderLine[] = [
      ['authorization', `${scheme} ${token}`],
      ...proofs.map((proof): HeaderLine => ['dpop', proof]),
    ];
    return identity.send('/dpop/a?b=c', { headers });
  }

  it('is good with a proof for this very request, once, and with no other', async () => {
    const keys = await generateKeyPair('ES256', { extractable: true });
    const others = await generateKeyPair('ES256', { extractable: true });
    const boundToKey = await calculateJwkThumbprint(await exportJWK(keys.publicKey));
    const token = await oidc.personToken('ann', { boundToKey });
    const proof = await proofOf(keys, token, '/dpop/a');
    const seen = seenIn(await send(token, [proof]));
    expect(valuesOf(seen.headers, 'authorization')).toEqual([]);
    expect(await send(token, [proof])).toMatchObject({ status: 401 });
    expect(await send(token, [await proofOf(keys, token, '/dpop/a')])).toMatchObject({ status: 200 });

    for (const proofs of [
      [],
      [await proofOf(others, token, '/dpop/a')],
      [await proofOf(keys, token, '/dpop/b')],
      [await proofOf(keys, `${token}x`, '/dpop/a')],
      [await proofOf(keys, token, '/dpop/a'), await proofOf(keys, token, '/dpop/a')],
    ]) {
      expect(await send(token, proofs)).toMatchObject({ status: 401 });
    }
    expect(await send(token, [await proofOf(keys, token, '/dpop/a')], 'Bearer')).toMatchObject({ status: 401 });
    const unbound = await oidc.personToken('ann');
    expect(await send(unbound, [await proofOf(keys, unbound, '/dpop/a')])).toMatchObject({ status: 401 });
  });
});

describe('what reaches the upstream', () => {
  it('is without the token', async () => {
    const response = await identity.send('/orders/person', { token: await oidc.personToken('ann') });
    expect(valuesOf(seenIn(response).headers, 'authorization')).toEqual([]);
  });

  it('has the token where the provider says so', async () => {
    const token = await oidc.personToken('ann');
    const response = await identity.send('/kept/', { token });
    expect(valuesOf(seenIn(response).headers, 'authorization')).toEqual([`Bearer ${token}`]);
  });

  it('has claims as headers, and never what the caller wrote there', async () => {
    const headers: HeaderLine[] = [
      ['x-subject', 'root'],
      ['X-Subject', 'admin'],
      ['x-acr', 'mfa'],
    ];
    const token = await oidc.personToken('ann', { claims: { acr: 'pwd' } });
    const withAcr = seenIn(await identity.send('/orders/person', { token, headers }));
    expect([valuesOf(withAcr.headers, 'x-subject'), valuesOf(withAcr.headers, 'x-acr')]).toEqual([['ann'], ['pwd']]);
    const withoutAcr = seenIn(await identity.send('/orders/person', { token: await oidc.personToken('ann'), headers }));
    expect([valuesOf(withoutAcr.headers, 'x-subject'), valuesOf(withoutAcr.headers, 'x-acr')]).toEqual([['ann'], []]);
    const withoutToken = seenIn(await identity.send('/orders/open', { headers }));
    expect([valuesOf(withoutToken.headers, 'x-subject'), valuesOf(withoutToken.headers, 'x-acr')]).toEqual([[], []]);
  });
});

describe('a token that is looked for elsewhere', () => {
  it('is found in the query or a cookie, taken out of there, and all else stays', async () => {
    const token = await oidc.personToken('ann');
    const inQuery = seenIn(await identity.send(`/elsewhere/a?x=1&access_token=${token}&y=2`));
    expect(inQuery.path).toBe('/elsewhere/a?x=1&y=2');
    const inCookie = seenIn(
      await identity.send('/elsewhere/a', { headers: [['cookie', `theme=dark; session=${token}; lang=en`]] }),
    );
    expect(valuesOf(inCookie.headers, 'cookie')).toEqual(['theme=dark; lang=en']);
  });

  it('is not found where it was not looked for', async () => {
    const token = await oidc.personToken('ann');
    expect(await identity.send('/elsewhere/a', { token })).toMatchObject({ status: 401 });
    expect(await identity.send(`/orders/person?access_token=${token}`)).toMatchObject({ status: 401 });
  });
});

describe('a RequestAuthentication of Istio', () => {
  it('takes tokens whose keys are at its jwksUri, from where it says', async () => {
    const token = await oidc.personToken('ann');
    const inHeader = seenIn(await identity.send('/istio/person', { headers: [['x-token', `Token ${token}`]] }));
    expect(valuesOf(inHeader.headers, 'x-token')).toEqual([]);
    const [payload = ''] = valuesOf(inHeader.headers, 'x-payload');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ iss: oidc.issuer, sub: 'ann' });
    const inQuery = seenIn(await identity.send(`/istio/person?token=${token}`));
    expect(inQuery.path).toBe('/istio/person');
    expect(await identity.send('/istio/person', { token })).toMatchObject({ status: 401 });
  });

  it('lets a missing token pass to where none is needed, and no bad one', async () => {
    expect(await identity.send('/istio/open')).toMatchObject({ status: 200 });
    const token = await oidc.personToken('ann', { audience: 'billing' });
    expect(await identity.send('/istio/open', { headers: [['x-token', `Token ${token}`]] })).toMatchObject({
      status: 401,
    });
    expect(await identity.send('/istio/person')).toMatchObject({ status: 401 });
  });
});

describe('an opaque token', () => {
  const audience = 'opaque-orders';

  it('is good when the provider says that it is active, for this audience and scope', async () => {
    const token = await oidc.personToken('ann', { audience, scope: 'orders.read' });
    const before = oidc.answers('/introspect');
    const response = await identity.send('/reports/', { token });
    expect(valuesOf(seenIn(response).headers, 'authorization')).toEqual([]);
    expect(await identity.send('/reports/', { token })).toMatchObject({ status: 200 });
    expect(oidc.answers('/introspect')).toBe(before + 1);
  });

  it('is refused without the scope, when nobody knows it, and of another person', async () => {
    const token = await oidc.personToken('ann', { audience, scope: 'orders.write' });
    expect(await identity.send('/reports/', { token })).toMatchObject({ status: 401 });
    expect(await identity.send('/reports/', { token: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })).toMatchObject({
      status: 401,
    });
    const bobs = await oidc.personToken('bob', { audience, scope: 'orders.read' });
    expect(await identity.send('/reports/', { token: bobs })).toMatchObject({ status: 403 });
  });
});

describe('an API key', () => {
  it('is its owner, and does not reach the upstream', async () => {
    const response = await identity.send('/builds/', { headers: [['x-api-key', API_KEY]] });
    expect(valuesOf(seenIn(response).headers, 'x-api-key')).toEqual([]);
  });

  it('that is wrong or missing is answered 401', async () => {
    for (const headers of [[['x-api-key', `${API_KEY}0`]], []] as const) {
      const response = await identity.send('/builds/', { headers });
      expect([headers, response.status]).toEqual([headers, 401]);
    }
  });

  it('is in no log', async () => {
    await identity.send('/builds/', { headers: [['x-api-key', `${API_KEY}0`]] });
    expect(identity.world.services.portcullis.output()).not.toContain(API_KEY);
  });
});
