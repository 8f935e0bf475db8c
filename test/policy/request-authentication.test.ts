import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Authentication, Provider } from '../../src/policy/identity-model.ts';
import { access, errorCodes, line, load, loaded, object } from './support.ts';

const authentication = (spec: string): string =>
  `${access('{}')}---\n${object('security.istio.io/v1', 'RequestAuthentication', spec)}`;
const withRule = (rule: string): string => authentication(`{jwtRules: [${rule}]}`);

/** Tokens are verified here. */
const HERE = { jwtMetadata: '' };

const publicKey = (kind: 'rsa' | 'short-rsa' | 'ed25519' | 'ec'): object => {
  const { publicKey: key } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: kind === 'rsa' ? 2048 : 1024 });
  return key.export({ format: 'jwk' });
};

const inline = (jwks: unknown): string =>
  withRule(`{issuer: i, jwks: ${JSON.stringify(typeof jwks === 'string' ? jwks : JSON.stringify(jwks))}}`);

function only(text: string): Authentication {
  const [found, ...others] = loaded(text, HERE).authentications;
  if (found === undefined || others.length > 0) throw new Error('not one authentication');
  return found;
}

function provider(rule: string): Provider {
  const [found, ...others] = only(withRule(rule)).providers;
  if (found === undefined || others.length > 0) throw new Error('not one provider');
  return found;
}

describe('a RequestAuthentication whose tokens Envoy verifies', () => {
  it.each([
    '{}',
    '{selector: {matchLabels: {app: a}}, jwtRules: [{issuer: i}]}',
    '{jwtRules: [{issuer: i, jwksUri: "https://i/keys", audiences: [a], fromHeaders: [{name: x, prefix: "b "}], fromParams: [t], fromCookies: [c], outputPayloadToHeader: x-p, outputClaimToHeaders: [{header: x, claim: sub}], forwardOriginalToken: true, timeout: 5s}]}',
    '{jwtRules: [{issuer: i, outputPayloadToHeader: x-envoy-a}]}',
  ])('is only looked at: %s', (spec) => {
    expect(loaded(authentication(spec)).authentications).toEqual([]);
  });
});

