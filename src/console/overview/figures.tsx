import type { ComponentChildren } from 'preact';
import { lastOf } from '../figures/history.ts';
import type { History } from '../figures/history.ts';
import { count, duration, percent, rate } from '../figures/format.ts';
import { quantile } from '../figures/histogram.ts';
import { hitRatio, perSecond, sumOf } from '../figures/interval.ts';

const WINDOW_MS = 60_000;

/** The last minute in four numbers. */
export function Figures({ history }: { readonly history: History }) {
  const sum = sumOf(lastOf(history, WINDOW_MS));
  const total = sum === null ? 0 : sum.allowed + sum.denied;
  const slow = sum === null ? null : quantile(sum.durations, 0.99);
  const hits = sum === null ? null : hitRatio(sum);
  return (
    <section aria-label="The last minute">
      <dl class="figures">
        <Figure name="Decisions a second" value={sum === null ? '–' : rate(perSecond(total, sum))}>
          {count(total)} in the last minute
        </Figure>
        <Figure name="Denied" value={total === 0 ? '–' : percent((sum?.denied ?? 0) / total)}>
          {count(sum?.denied ?? 0)} of {count(total)}
        </Figure>
        <Figure
          name="99 of 100 faster than"
          value={slow === null ? '–' : `${slow.orMore ? '> ' : ''}${duration(slow.seconds)}`}
        >
          from the bytes of a check to those of its answer
        </Figure>
        <Figure name="Answered from the cache" value={hits === null ? '–' : percent(hits)}>
          of the checks that may be kept
        </Figure>
      </dl>
    </section>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly children: ComponentChildren;
}

function Figure({ name, value, children }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class="figure-value number">{value}</dd>
      <dd class="quiet small">{children}</dd>
    </div>
  );
}
