import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import { ruleMatch } from './match/match-rule.ts';
import type { RuleIndex } from './rule-index.ts';

/** Asks every rule in turn: slow, and right by its looks. The oracle of the index. */
export function linearScan(rules: readonly CompiledRule[]): RuleIndex {
  return {
    rules,
    first(request, nowMs, token) {
      const matches = ruleMatch(token);
      for (const rule of rules) if (matches(rule, request, nowMs)) return rule;
      return null;
    },
    print: () => `scan of ${rules.length} rules`,
  };
}
