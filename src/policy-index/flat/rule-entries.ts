/**
 * The entries under which a rule is filed. An entry is a conjunction: for each dimension in which it is
 * constrained, patterns of which one has to match. A rule whose alternatives ask for different things has an
 * entry for each kind of alternative.
 */
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';
import { DIMENSION, dimensionOf } from './dimensions.ts';
import type { Dimension } from './dimensions.ts';
import type { PatternWriter } from './pattern-writer.ts';

export interface Entry {
  readonly wanted: Map<Dimension, readonly number[]>;
  /** Patterns by any of which the entry is out. */
  readonly unwanted: readonly number[];
}

/** A rule with more kinds of alternatives is filed by what they have in common. */
const MAX_ENTRIES = 8;

/** `usage`: how many entries want each pattern, so far. */
export function entriesOf(rule: CompiledRule, patterns: PatternWriter, usage: Map<number, number>): readonly Entry[] {
  let from = alternativesOf(rule.from, patterns, usage);
  let to = alternativesOf(rule.to, patterns, usage);
  const when = conjunctionOf(rule.when, patterns, usage);
  if (from.length * to.length > MAX_ENTRIES) {
    from = [common(from)];
    to = [common(to)];
  }
  return from.flatMap((source) => to.map((operation) => both(both(source, operation, usage), when, usage)));
}

function alternativesOf(
  alternatives: CompiledRule['from'],
  patterns: PatternWriter,
  usage: Map<number, number>,
): readonly Entry[] {
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
  const wanted = new Map<Dimension, readonly number[]>();
  for (const [dimension, patterns] of first!.wanted) {
    const lists = others.map((entry) => entry.wanted.get(dimension));
    if (lists.includes(undefined)) continue;
    wanted.set(dimension, [...new Set([...patterns, ...lists.flatMap((list) => list!)])]);
  }
  const unwanted = first!.unwanted.filter((pattern) => others.every((entry) => entry.unwanted.includes(pattern)));
  return { wanted, unwanted };
}

function conjunctionOf(predicates: readonly Predicate[], patterns: PatternWriter, usage: Map<number, number>): Entry {
  const wanted = new Map<Dimension, readonly number[]>();
  const unwanted: number[] = [];
  for (const predicate of predicates) {
    // Asked of every predicate, also of those that do not narrow: cache keys tell values apart by all patterns.
    const own = patterns.patternsOf(predicate);
    const dimension = own === null ? null : dimensionOf(predicate);
    if (own === null || dimension === null) continue;
    if (predicate.negated) unwanted.push(...own);
    else {
      const name = patterns.nameOf(predicate);
      narrow(wanted, dimension, name === null ? own : [...own, name], usage);
    }
  }
  return { wanted, unwanted };
}

/** Of several fields in one dimension, the one that fewest entries so far have in common with. */
function narrow(
  wanted: Map<Dimension, readonly number[]>,
  dimension: Dimension,
  patterns: readonly number[],
  usage: Map<number, number>,
): void {
  const known = wanted.get(dimension);
  if (known === undefined || spread(patterns, dimension, usage) < spread(known, dimension, usage))
    wanted.set(dimension, patterns);
}

function spread(patterns: readonly number[], dimension: Dimension, usage: Map<number, number>): number {
  // The last pattern of a header or claim is its name, which all of its values share.
  const named = dimension === DIMENSION.header || dimension === DIMENSION.claim;
  const count = named ? patterns.length - 1 : patterns.length;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += 1 + (usage.get(patterns[i]!) ?? 0);
  return sum;
}

function both(a: Entry, b: Entry, usage: Map<number, number>): Entry {
  if (b.wanted.size === 0 && b.unwanted.length === 0) return a;
  const wanted = new Map(a.wanted);
  for (const [dimension, patterns] of b.wanted) narrow(wanted, dimension, patterns, usage);
  return { wanted, unwanted: [...a.unwanted, ...b.unwanted] };
}
