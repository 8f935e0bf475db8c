/** The called workload, as far as it is known. null: not known, which is not the same as empty. */
export interface Workload {
  readonly source: WorkloadSource;
  readonly namespace: string | null;
  /** Of {@link namespace}; {@link FOREIGN_ACCOUNT}: known to be none of our trust domain's accounts. */
  readonly serviceAccount: string | null;
  readonly labels: ReadonlyMap<string, string> | null;
}

export type WorkloadSource = 'contextExtensions' | 'inventory' | 'labels' | 'principal' | 'none';

/** No Kubernetes name has a slash, so that this equals no account. */
export const FOREIGN_ACCOUNT = '/foreign';

export const UNKNOWN_WORKLOAD: Workload = { source: 'none', namespace: null, serviceAccount: null, labels: null };

/** The same policies apply to workloads that are the same, from whatever source they are known. */
export function sameWorkload(a: Workload, b: Workload): boolean {
  if (a.namespace !== b.namespace || a.serviceAccount !== b.serviceAccount) return false;
  if (a.labels === null || b.labels === null) return a.labels === b.labels;
  if (a.labels.size !== b.labels.size) return false;
  for (const [name, value] of a.labels) if (b.labels.get(name) !== value) return false;
  return true;
}
