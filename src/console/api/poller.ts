/**
 * Asks again and again: at a steady pace while answers come, ever more slowly while they do not, and not at all while
 * nobody looks.
 */
import { asApiError } from './api-error.ts';
import type { ApiError } from './api-error.ts';

/** What a poller needs of the world; the browser's in the page, a made one in tests. */
export interface PollerWorld {
  readonly isVisible: () => boolean;
  /** Calls back when it has become visible; gives back what ends that. */
  readonly onVisible: (callback: () => void) => () => void;
  /** Gives back what cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

export interface PollerOptions<T> {
  readonly load: (signal: AbortSignal) => Promise<T>;
  readonly everyMs: number;
  readonly onAnswer: (answer: T) => void;
  /** `nextMs`: when it is tried again; not at all when a token is wanted. */
  readonly onError: (error: ApiError, nextMs: number) => void;
  readonly world: PollerWorld;
}

/** Often enough for somebody who waits for a service to come back. */
const LONGEST_PAUSE_MS = 15_000;

export class Poller<T> {
  readonly #options: PollerOptions<T>;
  readonly #unsubscribe: () => void;
  #failures = 0;
  #asking: AbortController | null = null;
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(options: PollerOptions<T>) {
    this.#options = options;
    this.#unsubscribe = options.world.onVisible(() => this.askNow());
    this.askNow();
  }

  /** Unless it is asking already. */
  askNow(): void {
    if (this.#stopped || this.#asking !== null) return;
    this.#cancel?.();
    this.#cancel = null;
    void this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#asking?.abort();
    this.#unsubscribe();
  }

  async #ask(): Promise<void> {
    const { load, everyMs, onAnswer, onError, world } = this.#options;
    // What becomes visible asks at once.
    if (!world.isVisible()) return;
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const answer = await load(asking.signal);
      this.#asking = null;
      if (asking.signal.aborted) return;
      this.#failures = 0;
      this.#again(everyMs);
      onAnswer(answer);
    } catch (cause) {
      this.#asking = null;
      if (asking.signal.aborted) return;
      this.#failures += 1;
      const error = asApiError(cause);
      // Asking on without a token helps nobody, and is counted as an attack.
      if (error.failure === 'locked') {
        onError(error, Infinity);
        return;
      }
      const pauseMs = Math.max(everyMs, Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (this.#failures - 1)));
      this.#again(pauseMs);
      onError(error, pauseMs);
    }
  }

  #again(ms: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.world.after(ms, () => {
      this.#cancel = null;
      this.askNow();
    });
  }
}
