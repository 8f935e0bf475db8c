import { describe, expect, it } from '@jest/globals';
import { count, duration, percent, rate, span } from '../../src/console/figures/format.ts';
import { quantile } from '../../src/console/figures/histogram.ts';
import { HISTORY_MS, NO_HISTORY, binsOf, lastOf, withReading } from '../../src/console/figures/history.ts';
import type { History } from '../../src/console/figures/history.ts';
import { hitRatio, intervalOf, perSecond, sumOf } from '../../src/console/figures/interval.ts';
import type { Counters } from '../../src/console/figures/interval.ts';

const BOUNDS = [0.001, 0.01, 0.1];

function reading(atMs: number, counts: Partial<Counters> = {}): Counters {
  return {
    atMs,
    startedMs: 1000,
    allowed: 0,
    denied: 0,
    denials: new Map(),
    durations: { boundsSeconds: BOUNDS, counts: [0, 0, 0, 0] },
    cacheHits: 0,
    cacheMisses: 0,
    ...counts,
  };
}

function historyOf(...readings: readonly Counters[]): History {
  return readings.reduce(withReading, NO_HISTORY);
}

describe('a percentile of buckets', () => {
  it('is nothing when nothing was counted', () => {
    expect(quantile({ boundsSeconds: BOUNDS, counts: [0, 0, 0, 0] }, 0.5)).toBeNull();
  });

  it('lies within its bucket, as far as its share of the bucket says', () => {
    expect(quantile({ boundsSeconds: BOUNDS, counts: [0, 10, 0, 0] }, 0.5)!.seconds).toBeCloseTo(0.0055, 10);
    expect(quantile({ boundsSeconds: BOUNDS, counts: [4, 0, 0, 0] }, 0.25)).toEqual({
      seconds: 0.00025,
      orMore: false,
    });
  });

  it('passes empty buckets over', () => {
    expect(quantile({ boundsSeconds: BOUNDS, counts: [5, 0, 5, 0] }, 0.5)).toEqual({ seconds: 0.001, orMore: false });
    expect(quantile({ boundsSeconds: BOUNDS, counts: [0, 0, 5, 0] }, 0)).toEqual({ seconds: 0.01, orMore: false });
  });

  it('says so when it lies behind the last bound', () => {
    expect(quantile({ boundsSeconds: BOUNDS, counts: [1, 0, 0, 9] }, 0.99)).toEqual({ seconds: 0.1, orMore: true });
  });
});

describe('the difference of two readings', () => {
  const before = reading(10_000, {
    allowed: 100,
    denied: 10,
    denials: new Map([['no_rule_matched', 10]]),
    durations: { boundsSeconds: BOUNDS, counts: [100, 10, 0, 0] },
    cacheHits: 50,
    cacheMisses: 60,
  });

  it('is what was counted in between', () => {
    const now = reading(12_000, {
      allowed: 300,
      denied: 14,
      denials: new Map([
        ['no_rule_matched', 12],
        ['deny_rule', 2],
      ]),
      durations: { boundsSeconds: BOUNDS, counts: [290, 20, 4, 0] },
      cacheHits: 200,
      cacheMisses: 110,
    });
    const interval = intervalOf(before, now)!;
    expect(interval).toMatchObject({ allowed: 200, denied: 4, cacheHits: 150, cacheMisses: 50, restarted: false });
    expect([...interval.denials]).toEqual([
      ['no_rule_matched', 2],
      ['deny_rule', 2],
    ]);
    expect(interval.durations.counts).toEqual([190, 10, 4, 0]);
    expect(perSecond(interval.allowed, interval)).toBe(100);
    expect(hitRatio(interval)).toBe(0.75);
  });

  it('is all there is after a restart, which shows by another start or by fewer counts', () => {
    const counts = {
      allowed: 7,
      denied: 1,
      denials: new Map([['deny_rule', 1]]),
      durations: { boundsSeconds: BOUNDS, counts: [8, 0, 0, 0] },
    };
    for (const startedMs of [11_000, 1000]) {
      const interval = intervalOf(before, reading(12_000, { ...counts, startedMs }))!;
      expect(interval).toMatchObject({ allowed: 7, denied: 1, cacheHits: 0, cacheMisses: 0, restarted: true });
      expect([...interval.denials]).toEqual([['deny_rule', 1]]);
      expect(interval.durations.counts).toEqual([8, 0, 0, 0]);
    }
  });

  it('takes other bounds of a newer version for a beginning', () => {
    const durations = { boundsSeconds: [1], counts: [3, 4] };
    expect(
      intervalOf(before, reading(12_000, { allowed: 100, denied: 10, durations, cacheHits: 50 }))!.durations,
    ).toEqual(durations);
  });

  it('is none when the clock stood or went back', () => {
    expect(intervalOf(before, before)).toBeNull();
    expect(intervalOf(before, reading(9000))).toBeNull();
  });

  it('knows no hit ratio where nobody looked', () => {
    expect(hitRatio(intervalOf(reading(1), reading(2))!)).toBeNull();
  });
});

