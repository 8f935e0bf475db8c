import type { Decision, Explained } from '../api/answers.ts';
import { useAsked } from '../app/context.ts';
import { addressOf } from '../app/route.ts';
import { Verdict } from '../explain/verdict.tsx';
import { date, duration } from '../figures/format.ts';
import { labelsText } from '../parts/identity-text.ts';
import { ErrorNotice } from '../parts/notice.tsx';

export function DecisionDetails({ decision }: { readonly decision: Decision }) {
  const { id, explainable, meaning } = decision;
  const { answer, error } = useAsked(
    (api, signal) =>
      explainable
        ? api.post<Explained>('explain', { decisionId: id }, signal)
        : Promise.resolve<Explained | null>(null),
    id,
  );
  const explanation = answer?.explanation ?? null;
  return (
    <div class="decision-details">
      <section aria-label="Why">
        <h2>Why</h2>
        {explanation === null ? <p>{sentence(meaning)}</p> : <Verdict explanation={explanation} />}
        {answer?.notes.map((note) => (
          <p key={note} class="quiet small">
            {note}
          </p>
        ))}
        <ErrorNotice error={error} />
        <p class="row">
          <a class="button small" href={addressOf('explain', { decision: id })}>
            Explain it, and try changes
          </a>
        </p>
      </section>
      <section aria-label="Facts">
        <h2>Facts</h2>
        <Facts decision={decision} />
      </section>
    </div>
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function Facts({ decision }: { readonly decision: Decision }) {
  const { workload, headers, claims } = decision;
  const facts: readonly (readonly [string, string | null])[] = [
    ['Caller', decision.principal],
    ['Token', decision.requestPrincipal],
    [
      'Workload',
      workload === null
        ? null
        : [
            `namespace ${workload.namespace ?? 'unknown'}`,
            `account ${workload.serviceAccount ?? 'unknown'}`,
            workload.labels === null ? 'labels unknown' : labelsText(workload.labels),
          ].join(', '),
    ],
    ['Host', decision.host],
    ['Answer', String(decision.httpStatus)],
    ['Took', `${duration(decision.durationMicros / 1e6)}${decision.cached ? ', from the cache' : ''}`],
    ['When', date(Date.parse(decision.time))],
    ['Revision', decision.revision],
    ['Decision id', decision.id],
    ['Trace', decision.traceId],
    ['Request id', decision.envoyRequestId],
    ...Object.entries(headers ?? {}).map(([name, lines]) => [`Header ${name}`, lines.join(' | ')] as const),
    ...Object.entries(claims ?? {}).map(([name, value]) => [`Claim ${name}`, JSON.stringify(value)] as const),
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name} class="fact">
            <dt>{name}</dt>
            <dd class="mono">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
