/** Which of the rules that were counted are still there. */
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { keyOf, ruleKey } from '../telemetry/rule-hits.ts';
import type { RuleHits } from '../telemetry/rule-hits.ts';

export function isIn(snapshot: PolicySnapshot): (counted: RuleHits) => boolean {
  /** Of policies whose rules are not where they were. */
  const rulesOf = new Map<string, ReadonlySet<string>>();
  return (counted) => {
    const kind = counted.kind === 'AccessPolicy' ? 'AccessPolicy' : 'AuthorizationPolicy';
    const { policy, index } = counted;
    const there = snapshot.ruleOf(kind, policy, index);
    if (there !== null && ruleKey(there) === keyOf(counted)) return true;
    // One without a name is known by its place alone.
    if (counted.rule === String(index)) return false;
    const known = rulesOf.get(`${kind} ${policy}`);
    if (known !== undefined) return known.has(keyOf(counted));
    const rules = new Set(snapshot.ruleOf(kind, policy, 0)?.policy.rules.map(ruleKey));
    rulesOf.set(`${kind} ${policy}`, rules);
    return rules.has(keyOf(counted));
  };
}
