import { generateKeyPairSync, sign } from 'node:crypto';

export interface TokenIssuer {
  /** The `iss` of every token. */
  readonly issuer: string;
  /** JSON Web Key Set with the public key, as Envoy's jwt_authn takes it inline. */
  readonly jwks: string;
  /** A compact JWS (ES256) of these claims; `iss` is added, `exp` too (an hour ahead) unless given. */
  sign(claims: Readonly<Record<string, unknown>>): string;
}

const ONE_HOUR_SECONDS = 3600;

export function createTokenIssuer(issuer: string): TokenIssuer {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = `key-of-${issuer}`;
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
  return {
    issuer,
    jwks: JSON.stringify({ keys: [jwk] }),
    sign(claims) {
      const exp = Math.floor(Date.now() / 1000) + ONE_HOUR_SECONDS;
      const text = `${encoded({ alg: 'ES256', typ: 'JWT', kid })}.${encoded({ iss: issuer, exp, ...claims })}`;
      // JWS wants the two numbers side by side (RFC 7518, section 3.4), not OpenSSL's DER.
      const signature = sign('sha256', Buffer.from(text), { key: keys.privateKey, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    },
  };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
