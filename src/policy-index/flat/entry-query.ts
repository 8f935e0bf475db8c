/**
 * The first rule that matches, among the entries of a scope.
 *
 * What a dimension leaves over is the union of the entries that are not constrained in it and those that want
 * one of the patterns found. Where one dimension leaves few, these are looked at one by one; else the sets of
 * all dimensions are intersected as bitmaps. Every rule that is left is asked itself: the index only saves asking.
 */
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Action } from '../../policy/model.ts';
import type { RuleMatch } from '../match/match-rule.ts';
import { HAS_UNWANTED } from './build.ts';
import { DIMENSION_COUNT, TOKEN_DIMENSIONS } from './dimensions.ts';
import type { Dimension } from './dimensions.ts';
import type { FlatReader } from './format.ts';
import type { Found, PatternReader } from './pattern-reader.ts';
import { lowestBit } from './postings.ts';
import type { Postings } from './postings.ts';
import type { Look, RequestPatterns } from './request-patterns.ts';

/** Entries of a scope: a list, or a bitmap of the snapshot. */
export type EntrySet =
  { readonly kind: 'list'; readonly entries: Uint32Array } | { readonly kind: 'bitmap'; readonly reference: number };

export interface Asking {
  readonly request: RequestAttributes;
  readonly nowMs: number;
  readonly action: Action;
  readonly matches: RuleMatch;
  /** The rules are asked whether the best of tokens would help: what a token says does not narrow. */
  readonly bestToken: boolean;
}

/** One dimension that leaves no more is followed entry by entry. */
const FEW = 96;

const NO_ENTRY = 0xffff_ffff;

export class EntryQuery {
  readonly #postings: Postings;
  readonly #patterns: PatternReader;
  readonly #requests: RequestPatterns;
  readonly #ruleOf: (entry: number) => CompiledRule;
  readonly #masks: Uint32Array;
  readonly #unconstrained: Uint32Array;
  readonly #unconstrainedCounts: Uint32Array;
  /** Bits of the dimensions in which some entry is constrained, and of those with patterns that put entries out. */
  readonly #active: number;
  readonly #unwantedDimensions: number;
  /** Room for a bitmap of each dimension, and for what is put out; made when first needed. */
  readonly #bitmaps: (Uint32Array | undefined)[] = [];
  readonly #gathered: number[] = [];

  constructor(
    reader: FlatReader,
    postings: Postings,
    patterns: PatternReader,
    requests: RequestPatterns,
    unwantedDimensions: number,
    ruleOf: (entry: number) => CompiledRule,
  ) {
    this.#postings = postings;
    this.#patterns = patterns;
    this.#requests = requests;
    this.#ruleOf = ruleOf;
    this.#masks = reader.words('entryMasks');
    this.#unconstrained = reader.words('unconstrained');
    this.#unconstrainedCounts = this.#unconstrained.map((reference) => postings.count(reference));
    this.#unwantedDimensions = unwantedDimensions;
    let active = 0;
    for (let dimension = 0; dimension < DIMENSION_COUNT; dimension++)
      // Entries that are constrained are those that are missing there; with none of them no set is kept.
      if (this.#unconstrained[dimension] !== 0 || this.#allConstrained(dimension)) active |= 1 << dimension;
    this.#active = active;
  }

  #allConstrained(dimension: Dimension): boolean {
    return this.#masks.length > 0 && ((this.#masks[0]! >>> dimension) & 1) === 1;
  }

  /** The matching rule of the lowest entry, or null. */
  first(sets: readonly EntrySet[], asking: Asking): CompiledRule | null {
    let best: CompiledRule | null = null;
    let below = NO_ENTRY;
    for (const set of sets) {
      const entry =
        set.kind === 'list'
          ? this.#firstOfList(set.entries, asking, below)
          : this.#firstOfBitmap(set.reference, asking, below);
      if (entry === NO_ENTRY) continue;
      below = entry;
      best = this.#ruleOf(entry);
    }
    return best;
  }

