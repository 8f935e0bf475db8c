/**
 * Files each rule under values that a request must have for it to match: exact paths, exact peer names,
 * or the first segment of its paths; rules with none of these are asked every time.
 */
import { UNREADABLE_PEER } from '../attributes/peer-identity.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { literalPrefix } from '../matcher/path-template.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { Predicate } from '../policy/compile/predicate.ts';
import type { RuleIndex } from './rule-index.ts';

type Shelf = Map<string, CompiledRule[]>;

export function keyedIndex(rules: readonly CompiledRule[]): RuleIndex {
  const byPath: Shelf = new Map();
  const byPeer: Shelf = new Map();
  const bySegment: Shelf = new Map();
  const unkeyed: CompiledRule[] = [];
  for (const rule of rules) {
    const paths = keysOf(rule.to, exactPaths);
    const peers = paths === null ? keysOf(rule.from, exactPeers) : null;
    const segments = paths === null && peers === null ? keysOf(rule.to, firstSegments) : null;
    if (paths !== null) file(byPath, paths, rule);
    else if (peers !== null) file(byPeer, peers, rule);
    else if (segments !== null) file(bySegment, segments, rule);
    else unkeyed.push(rule);
  }

  function candidates(request: RequestAttributes): readonly (readonly CompiledRule[])[] | null {
    const found: (readonly CompiledRule[])[] = [unkeyed];
    const take = (shelf: Shelf, key: string): void => {
      const list = shelf.get(key);
      if (list !== undefined && !found.includes(list)) found.push(list);
    };
    if (byPath.size > 0 || bySegment.size > 0) {
      const forms = request.pathForms;
      // Too many readings to look each up: every rule is asked.
      if (forms === null) return null;
      for (const form of forms) {
        take(byPath, form);
        if (bySegment.size > 0) take(bySegment, firstSegment(form) ?? form);
      }
    }
    if (byPeer.size > 0 && request.peer === UNREADABLE_PEER) return null;
    if (byPeer.size > 0) for (const name of request.peer.names) take(byPeer, name);
    return found;
  }

  return {
    rules,
    first(request, nowMs, matches) {
      const lists = candidates(request);
      if (lists === null) return rules.find((rule) => matches(rule, request, nowMs)) ?? null;
      let first: CompiledRule | null = null;
      for (const list of lists) {
        for (const rule of list) {
          if (first !== null && rule.ordinal >= first.ordinal) break;
          if (matches(rule, request, nowMs)) {
            first = rule;
            break;
          }
        }
      }
      return first;
    },
    print() {
      const lines = [`${rules.length} rules`];
      const shelves: readonly (readonly [string, Shelf])[] = [
        ['path', byPath],
        ['peer', byPeer],
        ['first segment', bySegment],
      ];
      for (const [name, shelf] of shelves)
        for (const [key, list] of shelf) lines.push(`  ${name} ${key}: ${list.map(label).join(', ')}`);
      if (unkeyed.length > 0) lines.push(`  asked always: ${unkeyed.map(label).join(', ')}`);
      return lines.join('\n');
    },
  };
}

function label(rule: CompiledRule): string {
  return `${rule.policy.name}[${rule.index}]`;
}

function file(shelf: Shelf, keys: readonly string[], rule: CompiledRule): void {
  for (const key of keys) {
    const list = shelf.get(key);
    if (list === undefined) shelf.set(key, [rule]);
    else if (list[list.length - 1] !== rule) list.push(rule);
  }
}

/** The keys of every alternative, or null when some alternative has none: then the rule cannot be filed. */
function keysOf(
  alternatives: CompiledRule['from'],
  keysOfOne: (predicate: Predicate) => readonly string[] | null,
): readonly string[] | null {
  if (alternatives === null) return null;
  const keys = new Set<string>();
  for (const predicates of alternatives) {
    const own = predicates
      .map((predicate) => (predicate.negated ? null : keysOfOne(predicate)))
      .find((k) => k !== null);
    if (own === undefined) return null;
    for (const key of own) keys.add(key);
  }
  return [...keys];
}

function exactPaths({ test }: Predicate): readonly string[] | null {
  if (test.attribute !== 'path' || test.paths.templates.length > 0 || test.paths.strings.others.length > 0) return null;
  return [...test.paths.strings.exact];
}

function exactPeers({ test }: Predicate): readonly string[] | null {
  if (test.attribute === 'peer') {
    const exact = test.matchers.flatMap((matcher) => (matcher.kind === 'exact' ? [matcher.text] : []));
    return exact.length === test.matchers.length ? exact : null;
  }
  if (test.attribute !== 'spiffe' || test.part !== 'id' || test.values.others.length > 0) return null;
  return [...test.values.exact].map((id) => `spiffe://${id}`);
}

/** `/orders/{*}` and `/orders/*` are filed under `/orders/`; a literal that ends within a segment is not. */
function firstSegments({ test }: Predicate): readonly string[] | null {
  if (test.attribute !== 'path') return null;
  const beginnings = [
    ...test.paths.strings.others.map((matcher) => (matcher.kind === 'prefix' ? matcher.text : '')),
    ...test.paths.templates.map(literalPrefix),
  ];
  const keys = [...test.paths.strings.exact].map((path) => firstSegment(path) ?? path);
  for (const beginning of beginnings) {
    const key = firstSegment(beginning);
    if (key === null) return null;
    keys.push(key);
  }
  return keys;
}

/** `/orders/` of `/orders/7`; null without a second slash. */
function firstSegment(path: string): string | null {
  const end = path.indexOf('/', 1);
  return end < 0 ? null : path.slice(0, end + 1);
}
