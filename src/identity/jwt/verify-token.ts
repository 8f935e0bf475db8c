/** One token, verified from its bytes. Nothing is remembered here (token-cache.ts does that). */
import { compactVerify, errors } from 'jose';
import type { webcrypto } from 'node:crypto';
import type { JwtProvider } from '../../policy/identity-model.ts';
import { ownCopy } from '../own-copy.ts';
import type { Authenticated, KeySet, KeySource } from '../proof.ts';
import { checkClaims, claimsForRules } from './claims.ts';
import type { Jws } from './jws.ts';
import { readToken } from './token-reading.ts';

/**
 * What is ever verified, whatever is configured: signatures that only the holder of a private key can make
 * (RFC 7518 §3.1, RFC 8037, RFC 9864). `none` and HMAC are not in it, so a public key cannot become a shared secret.
 */
export const ASYMMETRIC_ALGORITHMS: ReadonlySet<string> = new Set([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]);

/** Keys without ids are tried one after the other; issuers publish two or three at a time. */
const MAX_KEYS_TRIED = 8;

/** Keys that change each time while a signature is looked at are no issuer's: then it cannot be told. */
const MAX_LOOKS = 3;

/** Runs a piece of work, for tokens of the keys of `source`, when there is room for it; null: there is no room. */
export type Gate = <T>(source: KeySource, work: () => Promise<T>) => Promise<T> | null;

export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For each signature. */
  readonly gate: Gate;
  /** Bounds how many wait for keys; null where no more may. */
  readonly waitFor: (wait: () => Promise<KeySet | null>) => Promise<KeySet | null>;
}

export const invalidToken = (description: string): Authenticated => ({
  outcome: 'invalid',
  error: 'invalid_token',
  description,
});

export interface TokenVerdict {
  readonly result: Authenticated;
  /** Version of the keys that it was verified with; null: no key was asked for. */
  readonly keysVersion: number | null;
}

/**
 * Never rejects. Synchronous when no key is needed to say no.
 *
 * Form, algorithm and claims come before keys: a token of another issuer, or an old one, costs no refresh of keys and no
 * signature. They count for nothing until the signature is right, and the clock is asked again after it.
 */
export function verifyToken(
  token: string,
  provider: JwtProvider,
  keys: KeySource,
  around: Surroundings,
): TokenVerdict | Promise<TokenVerdict> {
  const { jws } = readToken(token);
  if (typeof jws === 'string') return { result: invalidToken(jws), keysVersion: null };
  const { algorithm } = jws;
  if (!ASYMMETRIC_ALGORITHMS.has(algorithm) || !provider.algorithms.includes(algorithm)) {
    return { result: invalidToken('the algorithm is not accepted'), keysVersion: null };
  }
  const end = checkClaims(jws, provider, around.now());
  if (typeof end === 'string') return { result: invalidToken(end), keysVersion: null };
  return verifySigned(jws, provider, keys, around).catch((): TokenVerdict => unavailable(provider));
}

/**
 * INVARIANT: what it says was found with the keys in force when it says it. A key that was withdrawn while its signature
 * was looked at, or waited to be, is no key.
 */
async function verifySigned(
  jws: Jws,
  provider: JwtProvider,
  keys: KeySource,
  around: Surroundings,
): Promise<TokenVerdict> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const verdict = await lookAt(jws, provider, keys, around);
    if (verdict.keysVersion === null || verdict.keysVersion === keys.current?.version) return verdict;
  }
  return unavailable(provider);
}

async function lookAt(jws: Jws, provider: JwtProvider, keys: KeySource, around: Surroundings): Promise<TokenVerdict> {
  let set = keys.current ?? (await around.waitFor(() => keys.ready()));
  if (set === null) return unavailable(provider);
  let candidates = candidatesOf(set, jws);
  if (candidates.length === 0) {
    // The issuer may have a key that is newer than ours.
    set = await around.waitFor(() => keys.refresh());
    if (set === null) return unavailable(provider);
    candidates = candidatesOf(set, jws);
  }
  const verdict = (result: Authenticated): TokenVerdict => ({ result, keysVersion: set.version });
  if (candidates.length === 0) return verdict(invalidToken('the token is signed with an unknown key'));

  const running = around.gate(keys, () => isSignedByAny(jws, candidates));
  if (running === null) return unavailable(provider);
  if (!(await running)) return verdict(invalidToken('the signature is wrong'));

  const end = checkClaims(jws, provider, around.now());
  if (typeof end === 'string') return verdict(invalidToken(end));
  return verdict({
    outcome: 'verified',
    provider: provider.id,
    claims: claimsForRules(jws.payload, provider.spaceDelimitedClaims),
    untilMs: end,
    payload: ownCopy(jws.encodedPayload),
  });
}

function unavailable(provider: JwtProvider): TokenVerdict {
  return { result: { outcome: 'unavailable', provider: provider.id }, keysVersion: null };
}

function candidatesOf(set: KeySet, { kid, algorithm }: Jws): readonly webcrypto.CryptoKey[] {
  return set.find(kid, algorithm).slice(0, MAX_KEYS_TRIED);
}

async function isSignedByAny(jws: Jws, keys: readonly webcrypto.CryptoKey[]): Promise<boolean> {
  for (const key of keys) if (await isSignedBy(jws, key)) return true;
  return false;
}

/** False for a key that is no public key for this algorithm too: jose looks at type, curve, hash and use. */
export async function isSignedBy(jws: Jws, key: webcrypto.CryptoKey): Promise<boolean> {
  if (key.type !== 'public') return false;
  try {
    await compactVerify(jws.token, key, { algorithms: [jws.algorithm] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
    throw error;
  }
}
