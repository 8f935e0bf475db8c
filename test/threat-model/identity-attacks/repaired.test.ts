import { afterAll, describe, expect, it } from '@jest/globals';
import { loadPolicySet } from '../../../src/policy/load.ts';
import { checkRequest, snapshotOf, testService } from '../../extauthz/support/engine.ts';
import type { Ask, TestService } from '../../extauthz/support/engine.ts';
import { decodeCheckResponse } from '../../extauthz/support/messages.ts';
import { access, operation, policiesYaml, source } from '../../extauthz/support/yaml.ts';
import type { PolicyText } from '../../extauthz/support/yaml.ts';
import { World, createIssuer } from '../../identity/support/identity.ts';
import type { Issuer } from '../../identity/support/identity.ts';

/** Each of these got past the service once. */
afterAll(() => World.closeAll());

const ISSUER = 'https://login.example.com';
const FOREVER = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
const XFCC = { enabled: true, trustedPeers: [], depth: 0, trustEmptyPeer: 'marked' } as const;
const ANN = access('ALLOW', source({ requestPrincipals: [`${ISSUER}/ann`] }));

const provider = (jwks: string, more: object = {}, spec: object = {}, namespace = 'shop'): object => ({
  apiVersion: 'portcullis.dev/v1',
  kind: 'IdentityProvider',
  metadata: { name: 'login', namespace },
  spec: { issuer: ISSUER, jwt: { audiences: ['orders'], jwks, ...more }, ...spec },
});

const statusOf = (bytes: Uint8Array | null): number => decodeCheckResponse(bytes!).deniedResponse?.status?.code ?? 200;

function worldOf(policy: PolicyText, own: object, settings: Parameters<typeof snapshotOf>[1] = {}): TestService {
  const snapshot = snapshotOf(policiesYaml([policy], [own]), { jwtMetadata: '', ...settings });
  const world = testService(snapshot, { identity: new World(snapshot.authentications).authenticator });
  world.nowMs = Date.now();
  return world;
}

const ask = async (world: TestService, each: Ask): Promise<Uint8Array | null> =>
  world.service.check(checkRequest(each), FOREVER);

describe('the mark of a listener that speaks for others', () => {
  const WAY = { namespace: 'shop', serviceAccount: 'orders' };
  const MARKED = { ...WAY, 'portcullis.xfcc': 'overwritten' };

  it('counts for the checks that carry it only', () => {
    const admin = access('ALLOW', source({ principals: ['cluster.local/ns/shop/sa/admin'] }));
    const world = testService(snapshotOf(policiesYaml([admin]), { xfcc: XFCC }));
    const headers = { 'x-forwarded-client-cert': 'By=spiffe://x;URI=spiffe://cluster.local/ns/shop/sa/admin' };
    const asked = (contextExtensions: Record<string, string>, path: string): number =>
      statusOf(world.check({ principal: '', headers, contextExtensions, path }));
    for (let i = 0; i < 3; i++) expect(asked(WAY, '/other')).toBe(403);
    for (let i = 0; i < 3; i++) expect(asked(MARKED, '/')).toBe(200);
    expect(asked(WAY, '/')).toBe(403);
  });

  it('does not lend a certificate to a bound token of another listener', async () => {
    const issuer = await createIssuer(ISSUER);
    const world = worldOf(ANN, provider(issuer.jwks, { binding: 'certificate' }), { xfcc: XFCC });
    const sha = 'ab'.repeat(32);
    const token = await issuer.token({ cnf: { 'x5t#S256': Buffer.from(sha, 'hex').toString('base64url') } });
    const headers = {
      authorization: `Bearer ${token}`,
      'x-forwarded-client-cert': `By=spiffe://x;Hash=${sha};URI=spiffe://cluster.local/ns/shop/sa/web`,
    };
    const asked = async (path: string, contextExtensions: Record<string, string>): Promise<number> =>
      statusOf(await ask(world, { path, principal: '', contextExtensions, headers }));
    expect([await asked('/a', WAY), await asked('/b', MARKED), await asked('/c', WAY)]).toEqual([401, 200, 401]);
  });
});

it('a token of Ann beside one of Bob that Envoy verified is refused, whatever was asked before', async () => {
  const issuer = await createIssuer(ISSUER);
  const open = access('ALLOW', operation({ paths: ['/open'] }));
  const world = worldOf(open, provider(issuer.jwks), { jwtMetadata: 'envoy.filters.http.jwt_authn' });
  const headers = { authorization: `Bearer ${await issuer.token()}` };
  const asked = async (sub: string): Promise<number> =>
    statusOf(await ask(world, { path: '/open', headers, claims: { iss: ISSUER, sub } }));
  const first = await asked('bob');
  for (let i = 0; i < 4; i++) expect(await asked('ann')).toBe(200);
  expect([first, await asked('bob')]).toEqual([401, 401]);
});

