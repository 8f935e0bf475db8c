/** JSON Web Key Sets written into policies (RFC 7517). */
import { createPublicKey } from 'node:crypto';
import type { StringNode } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { Context } from './value-check.ts';

/** An issuer has a handful of keys; each one costs a look when a token names none. */
const MAX_KEYS = 64;

/** Below this RSA is not taken by any algorithm of JWS (RFC 7518 §3.3, §3.5). */
const MIN_RSA_BITS = 2048;

/** Curves of the algorithms that are taken (RFC 7518 §3.4, RFC 8037 §3.1). */
const CURVES: Readonly<Record<string, readonly string[]>> = { EC: ['P-256', 'P-384', 'P-521'], OKP: ['Ed25519'] };

const SET_HINT = 'write the JSON of a key set: `{"keys": [{"kty": "RSA", …}]}`';

/**
 * At least one public key that tokens can be verified with, nothing secret, and no broken key. Keys of unknown
 * types are passed over (RFC 7517 §5). Reports what is wrong; false: not usable.
 */
export function checkJwks(text: StringNode, { report }: Context): boolean {
  const problem = problemOfSet(text.value);
  if (problem === null) return true;
  report.error('bad-jwks', positionOf(text), problem.message, problem.hint);
  return false;
}

interface Problem {
  readonly message: string;
  readonly hint: string;
}

type Members = Readonly<Record<string, unknown>>;

function problemOfSet(text: string): Problem | null {
  const set = parsed(text);
  const keys = set?.['keys'];
  if (!Array.isArray(keys)) return { message: 'the keys are not a JSON Web Key Set', hint: SET_HINT };
  if (keys.length > MAX_KEYS) {
    return { message: `the key set has more than ${MAX_KEYS} keys`, hint: 'keep the keys that are in use' };
  }
  let usable = 0;
  for (const [index, key] of (keys as unknown[]).entries()) {
    const members = isMembers(key) ? key : {};
    const problem = problemOfKey(members);
    if (problem !== null) return { ...problem, message: `key ${index} of the set ${problem.message}` };
    if (members['kty'] === 'RSA' || isKnownCurve(members)) usable++;
  }
  return usable > 0
    ? null
    : {
        message: 'the key set holds no key that tokens can be verified with',
        hint: 'RSA keys, EC keys of P-256, P-384 and P-521, and OKP keys of Ed25519 are taken',
      };
}

function parsed(text: string): Members | null {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : null;
  } catch {
    return null;
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKnownCurve({ kty, crv }: Members): boolean {
  return typeof kty === 'string' && Object.hasOwn(CURVES, kty) && CURVES[kty]!.includes(String(crv));
}

function problemOfKey(key: Members): Problem | null {
  const { kty, kid } = key;
  if (typeof kty !== 'string') return { message: 'has no type', hint: 'each key needs `kty`' };
  if (kid !== undefined && typeof kid !== 'string') return { message: 'has a `kid` that is no string', hint: SET_HINT };
  if (kty === 'oct') {
    return {
      message: 'is a symmetric key: whoever can verify with it can sign with it',
      hint: 'let the issuer sign with RS256, ES256 or EdDSA, and name its public key',
    };
  }
  // RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2.
  if (Object.hasOwn(key, 'd')) {
    return { message: 'is a private key', hint: 'take it out of use, and write the public key of a new one' };
  }
  if (kty !== 'RSA' && !isKnownCurve(key)) return null;
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: key, format: 'jwk' });
    if (kty !== 'RSA' || (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS) return null;
    return { message: `is an RSA key of less than ${MIN_RSA_BITS} bits`, hint: 'use a longer key' };
  } catch {
    return { message: `is no valid ${kty} key`, hint: 'copy the key as the issuer publishes it' };
  }
}
