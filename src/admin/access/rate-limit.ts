/** So many at once, and so many in a second after that, for each name by itself. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses that are remembered; past that the one that was seen first is forgotten, which costs an attacker as many addresses. */
const MAX_NAMES = 1024;

export class RateLimit {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { left: number; atMs: number }>();

  /** `now`: milliseconds of a clock that nobody sets. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Is there one left? */
  has(name: string): boolean {
    return this.#left(name) >= 1;
  }

  /** Takes one. False: there is none left. */
  take(name: string): boolean {
    const left = this.#left(name);
    if (left < 1) return false;
    this.#buckets.delete(name);
    if (this.#buckets.size >= MAX_NAMES) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(name, { left: left - 1, atMs: this.#now() });
    return true;
  }

  #left(name: string): number {
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.left + ((this.#now() - bucket.atMs) * perSecond) / 1000);
  }
}
