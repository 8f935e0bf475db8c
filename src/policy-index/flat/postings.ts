/**
 * Sets of entries, ascending: a number alone, a list, or a bitmap where that is smaller.
 *
 * A reference is one word: 0 is the empty set, the high bit marks a single entry, anything else is a place in
 * the section. There stands the count, with the high bit for a bitmap, and behind it the numbers; of a bitmap
 * the number of its first word, how many words, and the words.
 */
import type { FlatReader, FlatWriter } from './format.ts';
import { GrowingWords } from './growing.ts';

export const NONE = 0;
const HIGH = 0x8000_0000;
const LOW = 0x7fff_ffff;

export class PostingsWriter {
  readonly #words = new GrowingWords();
  constructor() {
    this.#words.push(0); // So that no set stands at 0.
  }

  /** `entries` ascending, without repetition. */
  write(entries: Uint32Array | readonly number[]): number {
    const count = entries.length;
    if (count === 0) return NONE;
    if (count === 1) return (HIGH | entries[0]!) >>> 0;
    // Bitmaps begin and end at whole pairs of words, so that all of them can be read in words of 64 bits.
    const first = (entries[0]! >>> 5) & ~1;
    const wordCount = ((entries[count - 1]! >>> 5) - first + 2) & ~1;
    const isBitmap = wordCount + 3 < count;
    if (isBitmap && this.#words.length % 2 === 0) this.#words.push(0);
    const at = this.#words.length;
    if (isBitmap) {
      this.#words.push((HIGH | count) >>> 0);
      this.#words.push(first);
      this.#words.push(wordCount);
      const bits = new Uint32Array(wordCount);
      for (const entry of entries) bits[(entry >>> 5) - first]! |= 1 << (entry & 31);
      this.#words.append(bits);
    } else {
      this.#words.push(count);
      for (const entry of entries) this.#words.push(entry);
    }
    return at;
  }

  finish(writer: FlatWriter): void {
    if (this.#words.length % 2 === 1) this.#words.push(0);
    writer.put('postings', this.#words.taken);
  }
}

/** Many sets at once, filled entry by entry. */
export class SetsWriter {
  /** A number for each (set, entry), in the order of entries. */
  readonly #sets = new GrowingWords();
  readonly #entries = new GrowingWords();

  /** Puts `entry` into set `set`; entries come in ascending order. */
  add(set: number, entry: number): void {
    this.#sets.push(set);
    this.#entries.push(entry);
  }

  /** The number of the set of each entry that was put in. */
  get sets(): Uint32Array {
    return this.#sets.taken;
  }

  /** A reference for each of the sets 0 to `sets` - 1. */
  write(postings: PostingsWriter, sets: number): Uint32Array {
    const numbers = this.#sets.taken;
    const entries = this.#entries.taken;
    const starts = new Uint32Array(sets + 1);
    for (const set of numbers) starts[set + 1]!++;
    for (let i = 0; i < sets; i++) starts[i + 1]! += starts[i]!;
    const ends = starts.slice(0, sets);
    const sorted = new Uint32Array(entries.length);
    // Entries ascend, so a set that has one already has it as its last.
    for (let i = 0; i < entries.length; i++) {
      const set = numbers[i]!;
      const end = ends[set]!;
      if (end > starts[set]! && sorted[end - 1] === entries[i]) continue;
      sorted[end] = entries[i]!;
      ends[set] = end + 1;
    }
    const references = new Uint32Array(sets);
    for (let set = 0; set < sets; set++) references[set] = postings.write(sorted.subarray(starts[set], ends[set]));
    return references;
  }
}

export class Postings {
  readonly words: Uint32Array;
  /** The same, two words at a time, for intersecting bitmaps. */
  readonly pairs: BigInt64Array;

  constructor(reader: FlatReader) {
    this.words = reader.words('postings');
    this.pairs = new BigInt64Array(this.words.buffer, this.words.byteOffset, this.words.length >>> 1);
  }

  count(reference: number): number {
    if (reference === NONE) return 0;
    return reference >= HIGH ? 1 : this.words[reference]! & LOW;
  }

  has(reference: number, entry: number): boolean {
    if (reference === NONE) return false;
    if (reference >= HIGH) return (reference & LOW) === entry;
    const head = this.words[reference]!;
    if (head >= HIGH) {
      const word = (entry >>> 5) - this.words[reference + 1]!;
      if (word < 0 || word >= this.words[reference + 2]!) return false;
      return ((this.words[reference + 3 + word]! >>> (entry & 31)) & 1) === 1;
    }
    let low = reference + 1;
    let high = reference + head;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.words[middle]!;
      if (found === entry) return true;
      if (found < entry) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  /** Where in a list the first entry is that is not below `least`. */
  #atLeast(reference: number, count: number, least: number): number {
    let low = reference + 1;
    let high = reference + count + 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.words[middle]! < least) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  entries(reference: number): readonly number[] {
    const entries: number[] = [];
    this.some(reference, (entry) => {
      entries.push(entry);
      return false;
    });
    return entries;
  }

  isBitmap(reference: number): boolean {
    return reference !== NONE && reference < HIGH && this.words[reference]! >= HIGH;
  }

  /** Calls `visit` for each entry, ascending, until it says true. */
  some(reference: number, visit: (entry: number) => boolean): boolean {
    if (reference === NONE) return false;
    if (reference >= HIGH) return visit(reference & LOW);
    const head = this.words[reference]!;
    if (head < HIGH) {
      for (let i = 1; i <= head; i++) if (visit(this.words[reference + i]!)) return true;
      return false;
    }
    const base = this.words[reference + 1]!;
    const words = this.words[reference + 2]!;
    for (let w = 0; w < words; w++)
      for (let bits = this.words[reference + 3 + w]!; bits !== 0; bits = (bits & (bits - 1)) >>> 0)
        if (visit(((base + w) << 5) + lowestBit(bits))) return true;
    return false;
  }

  /** Makes `room` the words `from` to `to` of the set as a bitmap. Both are even, here and below. */
  load(reference: number, room: BitRoom, from: number, to: number): void {
    const bits = room.words;
    const end = to - from;
    if (!this.isBitmap(reference)) {
      bits.fill(0, 0, end);
      this.mark(reference, room, from, to);
      return;
    }
    const base = this.words[reference + 1]!;
    const first = Math.min(Math.max(from, base), to);
    const last = Math.max(Math.min(to, base + this.words[reference + 2]!), first);
    bits.fill(0, 0, first - from);
    bits.set(this.words.subarray(reference + 3 + first - base, reference + 3 + last - base), first - from);
    bits.fill(0, last - from, end);
  }

  /** Sets the bits of the set in `room`, which begins at word `from` and takes those words only. */
  mark(reference: number, { words: bits, pairs }: BitRoom, from: number, to: number): void {
    if (reference === NONE) return;
    if (reference >= HIGH) {
      const entry = reference & LOW;
      const word = entry >>> 5;
      if (word >= from && word < to) bits[word - from]! |= 1 << (entry & 31);
      return;
    }
    const head = this.words[reference]!;
    if (head < HIGH) {
      for (let i = this.#atLeast(reference, head, from << 5); i <= reference + head; i++) {
        const entry = this.words[i]!;
        const word = entry >>> 5;
        if (word >= to) return;
        if (word >= from) bits[word - from]! |= 1 << (entry & 31);
      }
      return;
    }
    const base = this.words[reference + 1]!;
    const first = Math.max(from, base);
    const count = (Math.min(to, base + this.words[reference + 2]!) - first) >> 1;
    const source = (reference + 3 + first - base) >> 1;
    const target = (first - from) >> 1;
    for (let i = 0; i < count; i++) pairs[target + i] = pairs[target + i]! | this.pairs[source + i]!;
  }
}

/** Room for a bitmap, read word by word or two words at a time. */
export class BitRoom {
  readonly words: Uint32Array;
  /** An engine keeps a signed word in a register, an unsigned one it may not. */
  readonly signed: Int32Array;
  readonly pairs: BigInt64Array;

  /** `entries`: as many bits at least. */
  constructor(entries: number) {
    this.pairs = new BigInt64Array((entries + 63) >>> 6);
    this.words = new Uint32Array(this.pairs.buffer);
    this.signed = new Int32Array(this.pairs.buffer);
  }
}

/** Of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
