/**
 * Work in small steps that two can drive: one who waits for the end, and one who must not keep others waiting.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** Yields wherever it may be interrupted; returns the result. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** A small part of what a request may take (Envoy waits 200 ms for an answer), and long beside the cost of a turn. */
const SLICE_MS = 4;

/** All at once. */
export function runSteps<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/**
 * In slices of some milliseconds, with a turn of the event loop after each.
 *
 * @throws the reason of `signal` at the next turn once that is aborted
 */
export async function runStepsInSlices<Result>(steps: Steps<Result>, signal?: AbortSignal): Promise<Result> {
  for (;;) {
    const endMs = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done === true) return value;
    } while (performance.now() < endMs);
    await turn();
    signal?.throwIfAborted();
  }
}
