/** The service counts from its start; people want to know what happened lately. This is the difference of two readings. */
import { addHistograms, histogramSince } from './histogram.ts';
import type { Histogram } from './histogram.ts';

/** All that was counted since the service started, at one moment. */
export interface Counters {
  /** When it was read. */
  readonly atMs: number;
  /** When the service began to count. Another one is another run. */
  readonly startedMs: number;
  readonly allowed: number;
  readonly denied: number;
  /** Denials by their reason. */
  readonly denials: ReadonlyMap<string, number>;
  readonly durations: Histogram;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** What was counted between two readings. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
  readonly allowed: number;
  readonly denied: number;
  readonly denials: ReadonlyMap<string, number>;
  readonly durations: Histogram;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** The service began anew in between: what it counted before that and after the first reading is not known. */
  readonly restarted: boolean;
}

/** null: the clock did not go on between the two. */
export function intervalOf(before: Counters, now: Counters): Interval | null {
  if (now.atMs <= before.atMs) return null;
  const restarted =
    now.startedMs !== before.startedMs ||
    now.allowed < before.allowed ||
    now.denied < before.denied ||
    now.cacheHits < before.cacheHits;
  const since = restarted ? nothing(before.startedMs, now) : before;
  return {
    fromMs: before.atMs,
    toMs: now.atMs,
    allowed: now.allowed - since.allowed,
    denied: now.denied - since.denied,
    denials: denialsSince(since.denials, now.denials),
    durations: histogramSince(since.durations, now.durations),
    cacheHits: now.cacheHits - since.cacheHits,
    cacheMisses: Math.max(0, now.cacheMisses - since.cacheMisses),
    restarted,
  };
}

function nothing(startedMs: number, { atMs, durations }: Counters): Counters {
  const empty = { boundsSeconds: durations.boundsSeconds, counts: durations.counts.map(() => 0) };
  return {
    ...{ atMs, startedMs, allowed: 0, denied: 0, denials: new Map(), durations: empty },
    ...{ cacheHits: 0, cacheMisses: 0 },
  };
}

function denialsSince(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Map<string, number> {
  const since = new Map<string, number>();
  for (const [reason, count] of now) {
    const more = count - (before.get(reason) ?? 0);
    if (more > 0) since.set(reason, more);
  }
  return since;
}

/** Several intervals, one behind the other, as one. null: there is none. */
export function sumOf(intervals: readonly Interval[]): Interval | null {
  const [first, ...rest] = intervals;
  if (first === undefined) return null;
  return rest.reduce(add, first);
}

function add(one: Interval, other: Interval): Interval {
  const denials = new Map(one.denials);
  for (const [reason, count] of other.denials) denials.set(reason, (denials.get(reason) ?? 0) + count);
  return {
    fromMs: one.fromMs,
    toMs: other.toMs,
    allowed: one.allowed + other.allowed,
    denied: one.denied + other.denied,
    denials,
    durations: addHistograms(one.durations, other.durations),
    cacheHits: one.cacheHits + other.cacheHits,
    cacheMisses: one.cacheMisses + other.cacheMisses,
    restarted: one.restarted || other.restarted,
  };
}

export function perSecond(count: number, { fromMs, toMs }: Interval): number {
  return toMs > fromMs ? (count * 1000) / (toMs - fromMs) : 0;
}

/** Of the look-ups that were made. null: none was. */
export function hitRatio({ cacheHits, cacheMisses }: Interval): number | null {
  const lookups = cacheHits + cacheMisses;
  return lookups > 0 ? cacheHits / lookups : null;
}