describe('what is left of a cookie header', () => {
  const names = { from: { cookies: ['token'] } };
  const output = { outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }] };

  it.each([
    ['bytes that are no UTF-8', 'token=TOKEN; x=\xff'],
    ['a letter whose last byte looks like a blank', Buffer.from('token=TOKEN; x=voilà').toString('latin1')],
    ['a line that ends in such a letter', Buffer.from('x=voilà;token=TOKEN').toString('latin1')],
  ])('is an answer that can be read, with %s', async (_, cookie) => {
    const issuer = await createIssuer(ISSUER);
    const world = worldOf(ANN, provider(issuer.jwks, output, names));
    const value = Buffer.from(cookie.replace('TOKEN', await issuer.token()), 'latin1');
    const bytes = await ask(world, {
      rawHeaders: [
        ['cookie', value],
        ['x-user', 'admin'],
      ],
    });
    const answer = decodeCheckResponse(bytes!);
    const set = new Map((answer.okResponse?.headers ?? []).map(({ header }) => [header.key, header.value]));
    expect(set.get('x-user')).toBe('ann');
    // An Envoy takes the whole answer for none where one text is no UTF-8.
    const left = set.get('cookie');
    if (cookie.includes('\xff')) expect(answer.okResponse?.headersToRemove).toContain('cookie');
    else expect(left).toBe('x=voilà');
  });
});

it('a token in the query is taken out however its name is spelt', async () => {
  const issuer = await createIssuer(ISSUER);
  const world = worldOf(ANN, provider(issuer.jwks, {}, { from: { params: ['token'] } }));
  for (const [path, names] of [
    ['/?%74oken=TOKEN', ['token', '%74oken']],
    ['/?token=TOKEN', ['token']],
  ] as const) {
    const answer = decodeCheckResponse((await ask(world, { path: path.replace('TOKEN', await issuer.token()) }))!);
    expect(answer.okResponse?.queryParametersToRemove).toEqual(names);
  }
});

describe('a check that waits for somebody else', () => {
  const slow = (): TestService => {
    const keys = { jwksUri: 'https://login.example.com/keys', jwks: undefined };
    const snapshot = snapshotOf(policiesYaml([access('ALLOW', {})], [provider('', keys)]), { jwtMetadata: '' });
    return testService(snapshot, { identity: { epoch: 0, authenticate: () => new Promise(() => undefined) } });
  };

  it('is refused before its caller stops waiting', async () => {
    const world = slow();
    const context = { deadlineMs: world.nowMs + 80, peerAllowed: true };
    expect(statusOf(await world.service.check(checkRequest({}), context))).toBe(503);
    expect(world.records[0]?.decision.reason).toBe('identity_unavailable');
  });

  it('is one of so many, and those after it are refused at once', async () => {
    const world = slow();
    const context = { deadlineMs: world.nowMs + 500, peerAllowed: true };
    const waiting: unknown[] = [];
    let refused = 0;
    for (let i = 0; i < 6000; i++) {
      const answer = world.service.check(checkRequest({}), context);
      if (answer instanceof Promise) waiting.push(answer);
      else refused++;
    }
    await Promise.all(waiting);
    expect([waiting.length, refused]).toEqual([4096, 1904]);
    expect(world.records.every(({ decision }) => !decision.allowed)).toBe(true);
    // There is room again.
    const later = world.service.check(checkRequest({}), context);
    expect(later).toBeInstanceOf(Promise);
    await later;
  });

  it('holds no more than so many bytes, with all that wait', async () => {
    const world = slow();
    const context = { deadlineMs: world.nowMs + 300, peerAllowed: true };
    // An unknown field of 2^25 bytes, which is passed by: the same bytes each time.
    const padding = Buffer.concat([Buffer.from([0x7a, 0x80, 0x80, 0x80, 0x10]), Buffer.alloc(2 ** 25)]);
    const large = Buffer.concat([checkRequest({}), padding]);
    const answers = Array.from({ length: 9 }, () => world.service.check(large, context));
    expect(answers.map((answer) => answer instanceof Promise)).toEqual(Array.from({ length: 9 }, (_, i) => i < 7));
    for (const answer of answers) expect(statusOf(await answer)).toBe(503);
    const later = world.service.check(large, context);
    expect(later).toBeInstanceOf(Promise);
    await later;
  });
});

describe('policies that would open a door', () => {
  const codes = (...objects: readonly object[]): string[] => {
    const text = policiesYaml([access('ALLOW', {})], objects);
    const options = { rootNamespace: 'istio-system', jwtMetadata: '', allowEmpty: false, remoteIpConfigured: true };
    const { diagnostics } = loadPolicySet([{ path: 'a.yaml', text }], {
      ...options,
      trustDomain: 'cluster.local',
      trustDomainAliases: [],
    });
    return diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  };
  const keysOf = async (): Promise<Issuer> => createIssuer(ISSUER);

  it('a namespace that has keys of its own for an issuer of the whole mesh is refused', async () => {
    const [mesh, own] = [await keysOf(), await keysOf()];
    const root = provider(mesh.jwks, {}, {}, 'istio-system');
    expect(codes(root, provider(own.jwks))).toEqual(['duplicate-provider']);
    expect(codes(root, provider(mesh.jwks))).toEqual([]);
  });

  it.each([{ from: { params: ['clé'] } }, { from: { cookies: ['clé'] } }, { from: { cookies: ['a b'] } }])(
    'names that an answer cannot say are refused: %j',
    async (spec) => {
      expect(codes(provider((await keysOf()).jwks, {}, spec))).toEqual(['bad-value']);
    },
  );
});
