import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sign, generateKeyPairSync, webcrypto } from 'node:crypto';
import { toByteString } from '../../../src/attributes/bytes.ts';
import { PublicKeySet, parseKeySet } from '../../../src/identity/jwks/key-set.ts';
import { FetchError } from '../../../src/identity/net/fetch-error.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';
import { ED25519, P256, P256_OTHER, P384, P521, RSA_1024, RSA_2048, SECP256K1, X25519, setOf } from './keys.ts';
import type { Jwk } from './keys.ts';

const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['none', 'HS256', 'HS512', 'ES256K', 'RSA-OAEP', 'dir', '', '__proto__', 'constructor', 'toString'],
];

const keySet = (...keys: readonly unknown[]): PublicKeySet =>
  new PublicKeySet(parseKeySet(toByteString(setOf(...keys))).keys);
const algorithmsOf = (jwk: Jwk): string[] => ALGORITHMS.filter((each) => keySet(jwk).find(null, each).length > 0);
const flawsOf = (...keys: readonly unknown[]): unknown[] => [...parseKeySet(setOf(...keys)).flaws];

const padded = (text: unknown): string =>
  Buffer.concat([Buffer.alloc(1), Buffer.from(text as string, 'base64url')]).toString('base64url');

describe('alg none, HS/RS confusion: a key', () => {
  test.each([
    ['P-256', P256, ['ES256']],
    ['P-384', P384, ['ES384']],
    ['P-521', P521, ['ES512']],
    ['Ed25519', ED25519, ['EdDSA', 'Ed25519']],
    ['RSA', RSA_2048, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['RSA for one algorithm', { ...RSA_2048, alg: 'PS384' }, ['PS384']],
    ['Ed25519 by its old name', { ...ED25519, alg: 'EdDSA' }, ['EdDSA', 'Ed25519']],
    ['Ed25519 by its new name', { ...ED25519, alg: 'Ed25519' }, ['EdDSA', 'Ed25519']],
    [
      'P-256 with all that may be said',
      { ...P256, use: 'sig', key_ops: ['verify'], alg: 'ES256', x: P256['x'] },
      ['ES256'],
    ],
  ])('of %s fits its own algorithms only', (_what, jwk, expected) => {
    expect(algorithmsOf(jwk)).toEqual(expected);
    for (const algorithm of expected)
      for (const key of keySet(jwk).find(null, algorithm))
        expect([key.type, key.extractable, key.usages]).toEqual(['public', false, ['verify']]);
  });

  test.each([
    ['secret', { kty: 'oct', k: 'AAAA' }],
    ['secret', { ...RSA_2048, k: 'AAAA' }],
    ['type', { kty: 'oct' }],
    ['type', SECP256K1],
    ['type', X25519],
    ['type', { kty: 'rsa', n: RSA_2048['n'], e: 'AQAB' }],
    ['type', { ...P256, crv: 'P-256 ' }],
    ['type', { ...P256, kty: 'OKP' }],
    ['type', { ...P256, kty: ['EC'] }],
    ['type', {}],
    ['type', { kty: '__proto__', crv: 'constructor' }],
    ['algorithm', { ...P256, alg: 'ES384' }],
    ['algorithm', { ...P256, alg: 'none' }],
    ['algorithm', { ...RSA_2048, alg: 'HS256' }],
    ['algorithm', { ...RSA_2048, alg: 'RSA-OAEP' }],
    ['algorithm', { ...RSA_2048, alg: ['RS256'] }],
    ['not for signatures', { ...P256, use: 'enc' }],
    ['not for signatures', { ...P256, use: 'SIG' }],
    ['not for signatures', { ...P256, use: null }],
    ['not for signatures', { ...P256, key_ops: [] }],
    ['not for signatures', { ...P256, key_ops: ['encrypt'] }],
    ['not for signatures', { ...P256, key_ops: 'verify' }],
    ['not for signatures', { ...P256, use: 'enc', key_ops: ['verify'] }],
    ['id', { ...P256, kid: 7 }],
    ['id', { ...P256, kid: 'x'.repeat(513) }],
    ['too weak or too long', RSA_1024],
    ['too weak or too long', { ...RSA_2048, n: Buffer.alloc(1025, 0xff).toString('base64url') }],
    ['too weak or too long', { ...RSA_2048, e: 'AQ' }],
    ['too weak or too long', { ...RSA_2048, e: 'AgAA' }],
    ['too weak or too long', { ...RSA_2048, e: 'AAEAAQAAAQ' }],
    ['malformed', { ...RSA_2048, e: 'AA' }],
    ['malformed', { ...RSA_2048, n: undefined }],
    ['malformed', { ...RSA_2048, n: `${RSA_2048['n'] as string}==` }],
    ['malformed', { ...P256, y: undefined }],
    ['malformed', { ...P256, y: P256['x'] }],
    ['malformed', { ...P256, x: `A${P256['x'] as string}` }],
    ['malformed', { ...P256, x: P384['x'], y: P384['y'] }],
    ['malformed', { ...P256, x: padded(P256['x']) }],
    ['malformed', { ...ED25519, x: 'AAAA' }],
    ['not an object', 'P-256'],
    ['not an object', null],
    ['not an object', [P256]],
  ])('is not used: %s', (flaw, jwk) => {
    // A bad key does not spoil the good one beside it.
    expect(flawsOf(jwk, P384)).toEqual([[flaw, 1]]);
    expect(keySet(jwk, P384).find(null, 'ES384')).toHaveLength(1);
  });

  test('that is private is not used', () => {
    for (const { privateKey } of [
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ])
      expect(flawsOf({ ...privateKey.export({ format: 'jwk' }) })).toEqual([['secret', 1]]);
  });

  test('with zero bytes before its modulus is the same key', () => {
    const set = keySet({ ...RSA_2048, n: padded(padded(RSA_2048['n'])) });
    expect(set.hasSameKeys(parseKeySet(setOf(RSA_2048)).keys)).toBe(true);
  });

  test('verifies what its private half signed', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [key] = keySet(publicKey.export({ format: 'jwk' })).find(null, 'RS256');
    const text = Buffer.from('text');
    const signature = sign('sha256', text, privateKey);
    await expect(webcrypto.subtle.verify('RSASSA-PKCS1-v1_5', key!, signature, text)).resolves.toBe(true);
  });
});

