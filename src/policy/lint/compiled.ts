/** Rules as requests are matched with them, for lint rules that compare what is matched and not how it is written. */
import { compilePredicates } from '../compile/compile-rule.ts';
import type { RulePredicates } from '../compile/compile-rule.ts';
import type { CompiledGroup } from '../compile/group.ts';
import { trustDomains } from '../compile/trust-domain.ts';
import type { Policy, PolicySet, Rule } from '../model.ts';
import type { LanguageOptions } from '../options.ts';

export interface CompiledForLint {
  /** In report order over the whole set. */
  readonly ordinal: number;
  readonly policy: Policy;
  readonly rule: Rule;
  readonly predicates: RulePredicates;
}

/** In report order. */
export function compileForLint(set: PolicySet, options: LanguageOptions): readonly CompiledForLint[] {
  const domains = trustDomains(options.trustDomain, options.trustDomainAliases);
  const groups = new Map([...set.groups.keys()].map((name) => [name, groupByName(name)]));
  const compiled: CompiledForLint[] = [];
  for (const policy of set.policies) {
    const { namespace } = policy;
    const context = {
      policy,
      namespace,
      dialect: policy.kind === 'AccessPolicy' ? 'access' : 'istio',
      trustDomains: domains,
      groups,
      groupNamed: (name: string) => groupByName(name.includes('/') ? name : `${namespace}/${name}`),
    } as const;
    for (const rule of policy.rules) {
      compiled.push({ ordinal: compiled.length, policy, rule, predicates: compilePredicates(rule, context) });
    }
  }
  return compiled;
}

/** Groups are told apart by their names alone: who is in them is not looked at. */
function groupByName(name: string): CompiledGroup {
  return { name, spiffeIds: { exact: new Set(), others: [] }, subjects: new Map(), claims: [] };
}
