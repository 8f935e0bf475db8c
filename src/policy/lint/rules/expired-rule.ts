import type { LintRule } from '../rule.ts';

/**
 * A rule whose window is over. An ALLOW that still counts as applying denies what it allowed; a DENY has
 * stopped to deny, and nobody was told.
 */
export const expiredRule: LintRule = {
  code: 'expired-rule',
  severity: 'warning',
  *findings({ set, nowMs }) {
    for (const policy of set.policies) {
      for (const rule of policy.rules) {
        const until = rule.valid?.untilMs ?? null;
        if (until === null || until > nowMs) continue;
        yield {
          position: rule.position,
          message: `the rule ${rule.name === null ? rule.index : `\`${rule.name}\``} of a policy with action ${policy.action} expired at ${new Date(until).toISOString()}`,
          hint:
            policy.action === 'DENY'
              ? 'it denies nothing any more: remove it, or move `until`'
              : 'remove it, or move `until`',
        };
      }
    }
  },
};
