import type { LintRule } from '../rule.ts';

/** A group that no rule names, nor any group that a rule names. */
export const unusedGroup: LintRule = {
  code: 'unused-group',
  severity: 'warning',
  *findings({ set }) {
    const used = new Set<string>();
    const open: string[] = [];
    const use = (name: string): void => {
      if (used.has(name)) return;
      used.add(name);
      open.push(name);
    };
    for (const policy of set.policies) {
      for (const source of policy.rules.flatMap((rule) => rule.from ?? [])) {
        for (const list of [source.is.groups, source.not.groups]) {
          for (const name of list?.values ?? []) use(name.includes('/') ? name : `${policy.namespace}/${name}`);
        }
      }
    }
    for (let name = open.pop(); name !== undefined; name = open.pop()) set.groups.get(name)?.groups.forEach(use);
    for (const [name, group] of set.groups) {
      if (used.has(name)) continue;
      yield {
        position: group.position,
        message: `the group \`${name}\` is not used by any rule`,
        hint: 'remove it, or name it in `groups` of a source',
      };
    }
  },
};
