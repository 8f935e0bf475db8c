/**
 * Header blocks that repeat byte for byte, as those of one Envoy do once it has filled its table, with the plans that they led to.
 *
 * INVARIANT: a block is only in here while equal bytes mean equal fields: the table has not changed since it was decoded, and
 * decoding it did not change the table. The owner says so by {@link HpackDecoder.generation}.
 */
import type { CallPlan } from './call-plan.ts';

/** An Envoy has one block for checks and one for health, and some for its deadlines. */
const PLACES = 4;
/** A block of references has a byte or two for each field. */
const MAX_BYTES = 64;

interface Entry {
  readonly block: Uint8Array;
  readonly plan: CallPlan;
}

export class PlanCache {
  readonly #entries: (Entry | null)[] = new Array<Entry | null>(PLACES).fill(null);
  #generation = -1;
  #next = 0;

  find(bytes: Uint8Array, start: number, end: number, generation: number): CallPlan | null {
    if (generation !== this.#generation) return null;
    for (const entry of this.#entries) {
      if (entry !== null && isSame(entry.block, bytes, start, end)) return entry.plan;
    }
    return null;
  }

  add(bytes: Uint8Array, start: number, end: number, generation: number, plan: CallPlan): void {
    if (end - start > MAX_BYTES) return;
    if (generation !== this.#generation) {
      this.#entries.fill(null);
      this.#generation = generation;
    }
    this.#entries[this.#next] = { block: Uint8Array.prototype.slice.call(bytes, start, end), plan };
    this.#next = (this.#next + 1) % PLACES;
  }
}

function isSame(block: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = block.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}
