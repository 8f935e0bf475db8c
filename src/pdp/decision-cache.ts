/**
 * Decisions made before, by everything they depended on.
 *
 * A key is the scope, which no two workloads and no two snapshots share, and what the scope's rules can tell of
 * each attribute that they read: its value, behind its length, or the class of values that match the same
 * patterns. Equal keys are equal questions. Bounded in entries and in characters.
 */
import { LRUCache } from 'lru-cache';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { keyPart } from '../policy-index/key-part.ts';
import type { Scope } from '../policy-index/scope.ts';

export interface DecisionCacheOptions<Value = unknown> {
  readonly maxEntries: number;
  /** What a value holds by itself, in bytes; without it values count nothing. */
  readonly sizeOf?: (value: Value) => number;
}

/** A key of this many characters is unusual; longer ones are not worth their room. */
export const MAX_KEY_LENGTH = 4096;
/** Characters of key and bytes of value for each entry on average, before old entries leave: bounds the memory. */
const MEAN_SIZE = 512;

export interface KeptDecision<Value> {
  readonly value: Value;
  /** A clock that was set back must not lengthen a life: an entry from the future counts as gone. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The end by a clock that nobody sets: one that was set back again and again must not lengthen it either. */
  readonly untilMonotonicMs: number;
}

export type Life = Omit<KeptDecision<unknown>, 'value'>;

export function isAlive({ fromMs, untilMs, untilMonotonicMs }: Life, nowMs: number, monotonicMs: number): boolean {
  return nowMs >= fromMs && nowMs < untilMs && monotonicMs < untilMonotonicMs;
}

export class DecisionCache<Value extends object> {
  #entries: LRUCache<string, KeptDecision<Value>> | null;
  readonly #options: DecisionCacheOptions<Value>;
  #hits = 0;
  #foundElsewhere = 0;
  #misses = 0;
  #evictions = 0;

  constructor(options: DecisionCacheOptions<Value>) {
    this.#options = options;
    this.#entries = this.#empty();
  }

  #empty(): LRUCache<string, KeptDecision<Value>> | null {
    const { maxEntries, sizeOf } = this.#options;
    if (maxEntries === 0) return null;
    return new LRUCache({
      max: maxEntries,
      maxSize: maxEntries * MEAN_SIZE,
      sizeCalculation: (entry, key) => key.length + (sizeOf?.(entry.value) ?? 0),
      dispose: (_, __, why) => {
        if (why === 'evict') this.#evictions++;
      },
    });
  }

  /** null: not to be cached (too long, or there is no cache). `extra`: what the answer reads beyond the rules. */
  key(scope: Scope, request: RequestAttributes, extra: string): string | null {
    if (this.#entries === null || scope.readsClock) return null;
    let key = `${scope.id};${extra.length}:${extra}`;
    for (const read of scope.keyReads) {
      key += keyPart(read, scope.classes, request);
      if (key.length > MAX_KEY_LENGTH) return null;
    }
    return key;
  }

  find(key: string | null, nowMs: number): KeptDecision<Value> | null {
    const entry = key === null ? undefined : this.#entries?.get(key);
    if (entry !== undefined && isAlive(entry, nowMs, performance.now())) {
      this.#hits++;
      return entry;
    }
    this.#misses++;
    return null;
  }

  /** One that was found elsewhere, before a key was made. */
  countHit(): void {
    this.#hits++;
    this.#foundElsewhere++;
  }

  set(key: string | null, value: Value, nowMs: number, untilMs: number): void {
    if (key === null || untilMs <= nowMs) return;
    const untilMonotonicMs = performance.now() + untilMs - nowMs;
    this.#entries?.set(key, { value, fromMs: nowMs, untilMs, untilMonotonicMs });
  }

  /** Costs the same whatever is in it. */
  clear(): void {
    this.#entries = this.#empty();
  }

  get statistics(): {
    readonly hits: number;
    /** Those of the hits for which no key was made. */
    readonly foundElsewhere: number;
    readonly misses: number;
    readonly evictions: number;
    readonly size: number;
  } {
    return {
      hits: this.#hits,
      foundElsewhere: this.#foundElsewhere,
      misses: this.#misses,
      evictions: this.#evictions,
      size: this.#entries?.size ?? 0,
    };
  }
}
