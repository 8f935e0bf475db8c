/** Warnings about a valid set: what is legal and probably not meant. */
import type { Diagnostic } from '../../lib/diagnostic.ts';
import type { PolicySet } from '../model.ts';
import type { LanguageOptions } from '../options.ts';
import { Report } from '../report.ts';
import { compileForLint } from './compiled.ts';
import type { LintRule } from './rule.ts';
import { accountOfRootNamespace } from './rules/account-of-root-namespace.ts';
import { allowsAnybody } from './rules/allows-anybody.ts';
import { allowsWithoutIdentity } from './rules/allows-without-identity.ts';
import { anyAudience } from './rules/any-audience.ts';
import { anyTrustDomain } from './rules/any-trust-domain.ts';
import { auditWithoutEffect } from './rules/audit-without-effect.ts';
import { clientIpNotConfigured } from './rules/client-ip-not-configured.ts';
import { coveredRule } from './rules/covered-rule.ts';
import { deniedRule } from './rules/denied-rule.ts';
import { directPeerAddress } from './rules/direct-peer-address.ts';
import { duplicateWorkloadAddress } from './rules/duplicate-workload-address.ts';
import { expiredKey } from './rules/expired-key.ts';
import { expiredRule } from './rules/expired-rule.ts';
import { headerAsSent } from './rules/header-as-sent.ts';
import { hostWithoutPort } from './rules/host-without-port.ts';
import { keysOverHttp } from './rules/keys-over-http.ts';
import { methodOverride } from './rules/method-override.ts';
import { prefixMatchesSiblings } from './rules/prefix-matches-siblings.ts';
import { ruleNeverMatches } from './rules/rule-never-matches.ts';
import { templateGap } from './rules/template-gap.ts';
import { subjectWithSlash } from './rules/subject-with-slash.ts';
import { tokenNeverThere } from './rules/token-never-there.ts';
import { tokenNotRequired } from './rules/token-not-required.ts';
import { trailingSlash } from './rules/trailing-slash.ts';
import { unknownWorkload } from './rules/unknown-workload.ts';
import { unusedGroup } from './rules/unused-group.ts';
import { valueNeverMatches } from './rules/value-never-matches.ts';

export const LINT_RULES: readonly LintRule[] = [
  accountOfRootNamespace,
  allowsAnybody,
  allowsWithoutIdentity,
  anyAudience,
  anyTrustDomain,
  auditWithoutEffect,
  clientIpNotConfigured,
  coveredRule,
  deniedRule,
  directPeerAddress,
  duplicateWorkloadAddress,
  expiredKey,
  expiredRule,
  headerAsSent,
  hostWithoutPort,
  keysOverHttp,
  methodOverride,
  prefixMatchesSiblings,
  ruleNeverMatches,
  templateGap,
  subjectWithSlash,
  tokenNeverThere,
  tokenNotRequired,
  trailingSlash,
  unknownWorkload,
  unusedGroup,
  valueNeverMatches,
];

/** `nowMs`: the time against which windows are looked at. */
export function lintPolicySet(set: PolicySet, options: LanguageOptions, nowMs: number): readonly Diagnostic[] {
  const report = new Report();
  const compiled = compileForLint(set, options);
  for (const rule of LINT_RULES) {
    for (const { position, message, hint } of rule.findings({ set, compiled, options, nowMs })) {
      report.add(rule.severity, rule.code, position, message, hint);
    }
  }
  return report.sorted();
}
