/** Which rules matched in at least one test. */
import type { Explanation } from '../../extauthz/offline.ts';
import { ruleLabel } from '../../pdp/decision.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';

export interface CoveredRule {
  readonly kind: string;
  /** `namespace/name`. */
  readonly policy: string;
  /** Name, or index. */
  readonly rule: string;
  readonly index: number;
  readonly matched: boolean;
}

/** Gathers over all test files; a rule that several of them load counts once. */
export class Coverage {
  readonly #rules = new Map<string, CoveredRule>();

  addPolicies({ policies }: PolicySnapshot): void {
    for (const policy of policies) {
      for (const rule of policy.rules) {
        const { kind, name } = policy;
        const key = keyOf(kind, name, rule.index);
        if (this.#rules.has(key)) continue;
        this.#rules.set(key, { kind, policy: name, rule: ruleLabel(rule), index: rule.index, matched: false });
      }
    }
  }

  addDecision({ policies }: Explanation): void {
    for (const { kind, policy, rules } of policies) {
      for (const { index, matched } of rules) {
        const key = keyOf(kind, policy, index);
        const known = this.#rules.get(key);
        if (matched && known !== undefined) this.#rules.set(key, { ...known, matched });
      }
    }
  }

  /** In the order in which policies are asked. */
  get rules(): readonly CoveredRule[] {
    return [...this.#rules.values()];
  }
}

function keyOf(kind: string, policy: string, index: number): string {
  return `${kind} ${policy} ${index}`;
}
