/** Fields of one rule that leave no request. */
import type { RulePredicates } from '../../compile/compile-rule.ts';
import type { Predicate } from '../../compile/predicate.ts';
import { testIncludes, testsDisjoint } from './predicates.ts';

/** Two fields that no request can meet at once, or null. */
export function contradictionIn(
  predicates: readonly Predicate[],
  others: readonly Predicate[] = predicates,
): readonly [Predicate, Predicate] | null {
  for (const a of predicates) for (const b of others) if (a !== b && excludes(a, b)) return [a, b];
  return null;
}

function excludes(a: Predicate, b: Predicate): boolean {
  if (a.dialect !== b.dialect || (a.negated && b.negated)) return false;
  if (!a.negated && !b.negated) return testsDisjoint(a.test, b.test);
  const [is, not] = a.negated ? [b, a] : [a, b];
  return testIncludes(not.test, is.test, a.dialect === 'istio');
}

/** Bounds the comparisons of rules with many alternatives, which are then taken as free of contradictions. */
const MAX_COMBINATIONS = 64;

const ANY: readonly (readonly Predicate[])[] = [[]];

/** No source goes with any operation and the conditions. */
export function isSelfContradicting({ from, to, when }: RulePredicates): boolean {
  const sources = from ?? ANY;
  const operations = to ?? ANY;
  if (sources.length * operations.length * Math.max(1, when.length) > MAX_COMBINATIONS) return false;
  return sources.every((source) =>
    operations.every((operation) => contradictionIn([...source, ...operation, ...when]) !== null),
  );
}
