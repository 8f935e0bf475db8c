import type { Clock } from '../../../src/identity/net/clock.ts';

/** A clock that a test moves by hand. */
export class FakeClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1);
  #monotonicMs = 1000;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** How long until each timer, the first one first. */
  get waiting(): readonly number[] {
    return this.#timers.map(({ atMs }) => Math.round(atMs - this.#monotonicMs)).sort((a, b) => a - b);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#monotonicMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}
