/** DPoP proofs that were used, so that none is taken twice (RFC 9449 §11.1). */
import { hash } from 'node:crypto';
import { ownCopy } from '../own-copy.ts';

/** `full`: it cannot be told, since no more can be remembered. */
export type ProofUse = 'first' | 'again' | 'full';

/** Where uses are remembered: in this process, or in one that several share. */
export interface ProofMemory {
  /** Never rejects. */
  use(thumbprint: string, jti: string): ProofUse | Promise<ProofUse>;
}

/** How far `iat` of a proof may be from now, either way. */
export const DPOP_WINDOW_MS = 60_000;

export interface UsedProofsSettings {
  /** Proofs that are remembered. None is forgotten early: past it proofs are refused. */
  readonly maxRemembered: number;
  /** Of one key, so that who has one cannot take the place of all. */
  readonly maxRememberedOfKey: number;
}

/** Each is remembered for twice the window: a key may sign 166 requests a second, all keys together 833. */
export const USED_PROOFS_DEFAULTS: UsedProofsSettings = {
  maxRemembered: 100_000,
  maxRememberedOfKey: 20_000,
};

interface Holder {
  readonly thumbprint: string;
  proofs: number;
}

interface UsedProof {
  readonly holder: Holder;
  /** When it is forgotten. */
  readonly untilMs: number;
}

export class UsedProofs implements ProofMemory {
  readonly #settings: UsedProofsSettings;
  readonly #now: () => number;
  /** By the hash of key and `jti`; in the order of arrival. */
  readonly #seen = new Map<string, UsedProof>();
  /** By the thumbprint; those of which there are proofs in {@link #seen}. */
  readonly #holders = new Map<string, Holder>();

  constructor(settings: UsedProofsSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  use(thumbprint: string, jti: string): ProofUse {
    const nowMs = this.#now();
    for (const [old, { holder, untilMs }] of this.#seen) {
      if (untilMs > nowMs) break;
      this.#seen.delete(old);
      holder.proofs -= 1;
      if (holder.proofs === 0) this.#holders.delete(holder.thumbprint);
    }
    const { maxRemembered, maxRememberedOfKey } = this.#settings;
    const key = hash('sha256', `${thumbprint}.${jti}`, 'base64url');
    if (this.#seen.has(key)) return 'again';
    if (this.#seen.size >= maxRemembered) return 'full';
    let holder = this.#holders.get(thumbprint);
    if ((holder?.proofs ?? 0) >= maxRememberedOfKey) return 'full';
    if (holder === undefined) {
      holder = { thumbprint: ownCopy(thumbprint), proofs: 0 };
      this.#holders.set(holder.thumbprint, holder);
    }
    holder.proofs += 1;
    // `iat` may be one window ahead, and the proof good for another one after that. A clock that is set back cannot
    // make it good again within this time.
    this.#seen.set(key, { holder, untilMs: nowMs + 2 * DPOP_WINDOW_MS + 1 });
    return 'first';
  }
}
