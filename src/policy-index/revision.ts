/** What names a snapshot: equal on all replicas that decide alike. */
import { createHash } from 'node:crypto';
import type { PolicySet } from '../policy/model.ts';

/** Where a policy was written does not count, what it says does. `fingerprint` is that of the decision settings. */
export function revisionOf(set: PolicySet, fingerprint: string): string {
  const policies = set.policies.map(canonical).sort();
  const groups = [...set.groups.values()].map(canonical).sort();
  const workloads = set.workloads.map(canonical).sort();
  const hash = createHash('sha256');
  for (const part of [[fingerprint], policies, groups, workloads])
    for (const text of part) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex').slice(0, 16);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (key === 'position') return undefined;
    if (item instanceof Map) return { map: [...(item as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1)) };
    if (item !== null && typeof item === 'object' && !Array.isArray(item))
      return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
    return item;
  });
}
