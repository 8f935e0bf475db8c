import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Pause between two looks. Default 20. */
  readonly everyMs?: number;
  /** What a failure says was missing; called only then, so it may gather logs. */
  readonly because?: () => string;
}

/**
 * Looks until `look` gives something other than null, undefined or false, and returns that. A `look`
 * that throws counts as "not yet"; its last error is the cause when time is up.
 */
export async function waitUntil<T>(
  what: string,
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const endMs = performance.now() + timeoutMs;
  let lastError: unknown;
  do {
    try {
      const seen = await look();
      if (seen !== null && seen !== undefined && seen !== false) {
        return seen;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await sleep(options.everyMs ?? 20);
  } while (performance.now() < endMs);
  const because = options.because === undefined ? '' : `\n${options.because()}`;
  throw new Error(`waited ${String(timeoutMs)} ms for ${what}${because}`, { cause: lastError });
}
