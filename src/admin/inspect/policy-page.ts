/** Policies with their rules, and how often those decided. */
import type { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import type { Task } from './messages.ts';
import { hitsOf, placeText, shownRule } from './rule-page.ts';
import type { Hits } from './rule-page.ts';
import { selectorOf } from './selector.ts';

/** Of a policy; /api/v1/rules has the others. */
const MAX_SHOWN_RULES = 100;
/** Of a page, which ends early when there are more. */
const MAX_RULES_OF_PAGE = 2000;

export function policyPage(
  flat: FlatSnapshot,
  task: Extract<Task, { readonly kind: 'policies' }>,
  hits: Hits,
  rootNamespace: string,
): object {
  const { page, unused, lastSeen, countedSince, processes } = task;
  const policies: object[] = [];
  let shownRules = 0;
  let number = page.after;
  for (; number < flat.policyCount && policies.length < page.limit && shownRules < MAX_RULES_OF_PAGE; number++) {
    const policy = flat.policy(number);
    if (page.namespace !== null && policy.namespace !== page.namespace) continue;
    const [first, end] = flat.rulesOfPolicy(number);
    let count = 0;
    let unusedRules = 0;
    const rules: object[] = [];
    for (let ordinal = first; ordinal < end; ordinal++) {
      const rule = flat.rule(ordinal);
      const own = hitsOf(rule, hits);
      count += own;
      if (own === 0) unusedRules += 1;
      if (rules.length < MAX_SHOWN_RULES) rules.push(shownRule(flat, rule, hits, lastSeen));
    }
    if (unused && unusedRules === 0) continue;
    shownRules += rules.length;
    const enforced = policy.mode === 'enforce';
    policies.push({
      number,
      policy: policy.name,
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name.slice(policy.namespace.length + 1),
      action: policy.action,
      mode: policy.mode,
      audit: policy.audit,
      place: placeText(flat.positionOfPolicy(number)),
      workload: selectorOf(policy, rootNamespace),
      ruleCount: end - first,
      unusedRules,
      hits: enforced ? count : 0,
      shadowHits: enforced ? 0 : count,
      rules,
      rulesTruncated: end - first > rules.length,
    });
  }
  return {
    revision: flat.revision,
    countedSince,
    processes,
    total: flat.policyCount,
    policies,
    next: number < flat.policyCount ? String(number) : null,
  };
}