describe('a RequestAuthentication whose tokens are verified here', () => {
  it('says where it applies, and has a provider for each rule', () => {
    const found = only(
      authentication(
        '{selector: {matchLabels: {app: a}}, jwtRules: [{issuer: "https://i", audiences: [x]}, null, {jwksUri: "http://j/keys"}]}',
      ),
    );
    expect(found).toMatchObject({
      kind: 'RequestAuthentication',
      namespace: 'shop',
      name: 'p',
      matchLabels: new Map([['app', 'a']]),
      targetGateways: null,
      position: { line: 6 },
    });
    expect(found.providers).toMatchObject([
      { id: 'shop/p[0]', issuer: 'https://i', audiences: ['x'] },
      { id: 'shop/p[2]', issuer: '', audiences: [], keys: { from: 'uri', uri: 'http://j/keys' } },
    ]);
    expect(
      only(authentication('{targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: g}}')).targetGateways,
    ).toEqual(['g']);
  });

  it('means what Envoy makes of it where nothing is said', () => {
    expect(provider('{issuer: "https://i/realm/"}')).toEqual({
      type: 'jwt',
      profile: 'istio',
      id: 'shop/p[0]',
      issuer: 'https://i/realm/',
      audiences: [],
      keys: { from: 'discovery', uri: 'https://i/realm/.well-known/openid-configuration' },
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      clockSkewSeconds: 60,
      requiredClaims: [],
      typ: null,
      maxAgeSeconds: null,
      binding: 'none',
      spaceDelimitedClaims: [],
      locations: { headers: [], params: [], cookies: [] },
      forwardOriginal: false,
      outputPayloadToHeader: null,
      outputClaimToHeaders: [],
    });
  });

  it('takes all that is said', () => {
    expect(
      provider(
        '{issuer: i, jwks_uri: "https://i/keys", fromHeaders: [{name: X-Token, prefix: "b "}], fromParams: [t, t], fromCookies: [c], outputPayloadToHeader: X-P, outputClaimToHeaders: [{header: X-Sub, claim: sub}], forwardOriginalToken: true, timeout: 1.5s, spaceDelimitedClaims: [roles]}',
      ),
    ).toMatchObject({
      keys: { from: 'uri', uri: 'https://i/keys', timeoutMs: 1500 },
      locations: { headers: [{ name: 'x-token', prefix: 'b ' }], params: ['t'], cookies: ['c'] },
      outputPayloadToHeader: 'x-p',
      outputClaimToHeaders: [{ header: 'x-sub', claim: 'sub' }],
      forwardOriginal: true,
      spaceDelimitedClaims: ['roles'],
    });
  });

  it.each([
    ['1h', 60_000],
    ['500ms', 500],
    ['0.25s', 250],
  ])('waits for keys as long as it says, a minute at most: %s', (timeout, timeoutMs) => {
    expect(provider(`{issuer: "https://i", timeout: ${timeout}}`)).toMatchObject({ keys: { timeoutMs } });
  });

  it('prefers the keys that it holds', () => {
    const jwks = JSON.stringify({ keys: [publicKey('ec'), publicKey('ed25519'), publicKey('rsa'), { kty: 'AKP' }] });
    expect(provider(`{issuer: i, jwksUri: "https://i/keys", jwks: '${jwks}'}`)).toMatchObject({
      keys: { from: 'inline', jwks },
    });
  });

  it.each([
    ['no JSON', '{"keys": ', 'are not a JSON Web Key Set'],
    ['one key alone', publicKey('ec'), 'are not a JSON Web Key Set'],
    ['no key', { keys: [] }, 'holds no key'],
    ['only keys of unknown types', { keys: [{ kty: 'AKP' }, { kty: 'EC', crv: 'secp256k1' }] }, 'holds no key'],
    ['too many keys', { keys: Array.from({ length: 65 }, () => ({ kty: 'AKP' })) }, 'more than 64 keys'],
    ['a key without type', { keys: [{}] }, 'key 0 of the set has no type'],
    ['a key id that is a number', { keys: [{ ...publicKey('ec'), kid: 1 }] }, '`kid`'],
    ['a symmetric key', { keys: [publicKey('ec'), { kty: 'oct', k: 'AAAA' }] }, 'key 1 of the set is a symmetric key'],
    ['a private key', { keys: [{ ...publicKey('ed25519'), d: 'AAAA' }] }, 'is a private key'],
    ['a short RSA key', { keys: [publicKey('short-rsa')] }, 'less than 2048 bits'],
    ['a broken key', { keys: [{ ...publicKey('ec'), x: 'AAAA' }] }, 'is no valid EC key'],
  ])('is refused with %s', (_, jwks, message) => {
    const { diagnostics } = load(inline(jwks), HERE);
    expect(diagnostics.map(line)).toEqual([expect.stringContaining('bad-jwks')]);
    expect(diagnostics[0]!.message).toContain(message);
  });

  it.each([
    ['an issuer at which no keys can be', withRule('{issuer: i}'), ['bad-value']],
    [
      'a header that is Envoy’s',
      withRule('{issuer: "https://i", outputPayloadToHeader: x-envoy-a}'),
      ['forbidden-header'],
    ],
    [
      'a header that nothing can have',
      withRule('{issuer: "https://i", outputPayloadToHeader: "x.a"}'),
      ['bad-header-name'],
    ],
    [
      'a header written twice',
      withRule('{issuer: "https://i", outputPayloadToHeader: x-a, outputClaimToHeaders: [{header: X-A, claim: sub}]}'),
      ['duplicate-header'],
    ],
  ])('is refused with %s', (_, text, codes) => {
    expect(errorCodes(text, HERE)).toEqual(codes);
    expect(errorCodes(text)).toEqual([]);
  });
});

describe('a RequestAuthentication', () => {
  it.each([
    ['without issuer and keys', withRule('{}'), ['missing-field']],
    ['with keys at no http address', withRule('{jwksUri: "ftp://a"}'), ['bad-value']],
    ['with a password in an address', withRule('{jwksUri: "https://a:b@c/keys"}'), ['bad-value']],
    ['with two addresses', withRule('{jwksUri: "https://a", jwks_uri: "https://b"}'), ['conflicting-fields']],
    ['with an empty audience', withRule('{issuer: "https://i", audiences: [""]}'), ['empty-value']],
    ['with a location without name', withRule('{issuer: "https://i", fromHeaders: [{prefix: a}]}'), ['missing-field']],
    [
      'with a location at no header',
      withRule('{issuer: "https://i", fromHeaders: [{name: "a b"}]}'),
      ['bad-header-name'],
    ],
    ['with a timeout without unit', withRule('{issuer: "https://i", timeout: "5"}'), ['bad-value']],
    ['with a timeout of nothing', withRule('{issuer: "https://i", timeout: 0s}'), ['bad-value']],
    [
      'with a claim without header',
      withRule('{issuer: "https://i", outputClaimToHeaders: [{claim: a}]}'),
      ['missing-field'],
    ],
    ['with an unknown field', withRule('{issuer: "https://i", jwksURI: a}'), ['unknown-field']],
    [
      'with two ways to attach',
      authentication('{selector: {}, targetRef: {kind: Service, name: a}}'),
      ['conflicting-fields'],
    ],
    [
      'in dry run',
      authentication('{}').replace(
        /\{name: p, namespace: shop\}\nspec: \{\}\n$/,
        '{name: p, namespace: shop, annotations: {istio.io/dry-run: "true"}}\nspec: {}\n',
      ),
      ['bad-dry-run'],
    ],
  ])('%s is refused, whoever verifies', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
    expect(errorCodes(text, HERE)).toEqual(codes);
  });
});
