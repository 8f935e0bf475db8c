/**
 * The values of one list field: any of them matching is a match. Exact values are looked up, so that
 * a list of thousands costs what a list of one does.
 */
import { matchesString } from './string.ts';
import type { StringMatcher } from './string.ts';

export interface ValueSet {
  readonly exact: ReadonlySet<string>;
  readonly others: readonly StringMatcher[];
}

export function valueSet(matchers: readonly StringMatcher[]): ValueSet {
  const exact = new Set<string>();
  const others: StringMatcher[] = [];
  for (const matcher of matchers) {
    if (matcher.kind === 'exact') exact.add(matcher.text);
    else others.push(matcher);
  }
  return { exact, others };
}

export function valueSetMatches(set: ValueSet, value: string): boolean {
  if (set.exact.has(value)) return true;
  for (const matcher of set.others) if (matchesString(matcher, value)) return true;
  return false;
}
