/** Counts as the API gives them → as the figures take them. */
import type { Counters } from '../figures/interval.ts';
import type { Stats, StatsHistory } from './answers.ts';

export function countersOf(stats: Stats): Counters {
  const denials = new Map<string, number>();
  let [allowed, denied] = [0, 0];
  for (const { decision, reason, count } of stats.checks) {
    if (decision === 'allow') allowed += count;
    else {
      denied += count;
      if (count > 0) denials.set(reason, count);
    }
  }
  return {
    atMs: Date.parse(stats.at),
    startedMs: Date.parse(stats.startedAt),
    allowed,
    denied,
    denials,
    durations: together(stats.boundsSeconds, stats.durations),
    cacheHits: stats.cache.hits,
    cacheMisses: stats.cache.misses,
  };
}

/** Oldest first, and only of before `stats`, which knows which reasons are denials. */
export function pastCountersOf(history: StatsHistory, stats: Stats): readonly Counters[] {
  const allows = new Set(stats.checks.flatMap(({ decision, reason }) => (decision === 'allow' ? [reason] : [])));
  const now = Date.parse(stats.at);
  return history.points.flatMap((point): Counters[] => {
    const atMs = Date.parse(point.at);
    if (atMs >= now) return [];
    const counts = Object.entries(point.checks);
    const denials = counts.filter(([reason]) => !allows.has(reason));
    return [
      {
        atMs,
        startedMs: Date.parse(stats.startedAt),
        allowed: sum(counts.filter(([reason]) => allows.has(reason))),
        denied: sum(denials),
        denials: new Map(denials),
        durations: together(history.boundsSeconds, point.durations),
        cacheHits: point.cacheHits,
        cacheMisses: point.cacheMisses,
      },
    ];
  });
}

function sum(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((total, [, count]) => total + count, 0);
}

function together(boundsSeconds: readonly number[], { allow, deny }: Stats['durations']): Counters['durations'] {
  return { boundsSeconds, counts: allow.counts.map((count, at) => count + (deny.counts[at] ?? 0)) };
}
