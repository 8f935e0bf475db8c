/**
 * To whom a new connection goes. Envoy keeps a few for half an hour, and sends hundreds or tens of thousands of checks
 * a second over each: dealing them out in turn would leave one worker idle beside another that is full.
 */
import type { Beat } from './messages.ts';

export interface Candidate {
  /** Its last; null: none has come yet. */
  readonly beat: Beat | null;
  /** Connections that it was given, ever. */
  readonly handed: number;
}

/** Nobody is called busier than another for less: two idle workers are never idle alike. */
const ALIKE = 0.05;
/** What a connection of which nothing is known is taken for, at least. */
const LEAST_SHARE = 0.02;

/**
 * The one that will be least busy, as far as is known: what it was a moment ago, and for each connection that it was
 * given since then, what one costs on average. Among those that are about alike, the one with the fewest connections.
 * null: there is none.
 */
export function leastLoaded<Worker extends Candidate>(workers: readonly Worker[]): Worker | null {
  const loads = workers.map(loadOf);
  const busy = loads.reduce((sum, each) => sum + each.busy, 0);
  const known = loads.reduce((sum, each) => sum + each.known, 0);
  const share = Math.max(LEAST_SHARE, known === 0 ? 0 : busy / known);
  const scores = loads.map((each) => each.busy + each.fresh * share);
  const limit = Math.min(...scores) + ALIKE;
  let best: number | null = null;
  for (const [index, { known: open, fresh }] of loads.entries()) {
    if (scores[index]! > limit) continue;
    if (best === null || open + fresh < loads[best]!.known + loads[best]!.fresh) best = index;
  }
  return best === null ? null : workers[best]!;
}

function loadOf({ beat, handed }: Candidate): {
  readonly busy: number;
  readonly known: number;
  readonly fresh: number;
} {
  return { busy: beat?.busy ?? 0, known: beat?.open ?? 0, fresh: handed - (beat?.taken ?? 0) };
}