  #firstOfList(entries: ArrayLike<number>, asking: Asking, below: number): number {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry >= below) break;
      if (this.#passes(entry, asking) && this.#asks(entry, asking)) return entry;
    }
    return NO_ENTRY;
  }

  #asks(entry: number, { matches, request, nowMs }: Asking): boolean {
    return matches(this.#ruleOf(entry), request, nowMs);
  }

  /** Dimensions that do not narrow here. */
  #ignored({ bestToken, action }: Asking): number {
    // A DENY cannot be avoided only by what the token does not say: without a token, what asks for one is out.
    return bestToken && action === 'ALLOW' ? TOKEN_DIMENSIONS : 0;
  }

  #passes(entry: number, asking: Asking): boolean {
    const mask = this.#masks[entry]!;
    const ignored = this.#ignored(asking);
    for (let bits = mask & ~(1 << HAS_UNWANTED) & ~ignored; bits !== 0; bits &= bits - 1) {
      const look = this.#requests.look(lowestBit(bits), asking.request);
      if (isOpen(look, asking.action)) continue;
      if (this.#isWanted(look.found, entry)) continue;
      if (asking.action === 'DENY' && this.#isWanted(look.deniesOnly, entry)) continue;
      return false;
    }
    return mask >>> HAS_UNWANTED === 0 || !this.#isPutOut(entry, asking, ignored);
  }

  #isWanted(found: Found, entry: number): boolean {
    for (const pattern of found) if (this.#postings.has(this.#patterns.wanted[pattern]!, entry)) return true;
    return false;
  }

  #isPutOut(entry: number, { request }: Asking, ignored: number): boolean {
    for (let bits = this.#unwantedDimensions & ~ignored; bits !== 0; bits &= bits - 1)
      for (const pattern of this.#requests.look(lowestBit(bits), request).certain)
        if (this.#postings.has(this.#patterns.unwanted[pattern]!, entry)) return true;
    return false;
  }

  #firstOfBitmap(reference: number, asking: Asking, below: number): number {
    const { words } = this.#postings;
    const from = words[reference + 1]!;
    const end = from + words[reference + 2]!;
    const to = below === NO_ENTRY ? end : Math.min(end, (below + 31) >>> 5);
    if (from >= to) return NO_ENTRY;
    const narrowing = this.#narrowing(asking);
    const [best] = narrowing;
    if (best !== undefined && best.count <= FEW) {
      const gathered = this.#gather(best.dimension, asking, reference);
      return this.#firstOfList(gathered, asking, below);
    }
    return this.#intersect(reference, from, to, narrowing, asking, below);
  }

  /** Dimensions that leave something out, those that leave least first. */
  #narrowing(asking: Asking): { readonly dimension: Dimension; readonly count: number }[] {
    const narrowing: { readonly dimension: Dimension; readonly count: number }[] = [];
    for (let bits = this.#active & ~this.#ignored(asking); bits !== 0; bits &= bits - 1) {
      const dimension = lowestBit(bits);
      const look = this.#requests.look(dimension, asking.request);
      if (isOpen(look, asking.action)) continue;
      let count = this.#unconstrainedCounts[dimension]!;
      for (const pattern of look.found) count += this.#postings.count(this.#patterns.wanted[pattern]!);
      if (asking.action === 'DENY')
        for (const pattern of look.deniesOnly) count += this.#postings.count(this.#patterns.wanted[pattern]!);
      narrowing.push({ dimension, count });
    }
    return narrowing.sort((a, b) => a.count - b.count);
  }

  /** Entries of the set that the dimension leaves over, ascending. */
  #gather(dimension: Dimension, { request, action }: Asking, reference: number): readonly number[] {
    const gathered = this.#gathered;
    gathered.length = 0;
    const take = (entry: number): false => {
      if (this.#postings.has(reference, entry) && !gathered.includes(entry)) gathered.push(entry);
      return false;
    };
    const look = this.#requests.look(dimension, request);
    this.#postings.some(this.#unconstrained[dimension]!, take);
    for (const pattern of look.found) this.#postings.some(this.#patterns.wanted[pattern]!, take);
    if (action === 'DENY')
      for (const pattern of look.deniesOnly) this.#postings.some(this.#patterns.wanted[pattern]!, take);
    return gathered.sort((a, b) => a - b);
  }

  #intersect(
    reference: number,
    from: number,
    to: number,
    narrowing: readonly { readonly dimension: Dimension; readonly count: number }[],
    asking: Asking,
    below: number,
  ): number {
    const { words } = this.#postings;
    const own = reference + 3 - words[reference + 1]!;
    // Chunk by chunk, growing, since the first match is often near the beginning.
    let size = 32;
    for (let start = from; start < to; size *= 8) {
      const stop = Math.min(to, start + size);
      const maps = narrowing.map(({ dimension }) => this.#bitmapOf(dimension, start, stop, asking));
      const out = this.#putOut(start, stop, asking);
      for (let word = start; word < stop; word++) {
        let bits = words[own + word]!;
        for (let i = 0; i < maps.length && bits !== 0; i++) bits &= maps[i]![word - start]!;
        if (out !== null) bits &= ~out[word - start]!;
        for (; bits !== 0; bits &= bits - 1) {
          const entry = (word << 5) + lowestBit(bits);
          if (entry >= below) return NO_ENTRY;
          if (this.#asks(entry, asking)) return entry;
        }
      }
      start = stop;
    }
    return NO_ENTRY;
  }

  #room(index: number): Uint32Array {
    return (this.#bitmaps[index] ??= new Uint32Array((this.#masks.length + 31) >>> 5));
  }

  /** What the dimension leaves over of the words `from` to `to`. */
  #bitmapOf(dimension: Dimension, from: number, to: number, { request, action }: Asking): Uint32Array {
    const bits = this.#room(dimension);
    this.#postings.load(this.#unconstrained[dimension]!, bits, from, to);
    const look = this.#requests.look(dimension, request);
    for (const pattern of look.found) this.#postings.mark(this.#patterns.wanted[pattern]!, bits, from, to);
    if (action === 'DENY')
      for (const pattern of look.deniesOnly) this.#postings.mark(this.#patterns.wanted[pattern]!, bits, from, to);
    return bits;
  }

  #putOut(from: number, to: number, asking: Asking): Uint32Array | null {
    let bits: Uint32Array | null = null;
    for (let left = this.#unwantedDimensions & ~this.#ignored(asking); left !== 0; left &= left - 1)
      for (const pattern of this.#requests.look(lowestBit(left), asking.request).certain) {
        const reference = this.#patterns.unwanted[pattern]!;
        if (reference === 0) continue;
        bits ??= this.#room(DIMENSION_COUNT).fill(0, 0, to - from);
        this.#postings.mark(reference, bits, from, to);
      }
    return bits;
  }
}

function isOpen({ open }: Look, action: Action): boolean {
  return open === 'all' || (open === 'DENY' && action === 'DENY');
}
