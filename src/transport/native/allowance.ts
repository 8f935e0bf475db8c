/** How often a peer may do something that costs it less than us: so many at once, and so many a second. */
export class Allowance {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #countedMs: number;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#left = burst;
    this.#countedMs = performance.now();
  }

  /** False when it is used up. */
  spend(): boolean {
    if (this.#left < 1) {
      // The clock is only asked when what is left would not do.
      const nowMs = performance.now();
      this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#countedMs) * this.#perMs);
      this.#countedMs = nowMs;
      if (this.#left < 1) return false;
    }
    this.#left--;
    return true;
  }

  giveBack(amount: number): void {
    if (this.#left < this.#burst) this.#left += amount;
  }
}
