import { addressOf } from '../app/route.ts';
import { count, span } from '../figures/format.ts';
import type { History } from '../figures/history.ts';
import { sumOf } from '../figures/interval.ts';

/** More reasons than these at a time are a list that nobody reads. */
const MOST = 8;

export function Denials({ history }: { readonly history: History }) {
  const sum = sumOf(history.intervals);
  const reasons = [...(sum?.denials ?? [])].sort(([, one], [, other]) => other - one);
  const highest = reasons[0]?.[1] ?? 1;
  return (
    <section class="card" aria-labelledby="denials-title">
      <div class="card-head">
        <h2 id="denials-title">Denials by reason</h2>
        {sum !== null && <span class="quiet small">last {span(sum.toMs - sum.fromMs)}</span>}
      </div>
      {reasons.length === 0 ? (
        <p class="empty">Nothing was denied.</p>
      ) : (
        <ul class="bars">
          {reasons.slice(0, MOST).map(([reason, denied]) => (
            <li key={reason} class="bar">
              <a class="mono" href={addressOf('decisions', { decision: 'deny', reason })}>
                {reason}
              </a>
              <span class="number">{count(denied)}</span>
              <svg class="bar-track" aria-hidden="true">
                <rect class="bar-fill" width={`${Math.max(0.5, (denied / highest) * 100)}%`} height="6" rx="3" />
              </svg>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
