/**
 * The first rule that matches, among the entries of a scope.
 *
 * Each entry is at home under the patterns of the field that it shares with fewest others. What is at home under
 * the patterns that a request matches is looked at entry by entry, when it is little, or else, when the scope
 * is small, all entries of the scope are. When both are large, the sets of all dimensions are intersected as bitmaps:
 * what a dimension leaves over is the entries that are not constrained in it and those that want one of the patterns
 * found. Every rule that is left is asked itself: the index only saves asking.
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
import { BitRoom, lowestBit } from './postings.ts';
import type { Postings } from './postings.ts';
import type { RequestPatterns } from './request-patterns.ts';

/** Entries of a scope: a list, or a bitmap of the snapshot. */
export type EntrySet =
  | { readonly kind: 'list'; readonly entries: readonly number[] }
  | { readonly kind: 'bitmap'; readonly reference: number };

export interface Asking {
  readonly request: RequestAttributes;
  readonly nowMs: number;
  readonly action: Action;
  readonly matches: RuleMatch;
  /** The rules are asked whether the best of tokens would help: what a token says does not narrow. */
  readonly bestToken: boolean;
}

/** What one dimension leaves over: the union of these sets of entries. */
interface Layer {
  readonly dimension: Dimension;
  readonly sets: readonly number[];
  /** Of all sets together. */
  readonly count: number;
  /** The set, when it is one bitmap that can be read where it stands; else 0. */
  readonly only: number;
}

/** A scope of so few entries is gone through without looking anything up. */
const VERY_FEW = 4;
/** As many entries as are looked at one by one before bitmaps are worth their making. */
const FEW = 256;

const NO_ENTRY = 0xffff_ffff;

export class EntryQuery {
  readonly #postings: Postings;
  readonly #patterns: PatternReader;
  readonly #requests: RequestPatterns;
  readonly #ruleOf: (entry: number) => CompiledRule;
  readonly #masks: Uint32Array;
  readonly #unconstrained: Uint32Array;
  /** Bits of the dimensions in which some entry is constrained, and of those with patterns that put entries out. */
  readonly #active: number;
  readonly #unwantedDimensions: number;
  /** Room for a bitmap of each dimension, and for what is put out; made when first needed. */
  readonly #rooms: (BitRoom | undefined)[] = [];
  readonly #gathered: number[] = [];
  readonly #homeless: number;
  readonly #tokenlessHomeless: number;
  readonly #exceptions: Uint32Array;

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
    this.#unwantedDimensions = unwantedDimensions;
    this.#exceptions = reader.words('exceptions');
    [this.#homeless, this.#tokenlessHomeless] = reader.words('homeless') as unknown as [number, number];
    let active = 0;
    for (let dimension = 0; dimension < DIMENSION_COUNT; dimension++)
      // Entries that are constrained are those that are missing there; with none of them no set is kept.
      if (this.#unconstrained[dimension] !== 0 || this.#allConstrained(dimension)) active |= 1 << dimension;
    this.#active = active;
  }

  #allConstrained(dimension: Dimension): boolean {
    return this.#masks.length > 0 && ((this.#masks[0]! >>> dimension) & 1) === 1;
  }

  /** The matching rule of the lowest entry, or null. `size`: of all sets together. */
  first(sets: readonly EntrySet[], size: number, asking: Asking): CompiledRule | null {
    const entry = this.#firstEntry(sets, size, asking);
    return entry === NO_ENTRY ? null : this.#ruleOf(entry);
  }

