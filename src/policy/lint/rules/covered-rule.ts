import type { CompiledForLint } from '../compiled.ts';
import { Candidates } from '../cover/candidates.ts';
import { isSelfContradicting } from '../cover/contradictions.ts';
import { attachmentCovers, ruleCovers } from '../cover/rules.ts';
import { place, ruleName } from '../names.ts';
import type { LintRule } from '../rule.ts';

/**
 * A rule that changes nothing: another one of the same action matches every request that it matches, on every workload
 * that it is for. Whoever tightens one of the two will wonder why nothing changes.
 */
export const coveredRule: LintRule = {
  code: 'covered-rule',
  severity: 'warning',
  *findings({ compiled, options: { rootNamespace } }) {
    const candidates = new Candidates(compiled, rootNamespace);
    const covers = (wide: CompiledForLint, narrow: CompiledForLint): boolean =>
      attachmentCovers(wide.policy, narrow.policy, rootNamespace) && ruleCovers(wide, narrow);
    for (const rule of compiled) {
      if (isSelfContradicting(rule.predicates)) continue;
      for (const other of candidates.for(rule, rule.policy.action)) {
        if (other === rule || !covers(other, rule) || !canGo(rule, other)) continue;
        // Of two that are alike the first one stays.
        if (other.ordinal > rule.ordinal && covers(rule, other) && canGo(other, rule)) continue;
        yield {
          position: rule.rule.position,
          message: `every request that this rule matches is matched by ${ruleName(other.policy, other.rule)} too (${place(other.rule.position)})`,
          hint: 'remove it: it changes nothing; or narrow the other one, if this is all that was meant',
        };
        break;
      }
    }
  },
};

/** Without the rule answers and records stay: the first match responds, and it is the other one or neither adds anything. */
function canGo(rule: CompiledForLint, other: CompiledForLint): boolean {
  if (rule.rule.respond !== null) return false;
  if (other.ordinal < rule.ordinal) return true;
  return other.rule.respond === null && auditOf(other) === auditOf(rule);
}

/** Of denials all are recorded. */
function auditOf({ policy: { action, audit } }: CompiledForLint): string {
  return action === 'ALLOW' ? (audit ?? 'sample') : 'all';
}
