/** A histogram of durations with fixed buckets: one array, no allocation when a value without a trace is recorded. */
import type { SpanIds } from './span.ts';

/**
 * Upper bounds in seconds, inclusive. From a cached decision (microseconds) to Envoy's usual timeout
 * (200 ms) closely, and beyond it loosely, because then the caller has gone.
 */
export const DURATION_BOUNDS_SECONDS: readonly number[] = Object.freeze([
  0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
  0.25, 0.5, 1, 2.5,
]);

export interface HistogramValue {
  /** One more than there are bounds: the last counts what is above all of them. Not cumulative. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  /** The latest of each bucket, of those that were traced; null: none was. */
  readonly exemplars: readonly (Exemplar | null)[];
}

/** One value, and the span that tells more of it. */
export interface Exemplar extends SpanIds {
  readonly seconds: number;
  /** Since the epoch. */
  readonly timeMs: number;
}

export class DurationHistogram {
  // Float64: exact up to 2^53 events, where Uint32 would wrap after a day at 50,000 checks a second.
  readonly #counts = new Float64Array(DURATION_BOUNDS_SECONDS.length + 1);
  readonly #sum = new Float64Array(1);
  readonly #exemplars = new Array<Exemplar | null>(DURATION_BOUNDS_SECONDS.length + 1).fill(null);

  /** `span`: of the check that took so long; null: it is not traced. */
  record(seconds: number, span: SpanIds | null = null): void {
    // A linear scan: the first few bounds take nearly every check, and a branch that is always taken
    // the same way is cheaper than a binary search that never is.
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum[0]! += seconds;
    if (span !== null) {
      const { traceId, spanId } = span;
      this.#exemplars[bucket] = { traceId, spanId, seconds, timeMs: Date.now() };
    }
  }

  read(): HistogramValue {
    const counts = Array.from(this.#counts);
    const count = counts.reduce((total, each) => total + each, 0);
    return { counts, sum: this.#sum[0]!, count, exemplars: [...this.#exemplars] };
  }
}

const BOUNDS = Float64Array.from(DURATION_BOUNDS_SECONDS);
