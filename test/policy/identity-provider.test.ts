import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Authentication, Provider } from '../../src/policy/identity-model.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../property/runs.ts';
import { access, errorCodes, line, load, loaded, object } from './support.ts';

const identity = (spec: string, name = 'p', namespace = 'shop'): string =>
  object('portcullis.dev/v1', 'IdentityProvider', spec, name, namespace);

/** A whole set: one policy, and these objects. */
const withAll = (...objects: readonly string[]): string => [access('{}'), ...objects].join('---\n');
const codesOf = (spec: string): string[] => errorCodes(withAll(identity(spec)));
const messagesOf = (spec: string): string[] => load(withAll(identity(spec))).diagnostics.map(line);

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
const JWKS = JSON.stringify({ keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] });

/** `beside` the field `jwt`, and `fields` in it. */
const jwt = (fields = '', beside = ''): string =>
  `{issuer: "https://login.example"${beside}, jwt: {audiences: [shop]${fields === '' ? '' : `, ${fields}`}}}`;
const introspection = (fields = ''): string =>
  `{issuer: i, introspection: {endpoint: "https://i/introspect", client: us${fields === '' ? '' : `, ${fields}`}}}`;
const apiKeys = (...keys: readonly string[]): string => `{issuer: keys, apiKeys: {keys: [${keys.join(', ')}]}}`;
const key = (name: string, fields = ''): string =>
  `{id: ${name}, owner: ci, sha256: [${sha256(name)}]${fields === '' ? '' : `, ${fields}`}}`;

function only(text: string): Authentication {
  const [found, ...others] = loaded(text).authentications;
  if (found === undefined || others.length > 0) throw new Error('not one authentication');
  return found;
}

function provider(spec: string): Provider {
  const [found, ...others] = only(withAll(identity(spec))).providers;
  if (found === undefined || others.length > 0) throw new Error('not one provider');
  return found;
}

const range = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

