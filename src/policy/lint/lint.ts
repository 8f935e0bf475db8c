/** Warnings about a valid set: what is legal and probably not meant. */
import type { Diagnostic } from '../../lib/diagnostic.ts';
import type { PolicySet } from '../model.ts';
import type { LanguageOptions } from '../options.ts';
import { Report } from '../report.ts';
import type { LintRule } from './rule.ts';
import { anyTrustDomain } from './rules/any-trust-domain.ts';
import { duplicateWorkloadAddress } from './rules/duplicate-workload-address.ts';
import { expiredRule } from './rules/expired-rule.ts';
import { tokenNeverThere } from './rules/token-never-there.ts';
import { unusedGroup } from './rules/unused-group.ts';

export const LINT_RULES: readonly LintRule[] = [
  anyTrustDomain,
  duplicateWorkloadAddress,
  expiredRule,
  tokenNeverThere,
  unusedGroup,
];

/** `nowMs`: the time against which windows are looked at. */
export function lintPolicySet(set: PolicySet, options: LanguageOptions, nowMs: number): readonly Diagnostic[] {
  const report = new Report();
  for (const rule of LINT_RULES) {
    for (const { position, message, hint } of rule.findings({ set, options, nowMs })) {
      report.add(rule.severity, rule.code, position, message, hint);
    }
  }
  return report.sorted();
}
