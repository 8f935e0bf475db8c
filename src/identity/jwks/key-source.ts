/** Keys of one origin, kept fresh in the background. No check waits for a fetch when there are keys already. */
import { hash } from 'node:crypto';
import { toByteString } from '../../attributes/bytes.ts';
import type { Clock } from '../net/clock.ts';
import { FetchError } from '../net/fetch-error.ts';
import type { KeySource } from '../proof.ts';
import { PublicKeySet, parseKeySet } from './key-set.ts';

/** Times in milliseconds. */
export interface KeySourceSettings {
  /** Between fetches, give or take a tenth. Nothing that the server says (`cache-control`) changes it. */
  readonly intervalMs: number;
  /** Between refreshes for the sake of a key id that is not known. */
  readonly cooldownMs: number;
  /** A check waits at most so long, for first keys or a refresh. */
  readonly maxWaitMs: number;
  /** After the first failure; doubled with each that follows, up to `intervalMs`. */
  readonly retryMs: number;
}

/** 5 min is Istio's own interval; 30 s bounds what unknown key ids can cause to two fetches a minute. */
export const DEFAULT_KEY_SOURCE_SETTINGS: KeySourceSettings = Object.freeze({
  intervalMs: 300_000,
  cooldownMs: 30_000,
  maxWaitMs: 2000,
  retryMs: 1000,
});

export interface KeySourceState {
  /** `stale`: there are keys, and the last fetch failed. `none`: no keys yet. */
  readonly state: 'fresh' | 'stale' | 'none';
  readonly keys: number;
  /** Keys of the document that are not used: of another type, too weak, secret, malformed. */
  readonly unusedKeys: number;
  /** Milliseconds since the epoch; null: never, or inline. */
  readonly lastSuccessMs: number | null;
  /** Of the last fetch; null: it succeeded. */
  readonly lastError: string | null;
  readonly fetches: { readonly changed: number; readonly unchanged: number; readonly failed: number };
}

/** A source with a state and an end. */
export interface ManagedKeySource extends KeySource {
  readonly current: PublicKeySet | null;
  state(): KeySourceState;
  /** Ends what runs in the background; the keys remain for who still asks. */
  close(): void;
}

/** Keys that are written in the policy. Text that is no key set is none, which is never an allow. */
export function inlineKeys(jwks: string): ManagedKeySource {
  let current: PublicKeySet | null = null;
  let unusedKeys = 0;
  let lastError: string | null = null;
  try {
    const parsed = parseKeySet(toByteString(jwks));
    current = new PublicKeySet(parsed.keys);
    unusedKeys = sum(parsed.flaws.values());
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    lastError = error.message;
  }
  const state: KeySourceState = {
    state: current === null ? 'none' : 'fresh',
    keys: current?.size ?? 0,
    unusedKeys,
    lastSuccessMs: null,
    lastError,
    fetches: { changed: 0, unchanged: 0, failed: 0 },
  };
  const settled = Promise.resolve(current);
  return { current, ready: () => settled, refresh: () => settled, state: () => state, close: () => undefined };
}

export interface RemoteKeysOptions {
  /** Text of a JWK Set, a byte string. */
  readonly load: (signal: AbortSignal) => Promise<string>;
  readonly settings: KeySourceSettings;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Told when fetches begin to fail, and when they succeed again: not each time. */
  readonly onChange: (error: string | null) => void;
}

export class RemoteKeys implements ManagedKeySource {
  readonly #options: RemoteKeysOptions;
  readonly #closed = new AbortController();
  #current: PublicKeySet | null = null;
  /** Of the text that the keys were read from. */
  #digest = '';
  #unusedKeys = 0;
  #lastSuccessMs: number | null = null;
  #lastError: string | null = null;
  #failures = 0;
  #underWay: Promise<void> | null = null;
  #cancelNext: (() => void) | null = null;
  #coolUntil = -Infinity;
  readonly #fetches = { changed: 0, unchanged: 0, failed: 0 };

  /** Fetches at once. */
  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    void this.#fetchOnce();
  }

  get current(): PublicKeySet | null {
    return this.#current;
  }

  /**
   * Between a failed fetch and the next there is nothing to wait for: checks would pile up for as long as the issuer
   * is away, and get the same answer.
   */
  async ready(): Promise<PublicKeySet | null> {
    if (this.#current === null && this.#underWay !== null) await this.#atMostMaxWait(this.#underWay);
    return this.#current;
  }

  async refresh(): Promise<PublicKeySet | null> {
    const { clock, settings } = this.#options;
    // A fetch that runs already may have what is looked for; it starts no cool-down.
    let fetch = this.#underWay;
    if (fetch === null && !this.#closed.signal.aborted && clock.monotonicMs() >= this.#coolUntil) {
      this.#coolUntil = clock.monotonicMs() + settings.cooldownMs;
      fetch = this.#fetchOnce();
    }
    if (fetch !== null) await this.#atMostMaxWait(fetch);
    return this.#current;
  }

  state(): KeySourceState {
    return {
      state: this.#current === null ? 'none' : this.#lastError === null ? 'fresh' : 'stale',
      keys: this.#current?.size ?? 0,
      unusedKeys: this.#unusedKeys,
      lastSuccessMs: this.#lastSuccessMs,
      lastError: this.#lastError,
      fetches: { ...this.#fetches },
    };
  }

  close(): void {
    this.#closed.abort();
    this.#cancelNext?.();
  }

  /** INVARIANT: one fetch at a time, and a next one planned whenever none runs, until it is closed. */
  #fetchOnce(): Promise<void> {
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = null;
      if (!this.#closed.signal.aborted) this.#planNext();
    });
    return this.#underWay;
  }

  async #fetch(): Promise<void> {
    this.#cancelNext?.();
    this.#cancelNext = null;
    const { load, clock, onChange } = this.#options;
    try {
      this.#fetches[this.#take(await load(this.#closed.signal))] += 1;
      this.#lastSuccessMs = clock.nowMs();
      this.#failures = 0;
      if (this.#lastError !== null) onChange(null);
      this.#lastError = null;
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      this.#failures += 1;
      this.#fetches.failed += 1;
      const isFirst = this.#lastError === null;
      // Errors other than these would be ours; the keys that there are stay good, and it is tried again.
      this.#lastError = error instanceof FetchError ? error.message : 'internal error';
      if (isFirst) onChange(this.#lastError);
    }
  }

  #take(text: string): 'changed' | 'unchanged' {
    // Reading a hundred RSA keys holds up checks for some 15 ms; an issuer says the same for weeks.
    const digest = hash('sha256', text);
    if (digest === this.#digest) return 'unchanged';
    const { keys, flaws } = parseKeySet(text);
    this.#digest = digest;
    this.#unusedKeys = sum(flaws.values());
    if (this.#current?.hasSameKeys(keys) === true) return 'unchanged';
    // A set without keys counts too: an issuer that has taken its keys back must not be outvoted by our memory.
    this.#current = new PublicKeySet(keys);
    return 'changed';
  }

  #planNext(): void {
    const { settings, clock, random } = this.#options;
    const { intervalMs, retryMs } = settings;
    const waitMs = this.#failures === 0 ? intervalMs : Math.min(intervalMs, retryMs * 2 ** (this.#failures - 1));
    // Replicas that were started together do not ask together.
    this.#cancelNext = clock.after(waitMs * (0.9 + 0.2 * random()), () => void this.#fetchOnce());
  }

  #atMostMaxWait(work: Promise<void>): Promise<void> {
    const { settings, clock } = this.#options;
    return new Promise((resolve) => {
      const cancel = clock.after(settings.maxWaitMs, resolve);
      void work.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}
