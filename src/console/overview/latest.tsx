import type { DecisionPage } from '../api/answers.ts';
import { usePolled } from '../app/context.ts';
import { addressOf } from '../app/route.ts';
import { clock } from '../figures/format.ts';
import { callerText, workloadText } from '../parts/identity-text.ts';
import { ErrorNotice } from '../parts/notice.tsx';

const SHOWN = 6;
const EVERY_MS = 5000;

export function Latest() {
  const { answer, error } = usePolled(
    (api, signal) => api.get<DecisionPage>('decisions', { decision: 'deny', limit: SHOWN }, signal),
    EVERY_MS,
    '',
  );
  return (
    <section class="card" aria-labelledby="latest-title">
      <div class="card-head">
        <h2 id="latest-title">Latest denials</h2>
        <a class="small" href={addressOf('decisions', { decision: 'deny' })}>
          All of them
        </a>
      </div>
      <ErrorNotice error={error} />
      {answer !== null && answer.decisions.length === 0 && <p class="empty">Nothing was denied lately.</p>}
      <ul class="latest">
        {answer?.decisions.map(({ id, time, method, path, principal, workload, reason }) => (
          <li key={id}>
            <a href={addressOf('explain', { decision: id })} class="mono latest-what">
              {method} {path}
            </a>
            <span class="quiet small number">{clock(Date.parse(time))}</span>
            <span class="small latest-who">
              {callerText(principal)} → {workloadText(workload)}
            </span>
            <span class="small mono deny-ink">{reason}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
