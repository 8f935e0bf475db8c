import type { WorkloadEntry } from '../../model.ts';
import type { LintRule } from '../rule.ts';

/** Two entries that say different things of one address: every request to it is denied, as `workload_conflict`. */
export const duplicateWorkloadAddress: LintRule = {
  code: 'duplicate-workload-address',
  severity: 'warning',
  *findings({ set }) {
    const first = new Map<string, WorkloadEntry>();
    for (const entry of set.workloads) {
      const other = first.get(entry.address);
      if (other === undefined) first.set(entry.address, entry);
      else if (!isSameWorkload(entry, other)) {
        yield {
          position: entry.position,
          message: `\`${entry.namespace}/${entry.name}\` and \`${other.namespace}/${other.name}\` say different things of the address \`${entry.address}\``,
          hint: 'requests to this address are denied as workload_conflict: remove one of the two',
        };
      }
    }
  },
};

function isSameWorkload(a: WorkloadEntry, b: WorkloadEntry): boolean {
  return (
    a.namespace === b.namespace &&
    a.serviceAccount === b.serviceAccount &&
    a.labels.size === b.labels.size &&
    [...a.labels].every(([key, value]) => b.labels.get(key) === value)
  );
}
