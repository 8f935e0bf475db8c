/** Keys of issuers, made once: RSA ones take a while. */
import { generateKeyPairSync } from 'node:crypto';
import type { JwtProvider, KeyOrigin } from '../../../src/policy/identity-model.ts';

export type Jwk = Readonly<Record<string, unknown>>;

const ec = (namedCurve: string): Jwk => ({
  ...generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }),
});
const rsa = (modulusLength: number): Jwk => ({
  ...generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' }),
});

export const P256 = ec('P-256');
export const P256_OTHER = ec('P-256');
export const P384 = ec('P-384');
export const P521 = ec('P-521');
export const SECP256K1 = ec('secp256k1');
export const ED25519: Jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) };
export const X25519: Jwk = { ...generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }) };
export const RSA_2048 = rsa(2048);
export const RSA_1024 = rsa(1024);

export const setOf = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

export function jwtProvider(id: string, keys: KeyOrigin, issuer = 'https://issuer.test'): JwtProvider {
  return {
    type: 'jwt',
    id,
    keys,
    issuer,
    profile: 'strict',
    audiences: ['api'],
    algorithms: ['ES256'],
    clockSkewSeconds: 0,
    requiredClaims: [],
    typ: null,
    maxAgeSeconds: null,
    binding: 'none',
    spaceDelimitedClaims: [],
    outputPayloadToHeader: null,
    outputClaimToHeaders: [],
    locations: { headers: [], params: [], cookies: [] },
    forwardOriginal: false,
  };
}
