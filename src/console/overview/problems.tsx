import type { Readiness } from '../api/answers.ts';
import { date } from '../figures/format.ts';
import { Notice } from '../parts/notice.tsx';

/** What somebody should look at; nothing when all is well. */
export function Problems({ readiness }: { readonly readiness: Readiness }) {
  const { ready, draining, stale, restored, loadedAt, problems, listeners, identity } = readiness;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const warnings = problems.filter(({ severity }) => severity === 'warning');
  const keys = identity.keys.filter(({ lastError }) => lastError != null);
  return (
    <>
      {!ready && (
        <Notice kind="deny">
          <p>
            <strong>{draining ? 'The service is about to end.' : 'There are no policies yet.'}</strong>{' '}
            {draining ? 'It answers what it has and takes nothing new.' : 'Every request is denied until there are.'}
          </p>
          <ProblemList problems={errors} total={readiness.errors} />
        </Notice>
      )}
      {ready && stale && (
        <Notice kind="warn">
          <p>
            <strong>The policies on disk have errors.</strong> Those of{' '}
            {loadedAt === null ? 'before' : date(Date.parse(loadedAt))} still decide
            {restored ? ', kept from an earlier run' : ''}.
          </p>
          <ProblemList problems={errors} total={readiness.errors} />
        </Notice>
      )}
      {keys.map(({ providers, state, lastError }) => (
        <Notice key={providers.join()} kind="warn">
          <p>
            <strong>Keys of {providers.join(', ')} are not fresh</strong> ({state}): {lastError}
          </p>
        </Notice>
      ))}
      {listeners.map(({ listener, warning }) => (
        <Notice key={listener} kind="warn">
          <p>
            <strong>Listener {listener}:</strong> {warning}
          </p>
        </Notice>
      ))}
      {warnings.length > 0 && (
        <Notice kind="plain">
          <details>
            <summary>
              {readiness.warnings} {readiness.warnings === 1 ? 'warning' : 'warnings'} about the policies
            </summary>
            <ProblemList problems={warnings} total={readiness.warnings} />
          </details>
        </Notice>
      )}
    </>
  );
}

function ProblemList({ problems, total }: { readonly problems: Readiness['problems']; readonly total: number }) {
  return (
    <ul class="problems">
      {problems.map(({ code, message, hint, place }) => (
        <li key={`${place} ${code} ${message}`}>
          <code>{place}</code> <span class="quiet small">{code}</span>
          <p>
            {message}
            {hint !== undefined && <span class="quiet"> – {hint}</span>}
          </p>
        </li>
      ))}
      {total > problems.length && (
        <li class="quiet">and {total - problems.length} more: `portcullis lint` lists them all</li>
      )}
    </ul>
  );
}
