import type { ComponentChildren } from 'preact';
import { TimeChart } from '../charts/time-chart.tsx';
import { duration, percent, rate } from '../figures/format.ts';
import { binsOf } from '../figures/history.ts';
import type { Bin, History } from '../figures/history.ts';
import { quantile } from '../figures/histogram.ts';
import { hitRatio, perSecond } from '../figures/interval.ts';
import type { Interval } from '../figures/interval.ts';

export interface ChartsProps {
  readonly history: History;
  /** What stands among them. */
  readonly children: ComponentChildren;
}

export function Charts({ history, children }: ChartsProps) {
  const bins = binsOf(history);
  const common = {
    timesMs: bins.map(({ toMs }) => toMs),
    restartsMs: history.intervals.filter(({ restarted }) => restarted).map(({ toMs }) => toMs),
  };
  const wait = 'The first numbers come in a few seconds.';
  const quiet = bins.length === 0 ? wait : 'No checks came in this time.';
  return (
    <section aria-label="The last minutes" class="charts">
      <div class="card">
        <TimeChart
          {...common}
          title="Decisions"
          unit="a second"
          format={rate}
          stacked
          empty={wait}
          series={[
            { name: 'denied', look: 'look-deny', values: valuesOf(bins, (sum) => perSecond(sum.denied, sum)) },
            { name: 'allowed', look: 'look-allow', values: valuesOf(bins, (sum) => perSecond(sum.allowed, sum)) },
          ]}
        />
      </div>
      {children}
      <div class="card">
        <TimeChart
          {...common}
          title="Latency"
          unit="of the service alone"
          format={duration}
          empty={quiet}
          series={[
            { name: 'p50', look: 'look-main', values: valuesOf(bins, quantileOf(0.5)) },
            { name: 'p95', look: 'look-second', values: valuesOf(bins, quantileOf(0.95)) },
            { name: 'p99', look: 'look-third', values: valuesOf(bins, quantileOf(0.99)) },
          ]}
        />
      </div>
      <div class="card">
        <TimeChart
          {...common}
          title="Cache"
          unit="answered from it"
          format={percent}
          max={1}
          empty={quiet}
          series={[{ name: 'hits', look: 'look-main', values: valuesOf(bins, hitRatio) }]}
        />
      </div>
    </section>
  );
}

function valuesOf(bins: readonly Bin[], value: (sum: Interval) => number | null): readonly (number | null)[] {
  return bins.map(({ sum }) => (sum === null ? null : value(sum)));
}

function quantileOf(q: number): (sum: Interval) => number | null {
  return ({ durations }) => quantile(durations, q)?.seconds ?? null;
}
