/** Rules as requests are matched with them, for lint rules that compare what is matched and not how it is written. */
import { runSteps } from '../../lib/steps.ts';
import { compilePredicates } from '../compile/compile-rule.ts';
import type { RulePredicates } from '../compile/compile-rule.ts';
import { compileGroups } from '../compile/group.ts';
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
  const groups = runSteps(compileGroups(set.groups, domains));
  const compiled: CompiledForLint[] = [];
  for (const policy of set.policies) {
    const dialect = policy.kind === 'AccessPolicy' ? 'access' : 'istio';
    for (const rule of policy.rules) {
      const predicates = compilePredicates(rule, { policy, dialect, trustDomains: domains, groups });
      compiled.push({ ordinal: compiled.length, policy, rule, predicates });
    }
  }
  return compiled;
}