describe('embedded jwk, jku, x5u, x5c, kid injection: a set', () => {
  test.each(['', 'a', '../../etc/passwd', "' OR 1=1", '__proto__', 'constructor', 'ключ', '\0'])(
    'finds %j by being equal and in no other way',
    (kid) => {
      const set = keySet({ ...P256, kid }, { ...P256_OTHER, kid: `${kid}x` });
      expect(set.find(toByteString(kid), 'ES256')).toHaveLength(1);
      for (const other of [`${kid} `, `${kid}/`, `A${kid}`]) expect(set.find(other, 'ES256')).toHaveLength(0);
      expect(set.find(null, 'ES256')).toHaveLength(2);
    },
  );

  test('certificates and URLs of a key are nothing', () => {
    const set = keySet({ ...P256, x5c: ['AAAA'], x5u: 'https://evil.test', jku: 'https://evil.test' });
    expect(set.hasSameKeys(parseKeySet(setOf(P256)).keys)).toBe(true);
  });

  test('has two keys of one id: both are found', () => {
    const set = keySet({ ...P256, kid: 'a' }, { ...P256_OTHER, kid: 'a' }, { ...P384, kid: 'a' });
    expect(set.find('a', 'ES256')).toHaveLength(2);
    expect(set.find('a', 'ES384')).toHaveLength(1);
    expect(set.find('b', 'ES256')).toHaveLength(0);
  });

  test('has keys without an id: they are found where none has the id', () => {
    const set = keySet(P256, { ...P256_OTHER, kid: 'a' });
    expect(set.find('b', 'ES256')).toHaveLength(1);
    expect(set.find('a', 'ES256')).toHaveLength(1);
    expect(set.find('a', 'ES256')[0]).not.toBe(set.find('b', 'ES256')[0]);
    expect(set.find('c', 'ES256')[0]).toBe(set.find('b', 'ES256')[0]);
  });
});

describe('the version of a set', () => {
  const same = (...keys: readonly unknown[]): boolean =>
    keySet({ ...P256, kid: 'a' }, { ...P384, kid: 'b' }).hasSameKeys(parseKeySet(setOf(...keys)).keys);

  test('is another for each set', () => {
    expect(keySet(P256).version).not.toBe(keySet(P256).version);
  });

  test('stays with the same keys, whatever their order and what else is said of them', () => {
    expect(same({ ...P384, kid: 'b', x5t: 'x' }, { ...P256, kid: 'a', use: 'sig', alg: 'ES256' })).toBe(true);
    expect(same({ ...P384, kid: 'b' }, { ...P256, kid: 'a' }, { ...P256, kid: 'a' }, { kty: 'oct', k: 'x' })).toBe(
      true,
    );
  });

  test.each([
    ['a key is gone', [{ ...P256, kid: 'a' }]],
    [
      'a key is another',
      [
        { ...P256_OTHER, kid: 'a' },
        { ...P384, kid: 'b' },
      ],
    ],
    [
      'ids are exchanged',
      [
        { ...P256, kid: 'b' },
        { ...P384, kid: 'a' },
      ],
    ],
    ['an id is gone', [P256, { ...P384, kid: 'b' }]],
    ['a key is there besides', [{ ...P256, kid: 'a' }, { ...P384, kid: 'b' }, P521]],
    ['no key is left', []],
  ])('changes when %s', (_what, keys) => {
    expect(same(...keys)).toBe(false);
  });

  test('changes when a key is for less', () => {
    expect(keySet(RSA_2048).hasSameKeys(parseKeySet(setOf({ ...RSA_2048, alg: 'RS256' })).keys)).toBe(false);
  });
});