describe('the history', () => {
  it('adds up to what was counted', () => {
    const history = historyOf(reading(2000), reading(4000, { allowed: 5 }), reading(6000, { allowed: 9, denied: 2 }));
    expect(sumOf(history.intervals)).toMatchObject({ fromMs: 2000, toMs: 6000, allowed: 9, denied: 2 });
    expect(sumOf([])).toBeNull();
  });

  it('forgets what is older than it shows', () => {
    const readings = Array.from({ length: 1000 }, (_, at) => reading(2000 + at * 2000, { allowed: at }));
    const { intervals } = historyOf(...readings);
    expect(intervals.length).toBeLessThanOrEqual(HISTORY_MS / 2000 + 1);
    expect(sumOf(intervals)).toMatchObject({ toMs: 2_000_000, allowed: intervals.length });
  });

  it('keeps nothing of a reading that is not newer', () => {
    const history = historyOf(reading(4000, { allowed: 5 }));
    expect(withReading(history, reading(4000, { allowed: 6 }))).toEqual(history);
  });

  it('gives the last of it', () => {
    const history = historyOf(reading(0), reading(60_000, { allowed: 1 }), reading(70_000, { allowed: 3 }));
    expect(lastOf(history, 10_000)).toMatchObject([{ allowed: 2 }]);
  });

  it('is drawn in pieces of one length, each with all readings that tell of it', () => {
    const bins = binsOf(historyOf(reading(58_000), reading(60_000, { allowed: 8 })));
    expect(bins).toHaveLength(60);
    expect(bins.at(-1)).toMatchObject({ fromMs: 59_000, toMs: 60_000, sum: { allowed: 8 } });
    expect(bins.at(-2)).toMatchObject({ fromMs: 58_000, toMs: 59_000, sum: { allowed: 8 } });
    expect(bins.at(-3)).toMatchObject({ sum: null });
  });

  it('shows nothing for a time in which nobody asked', () => {
    const bins = binsOf(historyOf(reading(0), reading(50_000, { allowed: 8 }), reading(52_000, { allowed: 9 })));
    expect(bins.filter(({ sum }) => sum !== null).map(({ sum }) => sum!.allowed)).toEqual([1, 1]);
  });
});

describe('numbers for people', () => {
  it.each([
    [count(0), '0'],
    [count(1234), '1,234'],
    [count(1_234_567), '1.2M'],
    [rate(0), '0'],
    [rate(0.01), '< 0.1'],
    [rate(0.44), '0.4'],
    [rate(12.4), '12'],
    [rate(51_234), '51.2K'],
    [duration(0.000_087), '87 µs'],
    [duration(0.0014), '1.4 ms'],
    [duration(0.25), '250 ms'],
    [duration(2.04), '2.0 s'],
    [percent(1), '100 %'],
    [percent(0.9999), '99.9 %'],
    [percent(0.0001), '< 0.1 %'],
    [percent(0), '0 %'],
    [span(0), '0 seconds'],
    [span(61_000), '1 minute'],
    [span(3 * 86_400_000 + 5), '3 days'],
  ])('%s', (text, wanted) => {
    expect(text).toBe(wanted);
  });
});
