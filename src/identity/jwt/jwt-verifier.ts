/** Tokens of a request, from text to a verdict: what was verified before, what was revoked, who holds it. */
import type { JwtProvider } from '../../policy/identity-model.ts';
import type { Authenticated, KeySource } from '../proof.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import { DpopVerifier } from './dpop.ts';
import { createGate } from './gate.ts';
import { checkPossession } from './check-possession.ts';
import type { Possession } from './possession.ts';
import { TokenCache } from './token-cache.ts';
import type { TokenCacheSettings } from './token-cache.ts';
import type { ProofMemory } from './used-proofs.ts';
import { invalidToken } from './verify-token.ts';

export interface JwtVerifierSettings {
  readonly cache: TokenCacheSettings;
  /** DPoP proofs that came before. */
  readonly usedProofs: ProofMemory;
  /** The list in force; it may be another one at each call. */
  readonly revocations: () => RevocationList;
  /** Milliseconds since the epoch. Default: the wall clock. */
  readonly now?: () => number;
}

export class JwtVerifier {
  readonly #cache: TokenCache;
  readonly #dpop: DpopVerifier;
  readonly #revocations: () => RevocationList;
  readonly #now: () => number;

  constructor({ cache, usedProofs, revocations, now = Date.now }: JwtVerifierSettings) {
    this.#now = now;
    const gate = createGate(cache);
    this.#cache = new TokenCache(cache, now, gate);
    this.#dpop = new DpopVerifier({ now, gate, used: usedProofs });
    this.#revocations = revocations;
  }

  /** Results that are held, for metrics. */
  get cachedTokens(): number {
    return this.#cache.size;
  }

  /** What they take of `cache.maxBytes`. */
  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  /**
   * `token`: a value that `findProofs` found, a byte string. Synchronous for a token seen before (but for DPoP, whose
   * proof is new each time). Never throws, never rejects: what fails is `invalid` or `unavailable`.
   */
  verify(
    token: string,
    provider: JwtProvider,
    keys: KeySource,
    possession: Possession,
  ): Authenticated | Promise<Authenticated> {
    const result = this.#cache.verify(token, provider, keys);
    return result instanceof Promise
      ? result.then((verdict) => this.#further(verdict, token, provider, keys, possession))
      : this.#further(result, token, provider, keys, possession);
  }

  /**
   * All values that `findProofs` found for one provider: each has to be good, the first speaks, and the end is that of
   * the shortest. One that is bad outweighs one that cannot be told. Synchronous where there is one
   * value and `verify` is.
   */
  verifyAll(
    tokens: readonly [string, ...string[]],
    provider: JwtProvider,
    keys: KeySource,
    possession: Possession,
  ): Authenticated | Promise<Authenticated> {
    const [first, ...others] = tokens;
    const result = this.verify(first, provider, keys, possession);
    if (others.length === 0) return result;
    return Promise.all([result, ...others.map((each) => this.verify(each, provider, keys, possession))]).then(together);
  }

  /** What is looked at each time, found in the cache or not. */
  #further(
    result: Authenticated,
    token: string,
    provider: JwtProvider,
    keys: KeySource,
    possession: Possession,
  ): Authenticated | Promise<Authenticated> {
    if (result.outcome !== 'verified') return result;
    if (this.#revocations().isRevoked(result.claims, this.#now())) return invalidToken('the token is revoked');
    return checkPossession(result, provider, token, keys, possession, this.#dpop);
  }
}

function together(results: readonly Authenticated[]): Authenticated {
  const bad =
    results.find(({ outcome }) => outcome === 'invalid') ?? results.find((each) => each.outcome !== 'verified');
  const [first] = results;
  if (bad !== undefined || first?.outcome !== 'verified') return bad ?? { outcome: 'none' };
  const ends = results.map((each) => (each.outcome === 'verified' ? each.untilMs : 0));
  return { ...first, untilMs: Math.min(...ends) };
}
