import type { Status } from '../api/answers.ts';
import { addressOf } from '../app/route.ts';
import { count, date, span } from '../figures/format.ts';

export function StateCard({ status }: { readonly status: Status }) {
  const { readiness, processes, listeners, sources } = status;
  const upMs = Date.parse(status.at) - Date.parse(status.startedAt);
  const silent = processes.asked - processes.answered;
  return (
    <section class="card" aria-labelledby="state-title">
      <div class="card-head">
        <h2 id="state-title">In force</h2>
      </div>
      <dl class="facts card-body">
        <dt>Revision</dt>
        <dd>
          <code>{readiness.revision ?? 'none'}</code>
        </dd>
        <dt>Loaded</dt>
        <dd>{readiness.loadedAt === null ? 'never' : date(Date.parse(readiness.loadedAt))}</dd>
        <dt>Policies</dt>
        <dd>
          <a href={addressOf('policies')}>
            {count(readiness.policies)} with {count(readiness.rules)} rules
          </a>{' '}
          from{' '}
          {sources.policies.map((path) => (
            <code key={path}>{path} </code>
          ))}
        </dd>
        <dt>Asked at</dt>
        <dd>
          <code>{listeners.grpc}</code>
          {listeners.tls === 'none' ? ', plaintext' : listeners.tls === 'mutual' ? ', mutual TLS' : ', TLS'}
        </dd>
        <dt>Processes</dt>
        <dd>
          {processes.serving} serving{processes.replaced > 0 && `, ${processes.replaced} replaced`}
          {silent > 0 && <span class="warn-ink">, {silent} did not answer in time</span>}
        </dd>
        <dt>Up for</dt>
        <dd>{span(upMs)}</dd>
      </dl>
    </section>
  );
}
