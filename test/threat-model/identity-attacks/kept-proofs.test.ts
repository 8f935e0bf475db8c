/** What is kept of proofs, attacked: by what comes with the same bytes elsewhere, and by what has changed meanwhile. */
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hash } from 'node:crypto';
import { checkRequest, snapshotOf, testService } from '../../extauthz/support/engine.ts';
import type { Ask, TestService } from '../../extauthz/support/engine.ts';
import { decodeCheckResponse, pairsOf } from '../../extauthz/support/messages.ts';
import { access, istio, operation, policiesYaml, source, when } from '../../extauthz/support/yaml.ts';
import { createIssuer, World } from '../../identity/support/identity.ts';
import type { Issuer } from '../../identity/support/identity.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';

const PEOPLE = 'https://people.example';
const PARTNERS = 'https://partners.example';
const API_KEY = 'pk-6b0f2c';
const CERTIFICATE = 'ab'.repeat(32);
const HOP = 'spiffe://cluster.local/ns/edge/sa/gateway';

const [people, partners] = await Promise.all([createIssuer(PEOPLE), createIssuer(PARTNERS, 'two')]);

afterAll(() => World.closeAll());

function provider(name: string, spec: object): unknown {
  return { apiVersion: 'portcullis.dev/v1', kind: 'IdentityProvider', metadata: { name, namespace: 'shop' }, spec };
}

const outputs = { outputClaimToHeaders: [{ header: 'x-sub', claim: 'sub' }] };
const ofPeople = provider('people', {
  issuer: PEOPLE,
  jwt: { audiences: ['orders'], jwks: people.jwks, ...outputs },
});
const bound = provider('bound', {
  issuer: PARTNERS,
  from: { cookies: ['session'], headers: [{ name: 'x-token' }] },
  jwt: { audiences: ['orders'], jwks: partners.jwks, binding: 'certificate' },
});
const keys = provider('keys', {
  issuer: 'keys',
  from: { headers: [{ name: 'x-api-key' }], params: ['key'] },
  apiKeys: { keys: [{ id: 'ci-1', owner: 'ci', sha256: [hash('sha256', API_KEY)], labels: { team: 'build' } }] },
});
const ofIstio = {
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: { name: 'rules', namespace: 'shop' },
  spec: {
    jwtRules: [
      { issuer: PEOPLE, jwks: people.jwks, audiences: ['orders'], ...outputs },
      { issuer: PARTNERS, jwks: partners.jwks, fromHeaders: [{ name: 'x-token' }], fromParams: ['t'] },
    ],
  },
};

const ANN = source({ requestPrincipals: [`${PEOPLE}/ann`] });
const RULES = [
  access(
    'ALLOW',
    { ...ANN, ...operation({ paths: ['/orders/*'], methods: ['GET', 'OPTIONS'] }) },
    {
      ...source({ requestPrincipals: [`${PARTNERS}/*`], principals: ['cluster.local/ns/shop/sa/web'] }),
      ...operation({ paths: ['/partners'] }),
    },
    when('request.auth.claims[team]', ['build']),
    operation({ paths: ['/open'] }),
    { ...operation({ paths: ['/set'] }), respond: { request: { set: { 'x-who': '${request.auth.principal}' } } } },
  ),
  access('DENY', when('request.headers[x-bad]', ['1'])),
];
const ISTIO_RULES = [
  istio('ALLOW', ANN, operation({ paths: ['/open'] }), source({ requestPrincipals: [`${PARTNERS}/*`] })),
];

const MESHES = {
  'IdentityProviders of three kinds': { rules: RULES, providers: [ofPeople, bound, keys] },
  RequestAuthentication: { rules: ISTIO_RULES, providers: [ofIstio] },
  'both at once': { rules: RULES, providers: [ofIstio, ofPeople, keys] },
} as const;
type Mesh = keyof typeof MESHES;

const SETTINGS = { jwtMetadata: '', xfcc: { enabled: true, trustedPeers: [HOP], depth: 0 } };

function servicesOf(mesh: Mesh): { readonly keeping: TestService; readonly fresh: () => TestService } {
  const { rules, providers } = MESHES[mesh];
  const snapshot = snapshotOf(policiesYaml(rules, providers), SETTINGS);
  const { authenticator: identity } = new World(snapshot.authentications);
  const at = (world: TestService): TestService => {
    world.nowMs = Date.now();
    return world;
  };
  return {
    keeping: at(testService(snapshot, { identity })),
    fresh: () => at(testService(snapshot, { identity, cache: { maxEntries: 0, ttlSeconds: 60 } })),
  };
}

async function answerTo({ service }: TestService, ask: Ask): Promise<Uint8Array> {
  const answered = await service.check(checkRequest(ask), { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true });
  return answered!;
}

