import type { Explanation } from '../api/answers.ts';
import { addressOf } from '../app/route.ts';
import { DecisionBadge } from '../parts/decision-badge.tsx';
import { ruleText } from '../parts/identity-text.ts';
import { subjectOf } from './failed-field.ts';
import { denyingRule, nearMisses } from './near-misses.ts';
import type { NearMiss } from './near-misses.ts';
import { suggestionFor } from './suggestion.ts';
import type { Suggestion } from './suggestion.ts';
import type { RequestForm } from './request-form.ts';
import { WantedAndHas } from './wanted-and-has.tsx';

export interface VerdictProps {
  readonly explanation: Explanation;
  /** The request, when it can be changed. */
  readonly form?: RequestForm | null;
  readonly onTry?: (suggestion: Suggestion) => void;
}

/** What was decided, which rule did it, and what would change it: all that most readers want. */
export function Verdict({ explanation, form = null, onTry }: VerdictProps) {
  const { decision, httpStatus, reason, meaning, policy, rule, refusal } = explanation;
  const denying = decision === 'deny' ? denyingRule(explanation.policies) : null;
  const misses = decision === 'deny' && denying === null ? nearMisses(explanation.policies) : [];
  return (
    <div class="verdict">
      <p class="verdict-head">
        <DecisionBadge decision={decision} />{' '}
        <span>
          {decision === 'deny' && <>with {httpStatus}, </>}
          <code>{reason}</code>
        </span>
      </p>
      <p>
        {decision === 'deny' ? 'Denied because ' : 'Allowed because '}
        {meaning}
        {refusal !== null && <>: {refusal}</>}.
      </p>
      {policy !== null && (
        <p>
          {decision === 'deny' ? 'The rule that denied it: ' : 'The rule that allowed it: '}
          <a href={addressOf('policies', { text: policy })}>
            <strong>{ruleText(policy, rule)}</strong>
          </a>
          {denying !== null && '. As long as it matches, nothing can allow the request.'}
        </p>
      )}
      {misses.length > 0 && (
        <section class="misses" aria-label="What would change it">
          <h3>What would change it</h3>
          <ol>
            {misses.map((miss) => (
              <Miss key={`${miss.policy} ${miss.rule}`} miss={miss} form={form} onTry={onTry} />
            ))}
          </ol>
          <p class="quiet small">
            A rule stops at the first thing that does not hold: what it asks after that is not looked at yet.
          </p>
        </section>
      )}
    </div>
  );
}

interface MissProps {
  readonly miss: NearMiss;
  readonly form: RequestForm | null;
  readonly onTry: VerdictProps['onTry'];
}

function Miss({ miss, form, onTry }: MissProps) {
  const { policy, rule, failed } = miss;
  const suggestion = form === null || onTry === undefined ? null : suggestionFor(miss, form);
  return (
    <li class="miss">
      <p>
        <strong>{ruleText(policy, numberOr(rule))}</strong> stopped at <em>{subjectOf(failed.field)}</em>:
      </p>
      <WantedAndHas failed={failed} isLack />
      {suggestion !== null && onTry !== undefined && (
        <button type="button" class="button small" onClick={() => onTry(suggestion)}>
          Try {suggestion.text}
        </button>
      )}
    </li>
  );
}

/** Rules without a name are told by their number. */
function numberOr(rule: string): string | number {
  return /^\d+$/.test(rule) ? Number(rule) : rule;
}
