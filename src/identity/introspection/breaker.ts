/**
 * Stops asking a server that does not answer, so that each check is told at once and the server is left in peace.
 */
import type { Clock } from '../net/clock.ts';

export interface BreakerSettings {
  /** Failures one after the other until it opens. */
  readonly failures: number;
  /** Milliseconds that it stays open; then one request tries. */
  readonly openMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  #failures = 0;
  #openUntilMs = -Infinity;
  #isProbing = false;

  constructor(settings: BreakerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  get state(): BreakerState {
    if (this.#failures < this.#settings.failures) return 'closed';
    return this.#clock.monotonicMs() < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** Whether a request may be made; each that may has to end in {@link answered} or {@link failed}. */
  admit(): boolean {
    const { state } = this;
    if (state === 'closed') return true;
    if (state === 'open' || this.#isProbing) return false;
    this.#isProbing = true;
    return true;
  }

  answered(): void {
    this.#failures = 0;
    this.#isProbing = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#isProbing = false;
    // Requests that were let in before it opened end later, and each would open it anew: also that is an outage.
    if (this.#failures >= this.#settings.failures)
      this.#openUntilMs = this.#clock.monotonicMs() + this.#settings.openMs;
  }
}