async function statusOf(world: TestService, ask: Ask): Promise<number> {
  return decodeCheckResponse(await answerTo(world, ask)).deniedResponse?.status?.code ?? 200;
}

/** Until it would be found by its bytes. */
async function keep(world: TestService, ask: Ask): Promise<void> {
  for (let i = 0; i < 4; i++) expect(await statusOf(world, ask)).toBe(200);
}

const tokenOf = (issuer: Issuer, claims: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  issuer.token(claims);
const TOKENS = await Promise.all([
  tokenOf(people),
  tokenOf(people, { sub: 'bob' }),
  tokenOf(people, { aud: 'bills' }),
  tokenOf(partners, { cnf: { 'x5t#S256': Buffer.from(CERTIFICATE, 'hex').toString('base64url') } }),
  tokenOf(partners, { sub: 'zoe' }),
]);
const [ofAnn, ofBob, , ofPartner] = TOKENS;
const bearer = (token: string): readonly [string, string] => ['authorization', `Bearer ${token}`];
const forwarded = (certificate: string): readonly [string, string] => [
  'x-forwarded-client-cert',
  `By=spiffe://cluster.local/ns/shop/sa/orders;Hash=${certificate};URI=spiffe://cluster.local/ns/shop/sa/web`,
];

/** Names under which filters, and our own tests of policies, say such things. */
const SAID_TO_BE_VERIFIED = Object.fromEntries(
  ['portcullis.verified', 'envoy.filters.http.jwt_authn'].map((name) => [
    name,
    { payload: { iss: PEOPLE, sub: 'ann' }, iss: PEOPLE, sub: 'ann' },
  ]),
);

describe('an answer that was kept for a proof', () => {
  const { keeping } = servicesOf('IdentityProviders of three kinds');
  const good: Ask = { path: '/orders/1', rawHeaders: [bearer(ofAnn)] };

  it.each<[string, Ask]>([
    ['a second token of another caller', { ...good, rawHeaders: [bearer(ofAnn), bearer(ofBob)] }],
    ['the same token twice', { ...good, rawHeaders: [bearer(ofAnn), bearer(ofAnn)] }],
    ['an API key of another caller', { ...good, rawHeaders: [bearer(ofAnn), ['x-api-key', API_KEY]] }],
    ['an API key in the query', { ...good, path: `/orders/1?key=${API_KEY}` }],
    ['a session of another caller', { ...good, rawHeaders: [bearer(ofAnn), ['cookie', `session=${ofPartner}`]] }],
    ['the scheme of another proof', { ...good, rawHeaders: [['authorization', `Basic ${ofAnn}`]] }],
    ['the same text in the place of another proof', { ...good, rawHeaders: [['x-token', `Bearer ${ofAnn}`]] }],
    ['the token where nobody looks for it', { ...good, rawHeaders: [['x-authorization', `Bearer ${ofAnn}`]] }],
    ['claims that only the request itself calls verified', { path: '/orders/1', metadata: SAID_TO_BE_VERIFIED }],
  ])('is not that of a request with %s', async (_, other) => {
    await keep(keeping, good);
    for (let i = 0; i < 3; i++) expect(await statusOf(keeping, other)).toBe(401);
    await keep(keeping, good);
  });

  it('is not that of the bearer of a stolen token, whose certificate is another', async () => {
    const through = (certificate: string): Ask => ({
      path: '/partners',
      principal: HOP,
      rawHeaders: [['x-token', ofPartner], forwarded(certificate)],
    });
    await keep(keeping, through(CERTIFICATE));
    for (let i = 0; i < 3; i++) expect(await statusOf(keeping, through('cd'.repeat(32)))).toBe(401);
    expect(
      await statusOf(keeping, { ...through(CERTIFICATE), principal: 'spiffe://cluster.local/ns/shop/sa/web' }),
    ).toBe(401);
    await keep(keeping, through(CERTIFICATE));
  });

  it('is that of the caller alone, header by header, whoever asked before', async () => {
    const subjectsOf = async (headers: Ask['rawHeaders']): Promise<readonly string[]> => {
      const { okResponse } = decodeCheckResponse(await answerTo(keeping, { path: '/open', rawHeaders: headers! }));
      const set = pairsOf(okResponse?.headers).filter(([name]) => name === 'x-sub');
      return set.length > 0 ? set.map(([, value]) => value) : (okResponse?.headersToRemove ?? []).filter(isSubject);
    };
    const isSubject = (name: string): boolean => name === 'x-sub';
    for (let i = 0; i < 4; i++) {
      expect(await subjectsOf([bearer(ofAnn), ['x-sub', 'admin']])).toEqual(['ann']);
      expect(await subjectsOf([bearer(ofBob), ['x-sub', 'admin']])).toEqual(['bob']);
      // Nobody: the caller's own copy goes.
      expect(await subjectsOf([['x-sub', 'admin']])).toEqual(['x-sub']);
      expect(
        await subjectsOf([
          ['x-api-key', API_KEY],
          ['x-sub', 'admin'],
        ]),
      ).toEqual(['x-sub']);
    }
  });
});

it('a preflight of a browser is nobody for Istio, also after its token was proven, and proves no token that follows', async () => {
  const { keeping } = servicesOf('RequestAuthentication');
  const preflight = { origin: 'https://shop.example', 'access-control-request-method': 'GET' };
  const asking = (method: string, more: Readonly<Record<string, string>>): Ask => ({
    path: '/orders/1',
    method,
    rawHeaders: [bearer(ofAnn), ...Object.entries(more)],
  });
  await keep(keeping, asking('OPTIONS', {}));
  await keep(keeping, asking('GET', preflight));
  for (let i = 0; i < 3; i++) expect(await statusOf(keeping, asking('OPTIONS', preflight))).toBe(401);
  await keep(keeping, asking('OPTIONS', { origin: preflight.origin }));
  await keep(keeping, asking('GET', preflight));
  const forged = asking('OPTIONS', preflight);
  expect(
    await statusOf(keeping, { ...forged, method: 'GET', rawHeaders: [bearer(`${ofAnn.slice(0, -8)}AAAAAAAA`)] }),
  ).toBe(401);
});

const header = fc.oneof(
  fc.constantFrom(...TOKENS).map(bearer),
  fc
    .tuple(fc.constantFrom('bearer ', 'Basic ', 'Bearer  ', 'x Bearer '), fc.constantFrom(...TOKENS))
    .map(([scheme, token]) => ['authorization', scheme + token] as const),
  fc.constantFrom(...TOKENS).map((token) => ['x-token', token] as const),
  fc.constantFrom(...TOKENS).map((token) => ['cookie', `session=${token}; a=b`] as const),
  fc.constantFrom<readonly [string, string]>(
    ['cookie', 'a=b'],
    ['x-api-key', API_KEY],
    ['x-api-key', 'pk-of-nobody'],
    ['x-sub', 'admin'],
    ['x_sub', 'admin'],
    ['x-bad', '1'],
    ['origin', 'https://shop.example'],
    ['access-control-request-method', 'GET'],
    forwarded(CERTIFICATE),
    forwarded('cd'.repeat(32)),
  ),
);
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom('?x=1', `?key=${API_KEY}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('t', 'access_token'), fc.constantFrom(...TOKENS))
      .map(([name, token]) => `?${name}=${token}`),
  },
);
const request: fc.Arbitrary<Ask> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'OPTIONS', 'POST'),
    path: fc.constantFrom('/orders/1', '/orders/2', '/partners', '/open', '/set'),
    query,
    principal: fc.constantFrom('spiffe://cluster.local/ns/shop/sa/web', HOP, ''),
    lines: fc.array(header, { maxLength: 3 }),
    isRaw: fc.boolean(),
  })
  .map(({ path, query: behind, lines, isRaw, ...others }) => ({
    ...others,
    path: path + behind,
    ...(isRaw ? { rawHeaders: lines } : { headers: joined(lines) }),
  }));

/** As Envoy does where it sends no lines. */
function joined(lines: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const [name, value] of lines) {
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return Object.fromEntries(headers);
}

describe.each(Object.keys(MESHES) as Mesh[])('with %s', (mesh) => {
  it(
    named('a service that keeps answers and proofs says what one says that keeps none'),
    async () => {
      const { keeping, fresh } = servicesOf(mesh);
      await fc.assert(
        fc.asyncProperty(
          fc.array(request, { minLength: 1, maxLength: 3 }),
          fc.array(fc.nat(2)),
          async (asks, order) => {
            for (const index of order) {
              const ask = asks[index % asks.length]!;
              const { dynamicMetadata: _, ...said } = decodeCheckResponse(await answerTo(keeping, ask));
              const { dynamicMetadata: __, ...wanted } = decodeCheckResponse(await answerTo(fresh(), ask));
              expect(said).toEqual(wanted);
            }
          },
        ),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});

it('a token that one workload takes is not good for another, which wants it to be for itself', async () => {
  const of = (app: string): unknown =>
    provider(app, {
      selector: { matchLabels: { app } },
      issuer: PEOPLE,
      jwt: { audiences: [app], jwks: people.jwks },
    });
  const snapshot = snapshotOf(policiesYaml([access('ALLOW', ANN)], [of('orders'), of('bills')]), SETTINGS);
  const world = testService(snapshot, { identity: new World(snapshot.authentications).authenticator });
  world.nowMs = Date.now();
  const at = (app: string): Ask => ({ destinationLabels: { app }, rawHeaders: [bearer(ofAnn)] });
  await keep(world, at('orders'));
  for (let i = 0; i < 3; i++) expect(await statusOf(world, at('bills'))).toBe(401);
});
