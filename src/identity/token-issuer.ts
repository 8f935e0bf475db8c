/** The issuer that a token names: not verified, good for nothing but to choose who verifies it. */
import { LRUCache } from 'lru-cache';
import { MAX_TOKEN_LENGTH } from './jwt/jws.ts';
import { readToken } from './jwt/token-reading.ts';
import { ownCopy } from './own-copy.ts';

/** Characters of tokens and their issuers, some thousand tokens: reading one costs more than looking it up. */
const MAX_REMEMBERED = 8 * 1024 * 1024;

const NO_ISSUER = Symbol('no issuer');

const remembered = new LRUCache<string, string | typeof NO_ISSUER>({
  max: 8192,
  maxSize: MAX_REMEMBERED,
  sizeCalculation: (issuer, token) => token.length + (typeof issuer === 'string' ? issuer.length : 0),
});

/** Byte string; null: it is no readable token, or names none. */
export function tokenIssuer(token: string): string | null {
  if (token === '' || token.length > MAX_TOKEN_LENGTH) return null;
  let issuer = remembered.get(token);
  if (issuer === undefined) {
    const { jws } = readToken(token);
    const claim = typeof jws === 'string' ? undefined : jws.payload.get('iss');
    issuer = typeof claim === 'string' ? ownCopy(claim) : NO_ISSUER;
    remembered.set(ownCopy(token), issuer);
  }
  return issuer === NO_ISSUER ? null : issuer;
}

/** Three parts with dots between (RFC 7515 §7.1). What has another form is opaque. */
export function looksLikeJwt(token: string): boolean {
  const first = token.indexOf('.');
  const second = first < 0 ? -1 : token.indexOf('.', first + 1);
  return second >= 0 && !token.includes('.', second + 1);
}
