/** Issuers of test tokens, good and bad: any header, any payload, any bytes. */
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import type { KeySet, KeySource } from '../../../../src/identity/proof.ts';
import type { JwtProvider } from '../../../../src/policy/identity-model.ts';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'orders';
export const NOW_MS = Date.parse('2026-06-01T12:00:00Z');
export const NOW = NOW_MS / 1000;

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Of the JavaScript Web Cryptography: what an algorithm's public key is imported with. */
const IMPORTS = new Map<string, object>([
  ['RS256', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
  ['PS256', { name: 'RSA-PSS', hash: 'SHA-256' }],
  ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
  ['ES384', { name: 'ECDSA', namedCurve: 'P-384' }],
  ['EdDSA', { name: 'Ed25519' }],
]);

export function signingKey(algorithm: string, kid: string): SigningKey {
  const pair =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : algorithm.startsWith('ES')
        ? generateKeyPairSync('ec', { namedCurve: algorithm === 'ES384' ? 'P-384' : 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, algorithm, ...pair };
}

export function cryptoKeyOf({ algorithm, publicKey }: SigningKey): webcrypto.CryptoKey {
  return publicKey.toCryptoKey(IMPORTS.get(algorithm) as webcrypto.EcKeyImportParams, true, ['verify']);
}

export function jwkOf({ kid, algorithm, publicKey }: SigningKey): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
}

type Part = Readonly<Record<string, unknown>> | string | Buffer;

/** A part of a token: JSON of an object, or these very bytes. */
export function encoded(part: Part): string {
  const bytes = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part);
  return Buffer.from(bytes).toString('base64url');
}

export function signatureOf(text: string, key: SigningKey): string {
  const data = Buffer.from(text, 'latin1');
  switch (key.algorithm) {
    case 'EdDSA':
      return sign(null, data, key.privateKey).toString('base64url');
    case 'RS256':
      return sign('sha256', data, key.privateKey).toString('base64url');
    case 'PS256':
      return sign('sha256', data, { key: key.privateKey, padding: 6, saltLength: 32 }).toString('base64url');
    default:
      return sign(key.algorithm === 'ES384' ? 'sha384' : 'sha256', data, {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      }).toString('base64url');
  }
}

export interface TokenParts {
  /** Added to `alg` and `kid`; `undefined` takes one away. As a text or bytes: the whole header. */
  readonly header?: Part;
  /** Added to good claims; `undefined` takes one away. As a text or bytes: the whole payload. */
  readonly payload?: Part;
}

/** A token with a good signature. */
export function token(key: SigningKey, { header = {}, payload = {} }: TokenParts = {}): string {
  const whole = (part: Part, base: Record<string, unknown>): Part =>
    typeof part === 'string' || Buffer.isBuffer(part) ? part : { ...base, ...part };
  const text = [
    encoded(whole(header, { alg: key.algorithm, kid: key.kid })),
    encoded(whole(payload, claimsAt(NOW))),
  ].join('.');
  return `${text}.${signatureOf(text, key)}`;
}

export function claimsAt(nowSeconds: number): Record<string, unknown> {
  return { iss: ISSUER, sub: 'ann', aud: AUDIENCE, exp: nowSeconds + 600, iat: nowSeconds - 5, jti: 'one' };
}

/** A token that is "signed" with HMAC by these bytes. */
export function hmacToken(secret: string | Buffer, header: object, payload: object): string {
  const text = `${encoded({ alg: 'HS256', ...header })}.${encoded({ ...payload })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function pemOf(key: SigningKey): string {
  return createPublicKey(key.privateKey).export({ format: 'pem', type: 'spki' }).toString();
}

/** Keys as the service holds them, in place at once; changed by hand. */
export class TestKeys implements KeySource {
  current: KeySet | null = null;
  /** What `ready` and `refresh` find. */
  next: KeySet | null = null;
  asked: string[] = [];

  constructor(...keys: readonly SigningKey[]) {
    if (keys.length > 0) this.current = this.next = keySet(1, ...keys);
  }

  ready(): Promise<KeySet | null> {
    this.asked.push('ready');
    this.current = this.next;
    return Promise.resolve(this.current);
  }

  refresh(): Promise<KeySet | null> {
    this.asked.push('refresh');
    this.current = this.next;
    return Promise.resolve(this.current);
  }
}

export function keySet(version: number, ...keys: readonly SigningKey[]): KeySet {
  const all = keys.map((key) => ({ key, cryptoKey: cryptoKeyOf(key) }));
  return {
    version,
    find: (kid, algorithm) =>
      all
        .filter(({ key }) => key.algorithm === algorithm && (kid === null || key.kid === kid))
        .map(({ cryptoKey }) => cryptoKey),
  };
}

export function provider(settings: Partial<JwtProvider> = {}): JwtProvider {
  return {
    type: 'jwt',
    id: 'shop/people',
    profile: 'strict',
    locations: { headers: [], params: [], cookies: [] },
    forwardOriginal: true,
    issuer: ISSUER,
    audiences: [AUDIENCE],
    keys: { from: 'inline', jwks: '{"keys":[]}' },
    algorithms: ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'],
    clockSkewSeconds: 0,
    requiredClaims: [],
    typ: null,
    maxAgeSeconds: null,
    binding: 'none',
    spaceDelimitedClaims: [],
    outputPayloadToHeader: null,
    outputClaimToHeaders: [],
    ...settings,
  };
}
