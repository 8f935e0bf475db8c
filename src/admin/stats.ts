/** What was counted since the start, and what that was at regular moments of the last minutes. */
import type { MetricsReading } from '../telemetry/metrics.ts';
import { DURATION_BOUNDS_SECONDS } from '../telemetry/histogram.ts';
import type { HistogramValue } from '../telemetry/histogram.ts';

export type ReadCounts = () => Promise<MetricsReading>;

const INTERVAL_MS = 10_000;
/** A quarter of an hour. */
const MAX_POINTS = 90;

export interface ProcessCount {
  readonly asked: number;
  readonly answered: number;
}

export function statsOf(reading: MetricsReading, startedAtMs: number, processes: ProcessCount, nowMs: number): object {
  const { checks, cacheHits, cacheMisses, cache, shadow, load } = reading;
  return {
    at: new Date(nowMs).toISOString(),
    startedAt: new Date(startedAtMs).toISOString(),
    processes,
    checks: checks.map(({ decision, reason, count }) => ({ decision, reason, count })),
    boundsSeconds: DURATION_BOUNDS_SECONDS,
    durations: durationsOf(reading),
    cache: { hits: cacheHits, misses: cacheMisses, entries: cache?.entries ?? 0, evictions: cache?.evictions ?? 0 },
    shadow: shadow.map(({ shadowDecision, decision, count }) => ({ shadowDecision, decision, count })),
    load: { waiting: load?.waiting ?? 0, refused: load?.refused ?? {} },
    reloads: { successes: reading.reloadSuccesses, failures: reading.reloadFailures },
  };
}

function durationsOf({ durations }: MetricsReading): object {
  return { allow: histogramOf(durations.allow), deny: histogramOf(durations.deny) };
}

function histogramOf({ counts, sum, count }: HistogramValue): object {
  return { counts: [...counts], sumSeconds: sum, count };
}

export class StatsHistory {
  readonly #read: ReadCounts;
  readonly #points: object[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(read: ReadCounts, intervalMs = INTERVAL_MS) {
    this.#read = read;
    this.#timer = setInterval(() => void this.#look(), intervalMs).unref();
  }

  read(): object {
    return { intervalSeconds: INTERVAL_MS / 1000, boundsSeconds: DURATION_BOUNDS_SECONDS, points: [...this.#points] };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    let reading: MetricsReading;
    try {
      reading = await this.#read();
    } catch {
      // No process that answers checks is there: the next look will tell.
      return;
    }
    const { checks, cacheHits, cacheMisses } = reading;
    const occurred = checks.filter(({ count }) => count > 0).map(({ reason, count }) => [reason, count] as const);
    this.#points.push({
      at: new Date().toISOString(),
      checks: Object.fromEntries(occurred),
      durations: durationsOf(reading),
      cacheHits,
      cacheMisses,
    });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }
}