describe('JWE/PBES2/zip bombs: the text of a set', () => {
  test.each([
    '',
    'null',
    '[]',
    '{}',
    '"keys"',
    '{"keys":{}}',
    '{"keys":null}',
    '{"keys":[],"keys":[]}',
    '{"keys":[]} x',
    '{"keys":[],}',
    '\ufeff{"keys":[]}',
    '<html></html>',
    `{"keys":[{"kty":"EC","kty":"RSA"}]}`,
    `{"keys":[{"kid":"\\ud800"}]}`,
  ])('%s is none', (text) => {
    let error: unknown;
    try {
      parseKeySet(toByteString(text));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FetchError);
    expect(error).toMatchObject({ failure: 'document' });
  });

  test('that is deep is none', () => {
    for (const text of [`{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, `{"keys":[${'{"a":'.repeat(100_000)}`])
      expect(() => parseKeySet(text)).toThrow('no JSON: more than 32 levels');
  });

  test('of bytes that are no UTF-8 is none', () => {
    expect(() => parseKeySet('{"keys":[],"x":"\xff"}')).toThrow('no JSON: not UTF-8');
  });

  test('holds at most 100 keys', () => {
    expect(parseKeySet(setOf(...Array<Jwk>(100).fill(ED25519))).keys).toHaveLength(100);
    expect(() => parseKeySet(setOf(...Array<Jwk>(101).fill(ED25519)))).toThrow('more than 100 keys');
    expect(() => parseKeySet(setOf(...Array<null>(101).fill(null)))).toThrow('more than 100 keys');
  });

  test('may hold no key that is used', () => {
    expect(keySet().size).toBe(0);
    expect(keySet({ kty: 'oct', k: 'AAAA' }).find(null, 'HS256')).toEqual([]);
  });
});

describe('a set of anything', () => {
  const value = fc.oneof(
    fc.constantFrom('sig', 'verify', 'ES256', 'RS256', 'EC', 'RSA', 'P-256', 'AQAB', ''),
    fc.jsonValue(),
  );
  const spoiled = fc
    .tuple(
      fc.constantFrom<Jwk>(P256, P384, P521, ED25519, RSA_2048, X25519, { kty: 'oct' }),
      fc.dictionary(
        fc.constantFrom('kty', 'crv', 'x', 'y', 'n', 'e', 'd', 'k', 'use', 'key_ops', 'alg', 'kid', '__proto__'),
        value,
        { maxKeys: 2 },
      ),
    )
    .map(([key, changes]) => ({ ...key, ...changes }));
  const document = fc.oneof(
    fc.array(fc.oneof(spoiled, fc.jsonValue()), { maxLength: 5 }).map((keys) => setOf(...keys)),
    fc.json(),
    fc.string(),
  );

  test(
    named('is keys that fit, or an error of the document; never another error'),
    () => {
      fc.assert(
        fc.property(document, fc.nat(), fc.nat(255), (text, at, byte) => {
          const bytes = toByteString(text);
          const cut = at % (bytes.length + 1);
          for (const each of [bytes, bytes.slice(0, cut) + String.fromCharCode(byte) + bytes.slice(cut + 1)]) {
            try {
              const { keys, flaws } = parseKeySet(each);
              const count = [...flaws.values()].reduce((sum, n) => sum + n, 0);
              expect(count + keys.length).toBe(
                (JSON.parse(Buffer.from(each, 'latin1').toString()) as { keys: unknown[] }).keys.length,
              );
              const set = new PublicKeySet(keys);
              for (const algorithm of ALGORITHMS)
                for (const key of set.find(null, algorithm)) {
                  expect(key.type).toBe('public');
                  expect(algorithm).toMatch(/^(?:[RP]S(?:256|384|512)|ES(?:256|384|512)|EdDSA|Ed25519)$/);
                }
            } catch (error) {
              if (!(error instanceof FetchError) || error.failure !== 'document') throw error;
            }
          }
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});
