import type { DecisionWord } from '../api/answers.ts';
import { Sign } from './sign.tsx';

/** Never by colour alone. */
export function DecisionBadge({ decision }: { readonly decision: DecisionWord }) {
  return (
    <span class={`badge ${decision}`}>
      <Sign name={decision} />
      {decision === 'allow' ? 'allowed' : 'denied'}
    </span>
  );
}
