/** JWS compact serialization (RFC 7515 §7.1), read strictly: what two readers could read differently is no token. */
import { toText } from '../../attributes/bytes.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { isClaimMap } from '../../attributes/claim.ts';
import { decodeBase64url } from './base64url.ts';
import { JsonError, parseJson } from './json.ts';

/** Tokens with many groups reach some KiB; Envoy takes 60 KiB of headers in all. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/** A key id is a hash or a name. It is looked up and nothing else. */
const MAX_KID_LENGTH = 256;

export interface Jws {
  readonly token: string;
  /** `jwk`, `jku`, `x5u` and `x5c` may be in it: nobody reads them, but for the `jwk` of a DPoP proof. */
  readonly header: ClaimMap;
  readonly algorithm: string;
  /** As text; null: none, or an empty one, which is none for Envoy too. */
  readonly kid: string | null;
  readonly typ: string | null;
  readonly payload: ClaimMap;
  /** Base64url, as in the token. */
  readonly encodedPayload: string;
}

/** Why it is none: a closed list, fit to be told to the caller. */
export type JwsFlaw =
  | 'the token is too long'
  | 'the token is encrypted'
  | 'the token has not three parts'
  | 'the token is not base64url'
  | 'the token has no readable header'
  | 'the token has no readable payload'
  | 'the token needs an extension';

/**
 * Members that change how the rest is read: extensions that must be understood (RFC 7515 §4.1.11), unencoded payloads
 * (RFC 7797), encryption and compression (RFC 7516). None is.
 */
const EXTENSIONS = ['crit', 'b64', 'enc', 'zip', 'p2c', 'p2s', 'epk'];

/** Never throws. */
export function parseJws(token: string): Jws | JwsFlaw {
  if (token.length > MAX_TOKEN_LENGTH) return 'the token is too long';
  const first = token.indexOf('.');
  const second = first < 0 ? -1 : token.indexOf('.', first + 1);
  if (second < 0) return 'the token has not three parts';
  const third = token.indexOf('.', second + 1);
  if (third >= 0) return token.split('.').length === 5 ? 'the token is encrypted' : 'the token has not three parts';
  if (first === 0 || second === first + 1 || second === token.length - 1) return 'the token has not three parts';

  const encodedPayload = token.slice(first + 1, second);
  const headerBytes = decodeBase64url(token.slice(0, first));
  const payloadBytes = decodeBase64url(encodedPayload);
  if (headerBytes === null || payloadBytes === null || decodeBase64url(token.slice(second + 1)) === null) {
    return 'the token is not base64url';
  }
  const header = parseObject(headerBytes);
  const algorithm = header?.get('alg');
  if (header === null || typeof algorithm !== 'string') return 'the token has no readable header';
  if (EXTENSIONS.some((name) => header.has(name))) return 'the token needs an extension';
  const kid = optionalString(header.get('kid'));
  const typ = optionalString(header.get('typ'));
  if (kid === undefined || typ === undefined || (kid?.length ?? 0) > MAX_KID_LENGTH) {
    return 'the token has no readable header';
  }
  const payload = parseObject(payloadBytes);
  if (payload === null) return 'the token has no readable payload';
  return {
    token,
    header,
    algorithm,
    kid: kid === null || kid === '' ? null : toText(kid),
    typ,
    payload,
    encodedPayload,
  };
}

function parseObject(bytes: Buffer): ClaimMap | null {
  try {
    const value = parseJson(bytes.toString('latin1'));
    return isClaimMap(value) ? value : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

/** null: not there; undefined: there and no string. */
function optionalString(claim: Claim | undefined): string | null | undefined {
  if (claim === undefined) return null;
  return typeof claim === 'string' ? claim : undefined;
}
