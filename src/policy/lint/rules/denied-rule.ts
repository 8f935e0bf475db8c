import { Candidates } from '../cover/candidates.ts';
import { isSelfContradicting } from '../cover/contradictions.ts';
import { attachmentCovers, ruleCovers } from '../cover/rules.ts';
import { place, ruleName } from '../names.ts';
import type { LintRule } from '../rule.ts';

/** A rule of an ALLOW policy that never allows anything, since a DENY matches all that it matches. */
export const deniedRule: LintRule = {
  code: 'denied-rule',
  severity: 'warning',
  *findings({ compiled, options: { rootNamespace } }) {
    const enforced = compiled.filter(({ policy }) => policy.mode === 'enforce');
    const denies = new Candidates(
      enforced.filter(({ policy }) => policy.action === 'DENY'),
      rootNamespace,
    );
    for (const rule of enforced) {
      if (rule.policy.action !== 'ALLOW' || isSelfContradicting(rule.predicates)) continue;
      for (const deny of denies.for(rule, 'DENY')) {
        if (!attachmentCovers(deny.policy, rule.policy, rootNamespace) || !ruleCovers(deny, rule)) continue;
        yield {
          position: rule.rule.position,
          message: `this rule never allows anything: ${ruleName(deny.policy, deny.rule)} (${place(deny.rule.position)}) denies every request that it matches`,
          hint: 'remove it, or narrow the DENY: no ALLOW overrides one',
        };
        break;
      }
    }
  },
};
