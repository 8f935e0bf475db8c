import type { Position } from '../../../lib/diagnostic.ts';
import { matchesPeer } from '../../../matcher/peer.ts';
import type { Action, Rule } from '../../model.ts';
import type { Predicate } from '../../compile/predicate.ts';
import { contradictionIn } from '../cover/contradictions.ts';
import { areComparable } from '../cover/strings.ts';
import type { CompiledForLint } from '../compiled.ts';
import type { Finding, LintRule } from '../rule.ts';

/** A source, an operation, or a condition beside them that leaves no request: one of the two fields is a slip. */
export const ruleNeverMatches: LintRule = {
  code: 'rule-never-matches',
  severity: 'warning',
  *findings({ compiled }) {
    for (const each of compiled) yield* findingsIn(each);
  },
};

const MAX_CONDITIONS = 200;

function* findingsIn({ policy: { action }, rule, predicates }: CompiledForLint): Generator<Finding> {
  const { from, to, when } = predicates;
  for (const [alternatives, positions] of [
    [from ?? [], rule.from ?? []],
    [to ?? [], rule.to ?? []],
  ] as const) {
    for (const [i, fields] of alternatives.entries()) {
      const pair = contradictionIn(fields) ?? twoNames(fields);
      if (pair !== null) yield finding(pair, positions[i]!.position, action);
    }
  }
  const places = conditionPlaces(rule);
  // Each with those before it: a rule of thousands of conditions is looked at in part.
  for (const [i, condition] of when.slice(0, MAX_CONDITIONS).entries()) {
    const pair =
      contradictionIn([condition], when.slice(0, i)) ??
      withEach(condition, from ?? []) ??
      withEach(condition, to ?? []);
    if (pair !== null) yield finding(pair, places[i]!, action);
  }
}

/** A contradiction with every alternative: with one that is left the rule may still match. */
function withEach(
  condition: Predicate,
  alternatives: readonly (readonly Predicate[])[],
): readonly [Predicate, Predicate] | null {
  const pairs = alternatives.map((fields) => contradictionIn([condition], fields));
  return pairs.length > 0 && pairs.every((pair) => pair !== null) ? pairs[0]! : null;
}

/** In the order in which conditions become predicates: `values` before `notValues`. */
function conditionPlaces(rule: Rule): readonly Position[] {
  return rule.when.flatMap(({ values, notValues }) =>
    [values, notValues].flatMap((list) => (list === null ? [] : [list.position])),
  );
}

function finding([a, b]: readonly [Predicate, Predicate], position: Position, action: Action): Finding {
  const peer = a.test.attribute === 'peer' && !a.negated && !b.negated;
  // A DENY is for each reading of what can be read in several ways; in Istio's kind these are headers that came joined.
  const readings = action === 'DENY' && (a.dialect === 'access' || a.test.attribute === 'header');
  const but = peer ? ', but for a certificate with several names' : readings ? ', read in one way' : '';
  return {
    position,
    message: `this can never match: \`${fieldName(a)}\` and \`${fieldName(b)}\` leave no request that meets both${but}`,
    hint: action === 'DENY' ? 'it denies nothing: change one of the two' : 'it allows nothing: change one of the two',
  };
}

/** In Istio each field may be met by another name of the certificate; certificates have one, so that this is a slip. */
function twoNames(fields: readonly Predicate[]): readonly [Predicate, Predicate] | null {
  for (const a of fields) {
    const names = a.negated || a.test.attribute !== 'peer' ? [] : a.test.matchers;
    if (names.length === 0 || names.some(({ kind }) => kind !== 'exact')) continue;
    for (const b of fields) {
      if (a === b || b.negated || b.test.attribute !== 'peer') continue;
      const { matchers } = b.test;
      if (!areComparable(names.length, matchers.length)) continue;
      if (names.every((name) => name.kind === 'exact' && !matchers.some((m) => matchesPeer(m, name.text))))
        return [a, b];
    }
  }
  return null;
}

/** `from[0].source.notPaths` → `notPaths`; `when[1][source.ip].values` → `source.ip values`. */
function fieldName({ field }: Predicate): string {
  const condition = /^when\[\d+\]\[(.*)\]\.(\w+)$/s.exec(field);
  return condition === null ? field.slice(field.lastIndexOf('.') + 1) : `${condition[1]!} ${condition[2]!}`;
}