describe('an IdentityProvider', () => {
  it('says where it applies, also while Envoy verifies what RequestAuthentications name', () => {
    expect(only(withAll(identity(jwt('', ', selector: {matchLabels: {app: a}}'))))).toMatchObject({
      kind: 'IdentityProvider',
      namespace: 'shop',
      name: 'p',
      matchLabels: new Map([['app', 'a']]),
      targetGateways: null,
      position: { line: 6, column: 1 },
    });
  });

  it('stands in the order of namespace and name', () => {
    const text = withAll(identity(jwt(), 'b'), identity(jwt(), 'c', 'a'), identity(apiKeys(key('a')), 'a'));
    expect(loaded(text).authentications.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual([
      'a/c',
      'shop/a',
      'shop/b',
    ]);
  });

  it('looks where it says, and passes the proof on when it says so', () => {
    expect(
      provider(
        jwt('', ', from: {headers: [{name: X-Token, prefix: "t "}], params: [p], cookies: [c]}, forwardOriginal: true'),
      ),
    ).toMatchObject({
      locations: { headers: [{ name: 'x-token', prefix: 't ' }], params: ['p'], cookies: ['c'] },
      forwardOriginal: true,
    });
  });

  it.each([
    ['no way to prove anything', '{issuer: i}', ['missing-field']],
    [
      'two ways',
      apiKeys(key('a')).replace('apiKeys', 'introspection: {endpoint: "https://a", client: c}, apiKeys'),
      ['conflicting-fields'],
    ],
    ['no issuer', '{jwt: {audiences: [a], jwksUri: "https://a"}}', ['missing-field']],
    ['an empty issuer', '{issuer: "", jwt: {audiences: [a], jwksUri: "https://a"}}', ['empty-value']],
    ['an empty `from`', jwt('', ', from: {}'), ['missing-field']],
    ['no header where one is named', jwt('', ', from: {headers: [{prefix: a}]}'), ['missing-field']],
    ['a header that nobody can send', jwt('', ', from: {headers: [{name: "a b"}]}'), ['bad-header-name']],
    ['null', '{issuer: i, jwt: null}', ['wrong-type']],
    ['an unknown field', jwt('audience: a'), ['unknown-field']],
    ['a wildcard in its selector', jwt('', ', selector: {matchLabels: {app: "*"}}'), ['bad-selector']],
    ['more places than a request is searched for', jwt('', `, from: {params: [${range(9).join(', ')}]}`), ['too-many']],
  ])('is refused with %s', (_, spec, expected) => {
    expect(codesOf(spec)).toEqual(expected);
  });

  it('is refused in dry run, which it does not have', () => {
    const annotations = 'namespace: shop, annotations: {istio.io/dry-run: "true"}';
    expect(errorCodes(withAll(identity(jwt()).replace('namespace: shop', annotations)))).toEqual(['bad-dry-run']);
  });

  it('takes nothing from another kind of set: alone it decides nothing', () => {
    expect(errorCodes(identity(jwt()))).toEqual(['no-policies']);
  });

  const leaf = fc.oneof(
    fc.constantFrom('i', 'https://i', sha256('k'), 'RS256', JWKS),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const fields = `issuer jwt introspection apiKeys keys sha256 labels valid from headers name jwks jwksUri audiences
    discovery outputClaimToHeaders header claim endpoint client id owner`.split(/\s+/);
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...fields), tie('value'), { maxKeys: 5 }),
    ),
  }));
  const spec = fc.record(
    {
      issuer: fc.constantFrom('i', 'https://i', ''),
      selector: value,
      from: value,
      jwt: fc.oneof(
        value,
        fc.record(
          { audiences: fc.constant(['a']), jwks: fc.constant(JWKS), more: value },
          { requiredKeys: ['audiences'] },
        ),
      ),
      introspection: value,
      apiKeys: fc.record({
        keys: fc.array(fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 4 }), { maxLength: 2 }),
      }),
    },
    { requiredKeys: ['issuer'] },
  );

  it(
    named('is read or refused in any form, and never throws'),
    () => {
      fc.assert(
        fc.property(spec, (each) => {
          const { set, diagnostics } = load(withAll(identity(JSON.stringify(each))));
          expect(set === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
          for (const { providers } of set?.authentications ?? []) expect(providers).toHaveLength(1);
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});

describe('an IdentityProvider of signed tokens', () => {
  it('is strict where nothing is said', () => {
    expect(provider(jwt())).toEqual({
      type: 'jwt',
      profile: 'strict',
      id: 'shop/p',
      issuer: 'https://login.example',
      audiences: ['shop'],
      keys: { from: 'discovery', uri: 'https://login.example/.well-known/openid-configuration' },
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      clockSkewSeconds: 30,
      requiredClaims: [],
      typ: null,
      maxAgeSeconds: null,
      binding: 'none',
      spaceDelimitedClaims: [],
      locations: { headers: [{ name: 'authorization', prefix: 'Bearer ' }], params: [], cookies: [] },
      forwardOriginal: false,
      outputPayloadToHeader: null,
      outputClaimToHeaders: [],
    });
  });

  it('takes all that is said', () => {
    const fields = `jwksUri: "http://keys.internal/jwks", algorithms: [ES384, ES384], clockSkewSeconds: 0, requiredClaims: [sub],
      typ: at+jwt, maxTokenAgeSeconds: 3600, binding: dpop, spaceDelimitedClaims: [roles], outputPayloadToHeader: X-Payload,
      outputClaimToHeaders: [{header: X-Sub, claim: sub}]`;
    expect(provider(jwt(fields))).toMatchObject({
      keys: { from: 'uri', uri: 'http://keys.internal/jwks' },
      algorithms: ['ES384'],
      clockSkewSeconds: 0,
      requiredClaims: ['sub'],
      typ: 'at+jwt',
      maxAgeSeconds: 3600,
      binding: 'dpop',
      spaceDelimitedClaims: ['roles'],
      locations: { headers: [{ name: 'authorization', prefix: 'DPoP ' }], params: [], cookies: [] },
      outputPayloadToHeader: 'x-payload',
      outputClaimToHeaders: [{ header: 'x-sub', claim: 'sub' }],
    });
    expect(provider(jwt(`jwks: '${JWKS}'`))).toMatchObject({ keys: { from: 'inline', jwks: JWKS } });
    expect(provider(jwt('discovery: true, binding: certificate'))).toMatchObject({
      keys: { from: 'discovery' },
      binding: 'certificate',
    });
  });

  it.each([
    ['without audiences', '{issuer: "https://i", jwt: {}}', ['missing-field']],
    ['with an empty audience', '{issuer: "https://i", jwt: {audiences: [""]}}', ['empty-value']],
    ['with keys at no address', jwt('jwksUri: keys.example'), ['bad-value']],
    ['with keys in two places', jwt(`jwksUri: "https://i", jwks: '${JWKS}'`), ['conflicting-fields']],
    ['with keys in a place and discovered', jwt('jwksUri: "https://i", discovery: true'), ['conflicting-fields']],
    ['with keys nowhere', jwt('discovery: false'), ['missing-field']],
    ['with an issuer at which no keys can be', '{issuer: login, jwt: {audiences: [a]}}', ['bad-value']],
    ['with an issuer that has a query', jwt().replace('login.example', 'login.example/?a'), ['bad-value']],
    ['with keys that are no key set', jwt('jwks: "{}"'), ['bad-jwks']],
    ['with a clock that is wrong', jwt('clockSkewSeconds: 61'), ['bad-value']],
    ['with an age of nothing', jwt('maxTokenAgeSeconds: 0'), ['bad-value']],
    ['with an unknown binding', jwt('binding: mtls'), ['unknown-value']],
    ['with a header that is Envoy’s', jwt('outputPayloadToHeader: x-envoy-a'), ['forbidden-header']],
    ['with a claim without header', jwt('outputClaimToHeaders: [{claim: sub}]'), ['missing-field']],
    ['with too many audiences', `{issuer: "https://i", jwt: {audiences: [${range(65).join(', ')}]}}`, ['too-many']],
  ])('is refused %s', (_, spec, expected) => {
    expect(codesOf(spec)).toEqual(expected);
  });

  it.each(['none', 'None', 'HS256', 'HS512', 'rs256', 'RS128', 'A128KW'])('never takes the algorithm %s', (name) => {
    expect(messagesOf(jwt(`algorithms: [ES256, ${name}]`))).toEqual([
      `9:86 bad-algorithm: \`${name}\` is not a valid algorithm here [an algorithm has a public key: RS256, PS256, ES256 (or 384, 512) or EdDSA. \`none\` proves nothing, and with HS256 whoever verifies tokens could make them]`,
    ]);
  });
});

describe('an IdentityProvider of opaque tokens', () => {
  it('asks about them', () => {
    expect(provider(introspection())).toEqual({
      type: 'introspection',
      id: 'shop/p',
      issuer: 'i',
      endpoint: 'https://i/introspect',
      audiences: [],
      requiredScopes: [],
      client: 'us',
      maxCacheSeconds: 60,
      spaceDelimitedClaims: [],
      locations: { headers: [{ name: 'authorization', prefix: 'Bearer ' }], params: [], cookies: [] },
      forwardOriginal: false,
    });
    expect(
      provider(introspection('audiences: [a, a], requiredScopes: [r], maxCacheSeconds: 0, spaceDelimitedClaims: [g]')),
    ).toMatchObject({ audiences: ['a'], requiredScopes: ['r'], maxCacheSeconds: 0, spaceDelimitedClaims: ['g'] });
  });

  it.each([
    ['without endpoint', '{issuer: i, introspection: {client: us}}', ['missing-field']],
    ['at no address', '{issuer: i, introspection: {endpoint: i, client: us}}', ['bad-value']],
    ['without client', '{issuer: i, introspection: {endpoint: "https://i"}}', ['missing-field']],
    ['with a client of no name', '{issuer: i, introspection: {endpoint: "https://i", client: "a b"}}', ['bad-name']],
    ['with a secret beside', introspection('clientSecret: s'), ['unknown-field']],
    ['with answers that are kept for days', introspection('maxCacheSeconds: 86400'), ['bad-value']],
  ])('is refused %s', (_, spec, expected) => {
    expect(codesOf(spec)).toEqual(expected);
  });
});

describe('an IdentityProvider of API keys', () => {
  it('has them by their hashes', () => {
    const valid = 'valid: {from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}';
    const rotated = `{id: old, owner: ci, sha256: ["${sha256('old').toUpperCase()}", ${sha256('new')}], labels: {team: build}, ${valid}}`;
    expect(provider(apiKeys(rotated, key('other')))).toMatchObject({
      type: 'apiKey',
      id: 'shop/p',
      issuer: 'keys',
      locations: { headers: [{ name: 'x-api-key', prefix: '' }], params: [], cookies: [] },
      forwardOriginal: false,
      keys: [
        {
          id: 'old',
          owner: 'ci',
          sha256: [sha256('old'), sha256('new')],
          labels: new Map([['team', 'build']]),
          fromMs: Date.UTC(2026, 0, 1),
          untilMs: Date.UTC(2027, 0, 1),
        },
        { id: 'other', fromMs: null, untilMs: null },
      ],
    });
  });

  it.each([
    ['without keys', '{issuer: i, apiKeys: {keys: []}}', ['empty-list']],
    ['without owner', apiKeys(`{id: a, sha256: [${sha256('a')}]}`), ['missing-field']],
    ['without hash', apiKeys('{id: a, owner: b}'), ['missing-field']],
    ['without any hash', apiKeys('{id: a, owner: b, sha256: []}'), ['empty-list']],
    [
      'with more hashes than a rotation has',
      apiKeys(`{id: a, owner: b, sha256: [${range(9).map(sha256).join(', ')}]}`),
      ['too-many'],
    ],
    ['with the hash of nothing', apiKeys(`{id: a, owner: b, sha256: [${sha256('')}]}`), ['bad-key-hash']],
    ['with the hash of a line break', apiKeys(`{id: a, owner: b, sha256: [${sha256('\n')}]}`), ['bad-key-hash']],
    ['with two keys of one id', apiKeys(key('a'), key('b').replace('id: b', 'id: a')), ['duplicate-api-key']],
    ['with one hash twice', apiKeys(key('a'), key('a').replace('id: a', 'id: b')), ['duplicate-api-key']],
    [
      'with a label that speaks for the issuer',
      apiKeys(key('a', 'labels: {iss: "https://login.example"}')),
      ['bad-claim'],
    ],
    ['with a label without name', apiKeys(key('a', 'labels: {"": b}')), ['bad-claim']],
    [
      'with too many labels',
      apiKeys(
        key(
          'a',
          `labels: {${range(33)
            .map((name) => `${name}: a`)
            .join(', ')}}`,
        ),
      ),
      ['too-many'],
    ],
    [
      'with a window that never is',
      apiKeys(key('a', 'valid: {from: 2027-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z}')),
      ['bad-window'],
    ],
    ['with an owner that is empty', apiKeys(key('a').replace('owner: ci', 'owner: ""')), ['empty-value']],
  ])('is refused %s', (_, spec, expected) => {
    expect(codesOf(spec)).toEqual(expected);
  });

  it.each([
    ['in place of a hash', apiKeys('{id: a, owner: b, sha256: [SECRET]}'), 'bad-key-hash'],
    ['in place of the list', apiKeys('{id: a, owner: b, sha256: SECRET}'), 'bad-key-hash'],
    ['that is a number', apiKeys('{id: a, owner: b, sha256: [7777]}'), 'bad-key-hash'],
    ['that is a number, in place of the list', apiKeys('{id: a, owner: b, sha256: 7777}'), 'bad-key-hash'],
    ['in a list in the list', apiKeys('{id: a, owner: b, sha256: [[SECRET]]}'), 'bad-key-hash'],
    ['in a field of another name', apiKeys(key('a', 'key: SECRET')), 'unknown-field'],
  ])('is refused with a key %s, and the message does not repeat it', (_, spec, code) => {
    const messages = messagesOf(spec.replace('SECRET', 'sk-live-7f1d'));
    expect(messages).toEqual([expect.stringContaining(` ${code}: `)]);
    expect(messages.join()).not.toMatch(/sk-live|7777/);
  });

  it('tells how a hash is made', () => {
    expect(messagesOf(apiKeys('{id: a, owner: b, sha256: [sk-live-7f1d]}'))).toEqual([
      expect.stringContaining('make it with `printf %s "$KEY" | sha256sum`'),
    ]);
  });
});

describe('two IdentityProviders', () => {
  const pair = (a: string, b: string, namespaces: readonly [string, string] = ['shop', 'shop']): string =>
    withAll(identity(a, 'a', namespaces[0]), identity(b, 'b', namespaces[1]));
  const selecting = (label: string): string => jwt('', `, selector: {matchLabels: {${label}}}`);

  it.each([
    ['tokens', pair(jwt(), jwt('clockSkewSeconds: 1'))],
    [
      'tokens in another order of audiences',
      pair(
        '{issuer: i, jwt: {audiences: [a, b], jwksUri: "https://i"}}',
        '{issuer: i, jwt: {audiences: [b, a], jwksUri: "https://j"}}',
      ),
    ],
    ['tokens for workloads that meet both selectors', pair(selecting('app: a'), selecting('tier: web'))],
    ['opaque tokens', pair(introspection(), introspection())],
    ['principals of keys', pair(apiKeys(key('a')), apiKeys(key('b')))],
  ])('are refused when they take the same %s', (_, text) => {
    expect(load(text).diagnostics).toMatchObject([
      { code: 'duplicate-provider', message: expect.stringMatching(/^`shop\/b` and `shop\/a` take the same proofs/) },
    ]);
  });

  it.each([
    ['are for other audiences', pair(jwt(), jwt().replace('[shop]', '[shop, admin]'))],
    ['are for workloads of which none meets both selectors', pair(selecting('app: a'), selecting('app: b'))],
    ['stand in two namespaces', pair(jwt(), jwt(), ['shop', 'istio-system'])],
    [
      'take signed and opaque tokens of one issuer',
      pair('{issuer: i, jwt: {audiences: [a], jwksUri: "https://i"}}', introspection('audiences: [a]')),
    ],
    ['hold the same key in two namespaces', pair(apiKeys(key('a')), apiKeys(key('a')), ['shop', 'bank'])],
  ])('stand beside each other when they %s', (_, text) => {
    expect(errorCodes(text)).toEqual([]);
  });

  it.each([['of one namespace', pair(apiKeys(key('a')), apiKeys(key('a')).replace('issuer: keys', 'issuer: others'))]])(
    'are refused when one key is two callers: %s',
    (_, text) => {
      expect(errorCodes(text)).toEqual(['duplicate-api-key']);
    },
  );

  it('are refused when one key is two callers of the mesh’s issuer and of a namespace that names it too', () => {
    const text = pair(apiKeys(key('a')), apiKeys(key('a')), ['shop', 'istio-system']);
    expect(errorCodes(text).sort()).toEqual(['duplicate-api-key', 'duplicate-provider']);
  });
});
