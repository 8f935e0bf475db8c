import type { ExplainedPolicy, Explanation } from '../api/answers.ts';
import { addressOf } from '../app/route.ts';
import { Sign } from '../parts/sign.tsx';
import { subjectOf } from './failed-field.ts';
import { WantedAndHas } from './wanted-and-has.tsx';

/** Every policy that was asked, in the order in which they are. */
export function Way({ explanation }: { readonly explanation: Explanation }) {
  const { workload, workloadSource, truncated } = explanation;
  // As they are asked: a DENY that matches ends it.
  const policies = explanation.policies.toSorted((one, other) => rank(one) - rank(other));
  return (
    <section class="stack" aria-labelledby="way-title">
      <div>
        <h2 id="way-title">The whole way</h2>
        <p class="quiet">
          {workload === null ? (
            'The called workload did not matter.'
          ) : (
            <>
              Called workload: <code>{workload}</code>, known from {workloadSource ?? 'nothing'}.
            </>
          )}{' '}
          {policies.length === 0 ? 'No policy was asked.' : 'DENY policies are asked first.'}
        </p>
      </div>
      {policies.map((policy) => (
        <PolicyWay key={`${policy.kind} ${policy.policy}`} policy={policy} />
      ))}
      {truncated && <p class="quiet small">Policies or rules that did not match were left out: there are too many.</p>}
    </section>
  );
}

function PolicyWay({
  policy: { kind, policy, action, mode, rules, omittedRules },
}: {
  readonly policy: ExplainedPolicy;
}) {
  return (
    <section class="card" aria-label={policy}>
      <div class="card-head">
        <h3>
          <a href={addressOf('policies', { text: policy })}>{policy}</a>
        </h3>
        <span class="row">
          <span class={`badge ${action === 'DENY' ? 'deny' : 'plain'}`}>{action}</span>
          {mode !== 'enforce' && <span class="badge warn">{mode}: not obeyed</span>}
          <span class="quiet small">{kind}</span>
        </span>
      </div>
      <ul class="way-rules">
        {rules.map(({ rule, index, matched, firstFailed }) => (
          <li key={index} class={matched ? 'way-rule matched' : 'way-rule'}>
            <p class="way-rule-head">
              <span class={matched ? (action === 'DENY' ? 'deny-ink' : 'allow-ink') : 'quiet'}>
                <Sign name={matched ? 'allow' : 'deny'} />
              </span>
              <strong>{/^\d+$/.test(rule) ? `rule ${rule}` : rule}</strong>{' '}
              {matched ? (
                'matched'
              ) : firstFailed === null ? (
                'did not match'
              ) : (
                <span class="quiet">
                  failed first at {subjectOf(firstFailed.field)} <code class="small">{firstFailed.field}</code>
                </span>
              )}
            </p>
            {firstFailed !== null && <WantedAndHas failed={firstFailed} isLack={action === 'ALLOW'} />}
          </li>
        ))}
        {rules.length === 0 && omittedRules === 0 && <li class="way-rule quiet">has no rules: nothing matches</li>}
        {omittedRules > 0 && <li class="way-rule quiet">{omittedRules} rules more did not match</li>}
      </ul>
    </section>
  );
}

function rank({ action }: ExplainedPolicy): number {
  return action === 'DENY' ? 0 : 1;
}
