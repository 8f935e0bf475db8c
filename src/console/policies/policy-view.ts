/** Which policies are shown, and in which order. */
import type { Policy } from '../api/answers.ts';

export const ORDERS = ['report', 'most used', 'least used', 'name'] as const;

export type Order = (typeof ORDERS)[number];

export interface PolicyFilter {
  readonly text: string;
  /** `ALLOW`, `DENY`, or empty: both. */
  readonly action: string;
  readonly isUnusedOnly: boolean;
  readonly order: Order;
}

export function viewOf(
  policies: readonly Policy[],
  { text, action, isUnusedOnly, order }: PolicyFilter,
): readonly Policy[] {
  const wanted = text.trim().toLowerCase();
  const shown = policies.filter(
    (policy) =>
      (action === '' || policy.action === action) &&
      (!isUnusedOnly || unusedOf(policy) > 0) &&
      (wanted === '' || words(policy).includes(wanted)),
  );
  switch (order) {
    case 'report':
      return shown;
    case 'most used':
      return shown.toSorted((one, other) => usesOf(other) - usesOf(one));
    case 'least used':
      return shown.toSorted((one, other) => usesOf(one) - usesOf(other));
    case 'name':
      return shown.toSorted((one, other) => (one.policy < other.policy ? -1 : 1));
  }
}

/** What is not obeyed is used when it would have decided. */
export function usesOf({ mode, hits, shadowHits }: Pick<Policy, 'mode' | 'hits' | 'shadowHits'>): number {
  return mode === 'enforce' ? hits : shadowHits;
}

/** Rules that were never used. Of a policy with very many rules the service counts them, by what they decided. */
export function unusedOf({ mode, rules, rulesTruncated, unusedRules }: Policy): number {
  return rulesTruncated ? unusedRules : rules.filter((rule) => usesOf({ mode, ...rule }) === 0).length;
}

function words({ policy, kind, workload, place, rules }: Policy): string {
  return [policy, kind, workload.text, place ?? '', ...rules.map(({ name }) => name ?? '')].join('\n').toLowerCase();
}
