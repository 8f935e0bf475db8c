/** Containment and disjointness of string matchers: for certain, or not at all. */
import { matchesString } from '../../../matcher/string.ts';
import type { StringMatcher } from '../../../matcher/string.ts';
import { valueSetMatches } from '../../../matcher/value-set.ts';
import type { ValueSet } from '../../../matcher/value-set.ts';

/**
 * Does `wide` match every value that `narrow` matches?
 *
 * `oneLine`: values never hold a newline, which the wildcards of `nonEmpty` and `glob` do not take and those of
 * `prefix` and `suffix` do.
 */
export function stringIncludes(wide: StringMatcher, narrow: StringMatcher, oneLine: boolean): boolean {
  if (narrow.kind === 'exact') return matchesString(wide, narrow.text);
  switch (wide.kind) {
    case 'exact':
      return false;
    case 'present':
      return true;
    case 'nonEmpty':
      return narrow.kind === 'nonEmpty' || (oneLine && narrow.kind !== 'present' && literalOf(narrow) !== '');
    case 'prefix':
      if (narrow.kind === 'prefix') return narrow.text.startsWith(wide.text);
      return narrow.kind === 'glob' && narrow.parts[0]!.startsWith(wide.text);
    case 'suffix':
      if (narrow.kind === 'suffix') return narrow.text.endsWith(wide.text);
      return narrow.kind === 'glob' && narrow.parts.at(-1)!.endsWith(wide.text);
    case 'glob':
      return narrow.kind === 'glob' && narrow.parts.join('*') === wide.parts.join('*');
  }
}

/** Text that every matching value holds. */
function literalOf(matcher: StringMatcher): string {
  if (matcher.kind === 'glob') return matcher.parts.join('');
  return 'text' in matcher ? matcher.text : '';
}

/** Is there no value that both match? */
export function stringsDisjoint(a: StringMatcher, b: StringMatcher): boolean {
  if (a.kind === 'exact') return !matchesString(b, a.text);
  if (b.kind === 'exact') return !matchesString(a, b.text);
  if (a.kind === 'prefix' && b.kind === 'prefix') return !a.text.startsWith(b.text) && !b.text.startsWith(a.text);
  if (a.kind === 'suffix' && b.kind === 'suffix') return !a.text.endsWith(b.text) && !b.text.endsWith(a.text);
  return false;
}

export function matchersOf({ exact, others }: ValueSet): StringMatcher[] {
  return [...[...exact].map((text): StringMatcher => ({ kind: 'exact', text })), ...others];
}

/** Two lists whose lengths multiply to more than this are not compared: nothing is claimed of them. */
const MAX_PAIRS = 100_000;

export function areComparable(a: number, b: number): boolean {
  return a * b <= MAX_PAIRS;
}

export function setIncludes(wide: ValueSet, narrow: ValueSet, oneLine: boolean): boolean {
  if (!areComparable(narrow.exact.size + narrow.others.length, wide.others.length)) return false;
  for (const text of narrow.exact) if (!valueSetMatches(wide, text)) return false;
  return narrow.others.every((matcher) => wide.others.some((each) => stringIncludes(each, matcher, oneLine)));
}

export function setsDisjoint(a: ValueSet, b: ValueSet): boolean {
  if (!areComparable(a.exact.size + a.others.length, b.others.length)) return false;
  if (!areComparable(b.exact.size, a.others.length)) return false;
  for (const text of a.exact) if (valueSetMatches(b, text)) return false;
  for (const text of b.exact) if (valueSetMatches(a, text)) return false;
  return a.others.every((matcher) => b.others.every((other) => stringsDisjoint(matcher, other)));
}
