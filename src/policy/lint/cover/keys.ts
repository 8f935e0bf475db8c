/**
 * What a rule can be found by. A rule that covers another one has, in each of its fields, room for all values of the
 * other: so it is filed under the values of its rarest field, and looked for under one value of each field.
 */
import type { Predicate } from '../../compile/predicate.ts';
import { parseSpiffeId } from '../../../attributes/spiffe-id.ts';
import { literalPrefix } from '../../../matcher/path-template.ts';
import type { StringMatcher } from '../../../matcher/string.ts';
import type { CompiledForLint } from '../compiled.ts';
import { spiffePart } from './predicates.ts';
import { matchersOf } from './strings.ts';

/** A value, or (`open`) all values that begin with it. */
export interface Key {
  /** Which attribute. */
  readonly of: string;
  readonly text: string;
  readonly open: boolean;
}

/** A field of more values is no good to be filed under. */
const MAX_KEYS = 64;

/** Keys that have all values of the field among theirs; null: it cannot be filed under values. */
function keysOf({ test, negated }: Predicate): readonly Key[] | null {
  if (negated) return null;
  switch (test.attribute) {
    case 'destinationPort':
      return test.ports.size > MAX_KEYS
        ? null
        : [...test.ports].map((port) => ({ of: 'port', text: String(port), open: false }));
    case 'path': {
      const { strings, templates } = test.paths;
      if (strings.exact.size + templates.length > MAX_KEYS) return null;
      const texts = stringKeys('path', matchersOf(strings));
      const starts = templates.map((template) => ({ of: 'path', text: literalPrefix(template), open: true }));
      return texts === null ? null : [...texts, ...starts];
    }
    case 'host':
    case 'method':
    case 'sni':
      return test.values.exact.size > MAX_KEYS ? null : stringKeys(test.attribute, matchersOf(test.values));
    case 'spiffe':
      return test.values.exact.size > MAX_KEYS ? null : stringKeys(test.part, matchersOf(test.values));
    case 'header':
      return test.values.exact.size > MAX_KEYS ? null : stringKeys(`header ${test.name}`, matchersOf(test.values));
    case 'claim':
      return test.values.exact.size > MAX_KEYS
        ? null
        : stringKeys(`claim ${JSON.stringify(test.path)}`, matchersOf(test.values));
    case 'peer': {
      const matchers: StringMatcher[] = [];
      for (const matcher of test.matchers) {
        if (matcher.kind === 'serviceAccount' || matcher.kind === 'trustDomain') return null;
        matchers.push(matcher);
      }
      return matchers.length > MAX_KEYS ? null : stringKeys('peer', matchers);
    }
    case 'groups':
      return test.groups.map(({ name }) => ({ of: 'group', text: name, open: false }));
    default:
      return null;
  }
}

function stringKeys(of: string, matchers: readonly StringMatcher[]): readonly Key[] | null {
  const keys: Key[] = [];
  for (const matcher of matchers) {
    if (matcher.kind !== 'exact' && matcher.kind !== 'prefix') return null;
    keys.push({ of, text: matcher.text, open: matcher.kind === 'prefix' });
  }
  return keys;
}

/** Ways to file the rule: any one of them will do. */
export function filings({ predicates: { from, to, when } }: CompiledForLint): readonly (readonly Key[])[] {
  return [
    ...when.flatMap((predicate) => {
      const keys = keysOf(predicate);
      return keys === null ? [] : [keys];
    }),
    ...alternativeFilings(from),
    ...alternativeFilings(to),
  ].filter((keys) => keys.length > 0);
}

/** Alternatives are filed under one attribute that all of them name. */
function alternativeFilings(alternatives: readonly (readonly Predicate[])[] | null): readonly (readonly Key[])[] {
  if (alternatives === null || alternatives.length === 0 || alternatives.length > MAX_KEYS) return [];
  const byAttribute = alternatives.map((predicates) => {
    const found = new Map<string, readonly Key[]>();
    for (const predicate of predicates) {
      const keys = keysOf(predicate);
      if (keys !== null && keys.length > 0) found.set(keys[0]!.of, keys);
    }
    return found;
  });
  return [...byAttribute[0]!.keys()].flatMap((of) => {
    const all = byAttribute.map((found) => found.get(of));
    return all.every((keys) => keys !== undefined) ? [all.flat()] : [];
  });
}

/** One value of each field of the rule's first alternatives: what covers the rule covers these. */
export function probes({ predicates: { from, to, when } }: CompiledForLint): readonly Key[] {
  return [...(from?.[0] ?? []), ...(to?.[0] ?? []), ...when].flatMap((predicate) => {
    const [first] = keysOf(predicate) ?? [];
    if (first === undefined) return [];
    if (first.of !== 'id' || first.open) return [first];
    const id = parseSpiffeId(`spiffe://${first.text}`);
    const parts = (['namespace', 'serviceAccount', 'trustDomain'] as const).map((of) => ({
      of,
      text: id === null ? null : spiffePart(id, of),
      open: false,
    }));
    return [first, ...parts.flatMap(({ of, text, open }) => (text === null ? [] : [{ of, text, open }]))];
  });
}
