import type { LintRule } from '../rule.ts';

/** `audit` where it changes nothing: it is about what the policy allows, and denials are recorded anyway. */
export const auditWithoutEffect: LintRule = {
  code: 'audit-without-effect',
  severity: 'warning',
  *findings({ set }) {
    for (const { action, mode, audit, position } of set.policies) {
      if (audit === undefined || (action === 'ALLOW' && mode === 'enforce')) continue;
      const why = action === 'DENY' ? 'has the action DENY' : 'is in Shadow mode';
      yield {
        position,
        message: `\`audit: ${audit}\` changes nothing in a policy that ${why}`,
        hint: 'remove it: denials are recorded, and what is allowed goes by the policy that allows it',
      };
    }
  },
};