  #firstEntry(sets: readonly EntrySet[], size: number, asking: Asking): number {
    if (size > VERY_FEW) {
      const atHome = this.#countAtHome(asking);
      if (atHome <= FEW && atHome <= size) return this.#firstOfList(this.#gather(sets, asking), asking, NO_ENTRY);
    }
    let below = NO_ENTRY;
    for (const set of sets) {
      const entry =
        set.kind === 'list'
          ? this.#firstOfList(set.entries, asking, below)
          : this.#firstOfBitmap(set.reference, asking, below);
      if (entry < below) below = entry;
    }
    return below;
  }

  /** How many entries are at home where the request leads. */
  #countAtHome(asking: Asking): number {
    const { homes, tokenlessHomes } = this.#patterns;
    const tokenless = this.#ignored(asking) !== 0;
    let count = this.#postings.count(this.#homeless);
    if (tokenless) count += this.#postings.count(this.#tokenlessHomeless);
    for (let i = 0; i < this.#exceptions.length; i += 3)
      if (!this.#isExcepted(i, asking)) count += this.#postings.count(this.#exceptions[i + 2]!);
    for (let bits = this.#active & ~this.#ignored(asking); bits !== 0; bits &= bits - 1) {
      const look = this.#requests.look(lowestBit(bits), asking.request);
      count += this.#countFound(homes, look.found);
      if (tokenless) count += this.#countFound(tokenlessHomes, look.found);
      if (asking.action === 'DENY') count += this.#countFound(homes, look.deniesOnly);
    }
    return count;
  }

  /** All entries of the exception at `i` are put out. */
  #isExcepted(i: number, asking: Asking): boolean {
    const dimension = this.#exceptions[i + 1]!;
    if (((this.#ignored(asking) >>> dimension) & 1) === 1) return false;
    return this.#requests.look(dimension, asking.request).certain.includes(this.#exceptions[i]!);
  }

  #countFound(references: Uint32Array, found: Found): number {
    let count = 0;
    for (const pattern of found) {
      const reference = references[pattern]!;
      if (reference !== 0) count += this.#postings.count(reference);
    }
    return count;
  }

  /** These entries, those of the sets, ascending. */
  #gather(sets: readonly EntrySet[], asking: Asking): readonly number[] {
    const { homes, tokenlessHomes } = this.#patterns;
    const tokenless = this.#ignored(asking) !== 0;
    const gathered = this.#gathered;
    gathered.length = 0;
    this.#take(this.#homeless, sets);
    if (tokenless) this.#take(this.#tokenlessHomeless, sets);
    for (let i = 0; i < this.#exceptions.length; i += 3)
      if (!this.#isExcepted(i, asking)) this.#take(this.#exceptions[i + 2]!, sets);
    for (let bits = this.#active & ~this.#ignored(asking); bits !== 0; bits &= bits - 1) {
      const look = this.#requests.look(lowestBit(bits), asking.request);
      for (const pattern of look.found) {
        this.#take(homes[pattern]!, sets);
        if (tokenless) this.#take(tokenlessHomes[pattern]!, sets);
      }
      if (asking.action === 'DENY') for (const pattern of look.deniesOnly) this.#take(homes[pattern]!, sets);
    }
    return gathered.length > 1 ? gathered.sort(ascending) : gathered;
  }

  #take(reference: number, sets: readonly EntrySet[]): void {
    if (reference === 0) return;
    const { words } = this.#postings;
    if (reference >= 0x8000_0000) this.#takeEntry(reference & 0x7fff_ffff, sets);
    else if (words[reference]! < 0x8000_0000)
      for (let i = reference + 1, end = reference + words[reference]!; i <= end; i++) this.#takeEntry(words[i]!, sets);
    else
      this.#postings.some(reference, (entry) => {
        this.#takeEntry(entry, sets);
        return false;
      });
  }

  #takeEntry(entry: number, sets: readonly EntrySet[]): void {
    for (const set of sets)
      if (set.kind === 'list' ? isListed(set.entries, entry) : this.#postings.has(set.reference, entry)) {
        this.#gathered.push(entry);
        return;
      }
  }

  #firstOfList(entries: readonly number[], asking: Asking, below: number): number {
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
    let from = words[reference + 1]!;
    let to = from + words[reference + 2]!;
    if (below !== NO_ENTRY) to = Math.min(to, ((below + 63) >>> 6) << 1);
    const layers = this.#layers(asking);
    for (const { only } of layers) {
      if (only === 0) continue;
      from = Math.max(from, words[only + 1]!);
      to = Math.min(to, words[only + 1]! + words[only + 2]!);
    }
    return from < to ? this.#intersect(reference, from, to, layers, asking, below) : NO_ENTRY;
  }

  /** One for each dimension that leaves something out, those that leave least first. */
  #layers(asking: Asking): readonly Layer[] {
    const layers: Layer[] = [];
    for (let bits = this.#active & ~this.#ignored(asking); bits !== 0; bits &= bits - 1) {
      const dimension = lowestBit(bits);
      const look = this.#requests.look(dimension, asking.request);
      const sets: number[] = [];
      const unconstrained = this.#unconstrained[dimension]!;
      if (unconstrained !== 0) sets.push(unconstrained);
      this.#addWanted(look.found, sets);
      if (asking.action === 'DENY') this.#addWanted(look.deniesOnly, sets);
      let count = 0;
      for (const set of sets) count += this.#postings.count(set);
      layers.push({
        dimension,
        sets,
        count,
        only: sets.length === 1 && this.#postings.isBitmap(sets[0]!) ? sets[0]! : 0,
      });
    }
    return layers.sort((a, b) => a.count - b.count);
  }

  #addWanted(found: Found, sets: number[]): void {
    for (const pattern of found) {
      const reference = this.#patterns.wanted[pattern]!;
      if (reference !== 0) sets.push(reference);
    }
  }

  #intersect(
    reference: number,
    from: number,
    to: number,
    layers: readonly Layer[],
    asking: Asking,
    below: number,
  ): number {
    const { words, pairs } = this.#postings;
    const maps = Array.from({ length: layers.length <= 6 ? 6 : 6 + ((layers.length - 3) & ~3) }, () => pairs);
    // In pairs of words. Where there are fewer layers, the set itself, which changes nothing.
    const placeOf = (bitmap: number): number => (bitmap + 3 - words[bitmap + 1]!) >> 1;
    const offsets = Array.from(maps, (_, i) => (layers[i]?.only === 0 ? 0 : placeOf(layers[i]?.only ?? reference)));
    const own = placeOf(reference);
    const left = this.#room(DIMENSION_COUNT + 1);
    // Chunk by chunk, growing, since the first match is often near the beginning.
    let size = 32;
    for (let start = from; start < to; size *= 8) {
      const stop = Math.min(to, start + size);
      for (let i = 0; i < layers.length; i++)
        if (layers[i]!.only === 0) {
          maps[i] = this.#bitmapOf(layers[i]!, start, stop);
          offsets[i] = -start >> 1;
        }
      const count = (stop - start) >> 1;
      firstSix(left.pairs, pairs, own, start >> 1, count, maps, offsets);
      for (let i = 6; i < maps.length; i += 4) nextFour(left.pairs, start >> 1, count, maps, offsets, i);
      const out = this.#putOut(start, stop, asking);
      for (let word = start; word < stop; word++) {
        let bits = left.signed[word - start]!;
        if (bits !== 0 && out !== null) bits &= ~out[word - start]!;
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

  #room(index: number): BitRoom {
    return (this.#rooms[index] ??= new BitRoom(this.#masks.length));
  }

  /** What the dimension leaves over of the words `from` to `to`. */
  #bitmapOf({ dimension, sets }: Layer, from: number, to: number): BigInt64Array {
    const room = this.#room(dimension);
    this.#postings.load(sets[0] ?? 0, room, from, to);
    for (let i = 1; i < sets.length; i++) this.#postings.mark(sets[i]!, room, from, to);
    return room.pairs;
  }

  #putOut(from: number, to: number, asking: Asking): Int32Array | null {
    let room: BitRoom | null = null;
    for (let left = this.#unwantedDimensions & ~this.#ignored(asking); left !== 0; left &= left - 1)
      for (const pattern of this.#requests.look(lowestBit(left), asking.request).certain) {
        const reference = this.#patterns.unwanted[pattern]!;
        if (reference === 0) continue;
        if (room === null) {
          room = this.#room(DIMENSION_COUNT);
          room.words.fill(0, 0, to - from);
        }
        this.#postings.mark(reference, room, from, to);
      }
    return room === null ? null : room.signed;
  }
}

/*
 * Layers are taken several at a time, 64 bits of each, and without a branch for each word: as long as many bits are
 * left, whether a word becomes 0 cannot be guessed. Of `count` pairs of words from pair `start` on. The engine keeps
 * these integers in registers: none is ever made an object.
 */
type Six<T> = readonly [T, T, T, T, T, T];

function firstSix(
  left: BigInt64Array,
  set: BigInt64Array,
  own: number,
  start: number,
  count: number,
  maps: readonly BigInt64Array[],
  offsets: readonly number[],
): void {
  const [a, b, c, d, e, f] = maps as unknown as Six<BigInt64Array>;
  const [ofA, ofB, ofC, ofD, ofE, ofF] = offsets.map((offset) => offset + start) as unknown as Six<number>;
  const ofSet = own + start;
  for (let i = 0; i < count; i++)
    left[i] = set[ofSet + i]! & a[ofA + i]! & b[ofB + i]! & c[ofC + i]! & d[ofD + i]! & e[ofE + i]! & f[ofF + i]!;
}

function nextFour(
  left: BigInt64Array,
  start: number,
  count: number,
  maps: readonly BigInt64Array[],
  offsets: readonly number[],
  at: number,
): void {
  const [a, b, c, d] = [maps[at]!, maps[at + 1]!, maps[at + 2]!, maps[at + 3]!];
  const ofA = offsets[at]! + start;
  const ofB = offsets[at + 1]! + start;
  const ofC = offsets[at + 2]! + start;
  const ofD = offsets[at + 3]! + start;
  for (let i = 0; i < count; i++) left[i] = left[i]! & a[ofA + i]! & b[ofB + i]! & c[ofC + i]! & d[ofD + i]!;
}

function ascending(a: number, b: number): number {
  return a - b;
}

function isListed(entries: readonly number[], entry: number): boolean {
  let low = 0;
  let high = entries.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = entries[middle]!;
    if (found === entry) return true;
    if (found < entry) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
