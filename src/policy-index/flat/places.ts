/** Pattern tables in which single things are found by name: no sets of entries, but one place each. */
export const PLACES = {
  /** By `namespace/name`: a place in `values`. */
  group: 36,
  /** By address: a place in `workloads`, from 1, or {@link CONFLICT}. */
  workload: 37,
} as const;

/** Entries that say different things of one address. */
export const CONFLICT = 0xffff_ffff;
