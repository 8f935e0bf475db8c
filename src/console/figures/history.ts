/** The readings of the last minutes, and no more: a page that stays open for a week holds what one of an hour does. */
import { intervalOf, sumOf } from './interval.ts';
import type { Counters, Interval } from './interval.ts';

/** What the charts show. */
export const HISTORY_MS = 10 * 60_000;
/** A gap between two readings (the tab slept, the service was away) that is drawn as one. */
const GAP_MS = 20_000;

export interface History {
  readonly last: Counters | null;
  /** In the order in which they were. */
  readonly intervals: readonly Interval[];
}

export const NO_HISTORY: History = { last: null, intervals: [] };

export function withReading({ last, intervals }: History, reading: Counters): History {
  const interval = last === null ? null : intervalOf(last, reading);
  if (last !== null && interval === null) return { last, intervals };
  const from = reading.atMs - HISTORY_MS;
  const kept = intervals.filter(({ toMs }) => toMs > from);
  return { last: reading, intervals: interval === null ? kept : [...kept, interval] };
}

/** Those of the last `ms`. */
export function lastOf({ last, intervals }: History, ms: number): readonly Interval[] {
  return last === null ? [] : intervals.filter(({ toMs }) => toMs > last.atMs - ms);
}

/** A piece of the time that a chart shows. */
export interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
  /** All readings that tell of it, with what lies at its edges. null: nothing is known of it. */
  readonly sum: Interval | null;
}

/** How much a chart shows: it begins with a minute and grows until the whole history is in it. */
const WINDOWS_MS = [60_000, 120_000, 300_000, HISTORY_MS];
/** As many points are drawn: more than that no screen shows, and fewer readings in one make its percentiles shaky. */
const BINS = 60;

/** The history in pieces of the same length, the newest last. Their edges stay where they are as time goes on. */
export function binsOf({ last, intervals }: History): readonly Bin[] {
  const first = intervals[0];
  if (last === null || first === undefined) return [];
  const window = WINDOWS_MS.find((each) => each >= last.atMs - first.fromMs) ?? HISTORY_MS;
  const size = window / BINS;
  const endMs = Math.ceil(last.atMs / size) * size;
  const members = Array.from({ length: BINS }, (): Interval[] => []);
  for (const interval of intervals) {
    if (interval.toMs - interval.fromMs >= GAP_MS) continue;
    // What ends at an edge tells nothing of the piece behind it.
    const from = Math.floor((interval.fromMs - endMs) / size) + BINS;
    const to = Math.ceil((interval.toMs - endMs) / size) + BINS - 1;
    for (let at = Math.max(0, from); at <= Math.min(BINS - 1, to); at += 1) members[at]!.push(interval);
  }
  return members.map((each, at) => ({
    fromMs: endMs - (BINS - at) * size,
    toMs: endMs - (BINS - 1 - at) * size,
    sum: sumOf(each),
  }));
}
