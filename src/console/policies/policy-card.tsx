import type { Grant, Policy, Rule } from '../api/answers.ts';
import { addressOf } from '../app/route.ts';
import { count, date, span } from '../figures/format.ts';
import { callersLine, operationsLine } from '../parts/grant-text.ts';
import { unusedOf, usesOf } from './policy-view.ts';

export interface PolicyCardProps {
  readonly policy: Policy;
  /** What rules say, by their ordinal, as far as it is known. */
  readonly said: ReadonlyMap<number, Grant>;
  readonly isUnusedOnly: boolean;
}

export function PolicyCard({ policy, said, isUnusedOnly }: PolicyCardProps) {
  const { action, mode, kind, workload, place, ruleCount, rulesTruncated } = policy;
  const unusedRules = unusedOf(policy);
  const highest = Math.max(1, ...policy.rules.map((rule) => usesOf({ mode, ...rule })));
  const rules = isUnusedOnly ? policy.rules.filter((rule) => usesOf({ mode, ...rule }) === 0) : policy.rules;
  const title = `policy-${policy.number}`;
  return (
    <section class="card policy" aria-labelledby={title}>
      <div class="card-head">
        <div>
          <h2 id={title}>{policy.policy}</h2>
          <p class="quiet small">
            {kind} for {workload.text}
            {place !== null && (
              <>
                {' · '}
                <code>{place}</code>
              </>
            )}
          </p>
        </div>
        <p class="row">
          {unusedRules > 0 && (
            <span class="badge warn">
              {unusedRules === ruleCount ? 'never used' : `${unusedRules} of ${ruleCount} never used`}
            </span>
          )}
          {mode !== 'enforce' && <span class="badge warn">{mode}: not obeyed</span>}
          <span class={`badge ${action === 'DENY' ? 'deny' : 'plain'}`}>{action}</span>
        </p>
      </div>
      {rules.length === 0 ? (
        <p class="card-body quiet">
          {ruleCount === 0 ? 'It has no rules: nothing matches it.' : 'Its rules are not among the first hundred.'}
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" class="policy-says">
                Says
              </th>
              <th scope="col" class="number">
                {mode === 'enforce' ? 'Decided' : 'Would have'}
              </th>
              <th scope="col" class="policy-last">
                Last
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule) => (
              <RuleRow
                key={rule.ordinal}
                rule={rule}
                policy={policy}
                grant={said.get(rule.ordinal)}
                highest={highest}
              />
            ))}
          </tbody>
        </table>
      )}
      {rulesTruncated && <p class="card-body quiet small">and {count(ruleCount - policy.rules.length)} rules more</p>}
    </section>
  );
}

interface RuleRowProps {
  readonly rule: Rule;
  readonly policy: Policy;
  readonly grant: Grant | undefined;
  readonly highest: number;
}

function RuleRow({ rule, policy, grant, highest }: RuleRowProps) {
  const { name, index, validUntil, validFrom, lastHitAt } = rule;
  const uses = usesOf({ mode: policy.mode, ...rule });
  const now = Date.now();
  const isOver = validUntil !== null && Date.parse(validUntil) < now;
  const isAhead = validFrom !== null && Date.parse(validFrom) > now;
  return (
    <tr class={uses === 0 ? 'rule is-unused' : 'rule'}>
      <th scope="row">
        <span class="rule-name">{name ?? `rule ${index}`}</span>
        {isOver && <div class="small warn-ink">over since {date(Date.parse(validUntil))}</div>}
        {isAhead && <div class="small warn-ink">from {date(Date.parse(validFrom))}</div>}
        {grant !== undefined && <Says grant={grant} class="quiet small rule-says-below" />}
      </th>
      <td class="policy-says small">{grant === undefined ? '' : <Says grant={grant} class="" />}</td>
      <td class="number rule-uses">
        {uses === 0 ? (
          <span class="badge warn">never</span>
        ) : (
          <a href={addressOf('decisions', { policy: policy.policy })} title="Decisions of this policy">
            {count(uses)}
          </a>
        )}
        <svg class="rule-bar" aria-hidden="true">
          <rect width={`${(uses / highest) * 100}%`} height="4" rx="2" />
        </svg>
      </td>
      <td class="policy-last quiet small">{lastHitAt === null ? '–' : `${span(now - Date.parse(lastHitAt))} ago`}</td>
    </tr>
  );
}

function Says({ grant, class: look }: { readonly grant: Grant; readonly class: string }) {
  return (
    <div class={look}>
      {callersLine(grant)} <span class="quiet">→</span> <span class="mono">{operationsLine(grant)}</span>
      {grant.conditions.map((condition) => (
        <div key={condition} class="quiet">
          when <span class="mono">{condition}</span>
        </div>
      ))}
    </div>
  );
}
