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

/** One text for one workload: the same policies apply to equal texts. */
export function workloadKey(workload: Workload): string {
  const part = (value: string | null): string => (value === null ? '-' : `${value.length}:${value}`);
  let key = part(workload.namespace) + part(workload.serviceAccount);
  if (workload.labels === null) return `${key}-`;
  for (const name of [...workload.labels.keys()].sort()) key += part(name) + part(workload.labels.get(name)!);
  return key;
}
