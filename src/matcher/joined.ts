/**
 * What a {@link ValueSet} says of the lines that a joined header may have been (attributes/header-lines.ts).
 *
 * A hundred commas are five thousand runs of parts, and a thousand rules may ask for the same header: so the
 * value is searched where that decides, and runs are compared by their places instead of being made strings.
 * A value with too many parts may be anything: each question is then answered with true.
 */
import { joinedParts } from '../attributes/header-lines.ts';
import { matchesString } from './string.ts';
import { valueSetMatches } from './value-set.ts';
import type { ValueSet } from './value-set.ts';

/** Up to so many exact values are searched one by one; more are looked up for each run. */
const FEW = 64;

/** May one of the lines match? */
export function someLineMatches(value: string, set: ValueSet): boolean {
  const parts = joinedParts(value);
  if (parts === null || valueSetMatches(set, value)) return true;
  const searched = set.exact.size <= FEW;
  // Every comma is the edge of a part: a run from one to another stands between two of them.
  const fenced = `,${value},`;
  if (searched) for (const text of set.exact) if (fenced.includes(`,${text},`)) return true;
  let left = false;
  for (const matcher of set.others) {
    // The longest line that begins at a part goes to the end, the longest that ends at one begins at the start.
    if (matcher.kind === 'prefix') {
      if (value.includes(`,${matcher.text}`)) return true;
    } else if (matcher.kind === 'suffix') {
      if (value.includes(`${matcher.text},`)) return true;
    } else left = true;
  }
  return (left || !searched) && new Runs(value, parts, set).some(true);
}

/** May none of the lines match? */
export function everyLineMayAvoid(value: string, set: ValueSet): boolean {
  const parts = joinedParts(value);
  return parts === null || !valueSetMatches(set, value) || new Runs(value, parts, set).canBeCutIntoOthers();
}

/** May one of the lines not match? */
export function someLineAvoids(value: string, set: ValueSet): boolean {
  const parts = joinedParts(value);
  return parts === null || !valueSetMatches(set, value) || new Runs(value, parts, set).some(false);
}

/** The runs of neighbouring parts, by the numbers of their first and last part. */
class Runs {
  readonly #value: string;
  readonly #set: ValueSet;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** By first part: where a run must end at least for a prefix of the set to be in it. */
  readonly #leastEnd: number[] = [];
  /** By last part: where a run must begin at most for a suffix of the set to be in it. */
  readonly #mostStart: number[] = [];
  /** By first part: ends of the runs that are exact values. */
  readonly #exactEnds: (number[] | undefined)[] = [];
  readonly #slow: ValueSet;

  constructor(value: string, parts: readonly string[], set: ValueSet) {
    this.#value = value;
    this.#set = set;
    const searched = set.exact.size <= FEW;
    this.#slow = {
      exact: searched ? new Set() : set.exact,
      others: set.others.filter(({ kind }) => kind !== 'prefix' && kind !== 'suffix'),
    };
    let at = 0;
    for (const part of parts) {
      this.#add(at, at + part.length, searched);
      at += part.length + 1;
    }
  }

  #add(start: number, end: number, searched: boolean): void {
    const value = this.#value;
    let leastEnd = Infinity;
    let mostStart = -1;
    for (const matcher of this.#set.others) {
      if (matcher.kind === 'prefix' && value.startsWith(matcher.text, start))
        leastEnd = Math.min(leastEnd, start + matcher.text.length);
      else if (matcher.kind === 'suffix' && value.endsWith(matcher.text, end))
        mostStart = Math.max(mostStart, end - matcher.text.length);
    }
    let exactEnds: number[] | undefined;
    if (searched)
      for (const text of this.#set.exact)
        if (value.startsWith(text, start)) (exactEnds ??= []).push(start + text.length);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#leastEnd.push(leastEnd);
    this.#mostStart.push(mostStart);
    this.#exactEnds.push(exactEnds);
  }

  #matches(first: number, last: number): boolean {
    const start = this.#starts[first]!;
    const end = this.#ends[last]!;
    if (end >= this.#leastEnd[first]! || start <= this.#mostStart[last]!) return true;
    if (this.#exactEnds[first]?.includes(end) === true) return true;
    const { exact, others } = this.#slow;
    if (exact.size === 0 && others.length === 0) return false;
    const line = this.#value.slice(start, end);
    return exact.has(line) || others.some((matcher) => matchesString(matcher, line));
  }

  /** Is there a run that does (or does not) match? */
  some(wanted: boolean): boolean {
    for (let first = 0; first < this.#starts.length; first++)
      for (let last = first; last < this.#ends.length; last++) if (this.#matches(first, last) === wanted) return true;
    return false;
  }

  canBeCutIntoOthers(): boolean {
    const count = this.#starts.length;
    // reachable[i]: the parts before i can be cut into lines none of which matches.
    const reachable = new Array<boolean>(count + 1).fill(false);
    reachable[0] = true;
    for (let first = 0; first < count; first++) {
      if (!reachable[first]) continue;
      for (let last = first; last < count; last++) if (!this.#matches(first, last)) reachable[last + 1] = true;
    }
    return reachable[count]!;
  }
}
