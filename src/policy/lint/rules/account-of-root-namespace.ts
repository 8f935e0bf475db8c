import { named, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/** A bare service account is one of the policy's own namespace: in the root namespace, where policies are for all, that is seldom meant. */
export const accountOfRootNamespace: LintRule = {
  code: 'account-of-root-namespace',
  severity: 'warning',
  *findings({ set, options: { rootNamespace } }) {
    for (const { policy, field, written, values, position } of valueLists(set)) {
      if (field !== 'serviceAccounts' || policy.namespace !== rootNamespace) continue;
      const bare = values.filter((value) => !value.includes('/'));
      if (bare.length === 0) continue;
      yield {
        position,
        message: `${named(bare)} in \`${written}\` ${bare.length === 1 ? 'is an account' : 'are accounts'} of the root namespace \`${rootNamespace}\`, not of the namespace that is called`,
        hint: `write \`namespace/${bare[0]!}\`, or \`${rootNamespace}/${bare[0]!}\` when that is meant`,
      };
    }
  },
};
