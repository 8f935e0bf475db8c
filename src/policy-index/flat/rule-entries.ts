/**
 * The entries under which a rule is filed. An entry is a conjunction: for each dimension in which it is
 * constrained, patterns of which one has to match. A rule whose alternatives ask for different things has an
 * entry for each kind of alternative.
 */
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';
import { dimensionOfTable, tableOf } from './dimensions.ts';
import type { Dimension } from './dimensions.ts';
import type { PatternWriter } from './pattern-writer.ts';

export interface Wanted {
  readonly patterns: readonly number[];
  /** Anything in the tables of these patterns. */
  readonly anchors: readonly number[];
}

export interface Entry {
  readonly wanted: Map<Dimension, Wanted>;
  /** Patterns by any of which the entry is out. */
  readonly unwanted: readonly number[];
}

/** By pattern: how many entries want it, so far. */
export type Usage = Map<number, number>;

/** A rule with more kinds of alternatives is filed by what they have in common. */
const MAX_ENTRIES = 8;

export function entriesOf(rule: CompiledRule, patterns: PatternWriter, usage: Usage): readonly Entry[] {
  let from = alternativesOf(rule.from, patterns, usage);
  let to = alternativesOf(rule.to, patterns, usage);
  const when = conjunctionOf(rule.when, patterns, usage);
  if (from.length * to.length > MAX_ENTRIES) {
    from = [common(from)];
    to = [common(to)];
  }
  return from.flatMap((source) => to.map((operation) => both(both(source, operation, usage), when, usage)));
}

function alternativesOf(alternatives: CompiledRule['from'], patterns: PatternWriter, usage: Usage): readonly Entry[] {
  if (alternatives === null) return [{ wanted: new Map(), unwanted: [] }];
  if (alternatives.length === 1) return [conjunctionOf(alternatives[0]!, patterns, usage)];
  // Alternatives that are constrained in the same dimensions make one entry.
  const byShape = new Map<string, Entry[]>();
  for (const predicates of alternatives) {
    const entry = conjunctionOf(predicates, patterns, usage);
    const shape = [...entry.wanted.keys()].sort((a, b) => a - b).join();
    const alike = byShape.get(shape);
    if (alike === undefined) byShape.set(shape, [entry]);
    else alike.push(entry);
  }
  return [...byShape.values()].map((alike) => (alike.length === 1 ? alike[0]! : common(alike)));
}

/** What holds when any of the entries does. */
function common(entries: readonly Entry[]): Entry {
  const [first, ...others] = entries;
  const wanted = new Map<Dimension, Wanted>();
  for (const [dimension, own] of first!.wanted) {
    const lists = others.map((entry) => entry.wanted.get(dimension));
    if (lists.includes(undefined)) continue;
    wanted.set(dimension, {
      patterns: [...new Set([...own.patterns, ...lists.flatMap((list) => list!.patterns)])],
      anchors: [...new Set([...own.anchors, ...lists.flatMap((list) => list!.anchors)])],
    });
  }
  const unwanted = first!.unwanted.filter((pattern) => others.every((entry) => entry.unwanted.includes(pattern)));
  return { wanted, unwanted };
}

function conjunctionOf(predicates: readonly Predicate[], patterns: PatternWriter, usage: Usage): Entry {
  const wanted = new Map<Dimension, Wanted>();
  const unwanted: number[] = [];
  for (const predicate of predicates) {
    // Asked of every predicate, also of those that do not narrow: cache keys tell values apart by all patterns.
    const own = patterns.patternsOf(predicate);
    const table = own === null ? null : tableOf(predicate);
    if (own === null || table === null) continue;
    if (predicate.negated) unwanted.push(...own);
    else narrow(wanted, dimensionOfTable(table), { patterns: own, anchors: [patterns.anchorOf(predicate)] }, usage);
  }
  return { wanted, unwanted };
}

/** Of several fields in one dimension, the one that fewest entries so far have in common with. */
function narrow(wanted: Map<Dimension, Wanted>, dimension: Dimension, field: Wanted, usage: Usage): void {
  const known = wanted.get(dimension);
  if (known === undefined || spread(field, usage) < spread(known, usage)) wanted.set(dimension, field);
}

function spread({ patterns }: Wanted, usage: Usage): number {
  let sum = 0;
  for (const pattern of patterns) sum += 1 + (usage.get(pattern) ?? 0);
  return sum;
}

function both(a: Entry, b: Entry, usage: Usage): Entry {
  if (b.wanted.size === 0 && b.unwanted.length === 0) return a;
  const wanted = new Map(a.wanted);
  for (const [dimension, field] of b.wanted) narrow(wanted, dimension, field, usage);
  return { wanted, unwanted: [...a.unwanted, ...b.unwanted] };
}

/** Where an entry is looked for: the field that fewest entries so far have in common with. null: none narrows it. */
export function homeOf({ wanted }: Entry, usage: Usage, without: number): Wanted | null {
  let home: Wanted | null = null;
  for (const [dimension, field] of wanted)
    if (((without >>> dimension) & 1) === 0 && (home === null || spread(field, usage) < spread(home, usage)))
      home = field;
  return home;
}
