/** Which rule would have allowed the request, had one thing been different. */
import { nearness } from './failed-field.ts';
import type { FailedField } from './failed-field.ts';

export interface AskedRule {
  readonly rule: string;
  readonly index: number;
  readonly matched: boolean;
  readonly firstFailed: FailedField | null;
}

export interface AskedPolicy {
  readonly kind: string;
  readonly policy: string;
  readonly action: string;
  readonly mode: string;
  readonly rules: readonly AskedRule[];
}

export interface NearMiss {
  readonly policy: string;
  readonly rule: string;
  readonly failed: FailedField;
}

/** More than a few are no answer to "what would change it?". */
const MOST = 3;

/** Rules of policies that could allow, the nearest first. Policies whose say is not obeyed are left out. */
export function nearMisses(policies: readonly AskedPolicy[]): readonly NearMiss[] {
  return policies
    .filter(({ action, mode }) => action === 'ALLOW' && mode.toLowerCase() === 'enforce')
    .flatMap(({ policy, rules }) =>
      rules.flatMap(({ rule, firstFailed }) => (firstFailed === null ? [] : [{ policy, rule, failed: firstFailed }])),
    )
    .sort((one, other) => nearness(other.failed) - nearness(one.failed))
    .slice(0, MOST);
}

/** A rule of a DENY that matched and is obeyed: nothing else counts then. */
export function denyingRule(
  policies: readonly AskedPolicy[],
): { readonly policy: AskedPolicy; readonly rule: AskedRule } | null {
  for (const policy of policies) {
    if (policy.action !== 'DENY' || policy.mode.toLowerCase() !== 'enforce') continue;
    const rule = policy.rules.find(({ matched }) => matched);
    if (rule !== undefined) return { policy, rule };
  }
  return null;
}
