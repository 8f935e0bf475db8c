import { placeOf } from './failed-field.ts';
import type { FailedField } from './failed-field.ts';

/** Values of a field that are shown; a rule may list hundreds. */
const SHOWN = 6;

export interface WantedAndHasProps {
  readonly failed: FailedField;
  /** What did not match is what the request lacks; of a DENY it is what saved it. */
  readonly isLack: boolean;
}

export function WantedAndHas({ failed: { field, wanted, actual }, isLack }: WantedAndHasProps) {
  const { negated } = placeOf(field);
  const shown = wanted.slice(0, SHOWN);
  return (
    <dl class="wanted">
      <dt>{negated ? 'rule wants anything but' : 'rule wants'}</dt>
      <dd>
        {shown.map((value, at) => (
          <span key={value}>
            {at > 0 && <span class="quiet">{negated ? ' and ' : ' or '}</span>}
            <code>{value}</code>
          </span>
        ))}
        {wanted.length > SHOWN && <span class="quiet"> and {wanted.length - SHOWN} more</span>}
      </dd>
      <dt>request has</dt>
      <dd>
        <code class={isLack ? 'deny-ink' : undefined}>{actual}</code>
      </dd>
    </dl>
  );
}
