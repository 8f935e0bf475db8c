/**
 * Proofs that were found good lately, by the bytes of the places where they are looked for: a token that comes with
 * every request of a caller is not taken apart and hashed each time. Whoever keeps one forgets all of them when a key or
 * the revocation list changes.
 */
import { proofPlaces } from '../identity/authenticator.ts';
import type { IdentityOutcome } from '../identity/authenticator.ts';
import { isAlive } from '../pdp/decision-cache.ts';
import type { Life } from '../pdp/decision-cache.ts';
import type { Scope } from '../policy-index/scope.ts';
import type { CheckRequestView } from './check-request.ts';
import { SpanKey, SpanTable } from './span-table.ts';

/** With keys of 4 KiB at most, and as much again of claims: 32 MiB at the very worst. */
const MAX_PROOFS = 4096;

interface Kept extends Life {
  readonly outcome: IdentityOutcome;
}

export class RecentProofs {
  readonly #proofs = new SpanTable<Kept>(MAX_PROOFS);
  readonly #key = new SpanKey();
  /** A number for each list of providers. */
  readonly #lists = new WeakMap<Scope['authentications'], number>();
  #nextList = 1;

  /** null: it has to be looked at. */
  find(view: CheckRequestView, scope: Scope, nowMs: number): IdentityOutcome | null {
    if (!this.#pointTo(view, scope)) return null;
    const kept = this.#proofs.find(this.#key);
    return kept !== undefined && isAlive(kept, nowMs, performance.now()) ? kept.outcome : null;
  }

  /** Only what was verified is kept. */
  keep(view: CheckRequestView, scope: Scope, outcome: IdentityOutcome, nowMs: number): void {
    const { result } = outcome;
    if (result.outcome !== 'verified' || result.untilMs <= nowMs || !this.#pointTo(view, scope)) return;
    const untilMonotonicMs = performance.now() + result.untilMs - nowMs;
    this.#proofs.keep(this.#key, { outcome, fromMs: nowMs, untilMs: result.untilMs, untilMonotonicMs });
  }

  clear(): void {
    this.#proofs.clear();
  }

  #pointTo(view: CheckRequestView, { authentications }: Scope): boolean {
    const places = proofPlaces(authentications);
    // A proof of possession is good for one request.
    if (places.once) return false;
    let list = this.#lists.get(authentications);
    if (list === undefined) this.#lists.set(authentications, (list = this.#nextList++));
    const key = this.#key;
    view.startKey(key);
    key.addNumber(list);
    view.addProofs(key, places);
    return !key.isFull;
  }
}
