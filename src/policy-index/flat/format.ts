/**
 * The flat snapshot as bytes: a head, a table of sections, and the sections, over one SharedArrayBuffer.
 *
 * A worker thread builds it and hands it over without a copy, other processes get it as bytes, and it can be
 * kept on disk. Whatever a decision needs is found in it by offset; objects are made of it only where a
 * request asks for them. Numbers stand in the byte order of the machine, which the magic tells apart.
 */

import { createHash } from 'node:crypto';

/** "PORC", and a number that changes with the layout or the meaning of any section. */
const MAGIC = 0x50_4f_52_43;
export const FORMAT_VERSION = 5;

/** In the order in which they lie. Those of words come first, so that all are aligned. */
const SECTIONS = [
  /** Where each string is: offset and length in `text`. */
  'strings',
  /** Where each policy is: offset in `values`. By report order. */
  'policies',
  /** The first rule of each policy, and one past the last of all. */
  'policyRules',
  /** Where each rule is: offset in `values`. By ordinal. */
  'rules',
  /** The rule of each entry (rule-entries.ts). */
  'entryRules',
  /** The dimensions in which each entry is constrained, a bit for each. */
  'entryMasks',
  /** By dimension: the entries that are not constrained in it. */
  'unconstrained',
  'postings',
  'patternHashes',
  'patternKeys',
  'patternTexts',
  'patternLengths',
  'patternWanted',
  'patternUnwanted',
  'patternHomes',
  'patternTokenlessHomes',
  /** Entries that no pattern is needed for, and those that none is when what a token says does not count. */
  'homeless',
  /** A pattern, its dimension, and the entries of exceptions only that it puts out. */
  'exceptions',
  'patternSlots',
  'pathNodes',
  /** Where what is known of each pattern table is: offset in `values`. */
  'tables',
  /** Where each attachment is: offset in `values`. */
  'attachments',
  /** Where what is known of each address's workload is: offset in `values`. */
  'workloads',
  /** Where the head (flat-snapshot.ts) is: offset in `values`. */
  'head',
  /** Bytes of all strings and patterns. */
  'text',
  /** Encoded values (values.ts). */
  'values',
  /** How callers prove who they are (identity-text.ts), as JSON. */
  'identity',
  /** Where each policy, and then each rule, was written: number of the file, line, column. */
  'positions',
  /** Names of files, as JSON. */
  'files',
  /** Sixteen letters. */
  'revision',
] as const;

/** What these say does not change what is decided. */
const BESIDES: readonly SectionName[] = ['positions', 'files', 'revision'];

export type SectionName = (typeof SECTIONS)[number];

const HEAD_WORDS = 4;

export class FlatWriter {
  readonly #sections = new Map<SectionName, Uint32Array | Uint8Array>();

  put(name: SectionName, content: Uint32Array | Uint8Array): void {
    this.#sections.set(name, content);
  }

  /** A hash of `beginning` and of all that decides: equal for sets that say the same. */
  digest(beginning: string): string {
    const hash = createHash('sha256').update(beginning);
    for (const name of SECTIONS) {
      const content = BESIDES.includes(name) ? undefined : this.#sections.get(name);
      hash.update(`${content?.byteLength ?? 0};`);
      if (content !== undefined) hash.update(content);
    }
    return hash.digest('hex');
  }

  finish(): SharedArrayBuffer {
    let end = (HEAD_WORDS + 2 * SECTIONS.length) * 4;
    const places = SECTIONS.map((name) => {
      const bytes = this.#sections.get(name)?.byteLength ?? 0;
      const place = { name, offset: end, bytes };
      end = align(end + bytes);
      return place;
    });
    const buffer = new SharedArrayBuffer(end);
    const words = new Uint32Array(buffer);
    words.set([MAGIC, FORMAT_VERSION, end, SECTIONS.length]);
    places.forEach(({ name, offset, bytes }, i) => {
      words.set([offset, bytes], HEAD_WORDS + 2 * i);
      const content = this.#sections.get(name);
      if (content === undefined) return;
      new Uint8Array(buffer, offset, bytes).set(new Uint8Array(content.buffer, content.byteOffset, bytes));
    });
    return buffer;
  }
}

/** Something is not a flat snapshot of this version, or not a whole one. */
export class NotFlat extends Error {
  override readonly name = 'NotFlat';
}

export class FlatReader {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Uint32Array;

  /** @throws {@link NotFlat} */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    if (buffer.byteLength < (HEAD_WORDS + 2 * SECTIONS.length) * 4 || buffer.byteLength % 4 !== 0)
      throw new NotFlat('it is too short');
    this.#words = new Uint32Array(buffer);
    const [magic, version, length, sections] = this.#words;
    if (magic !== MAGIC) throw new NotFlat('it does not begin as one, or was written on another kind of machine');
    if (version !== FORMAT_VERSION || sections !== SECTIONS.length)
      throw new NotFlat(`it has format ${version}, and this version reads ${FORMAT_VERSION}`);
    if (length !== buffer.byteLength) throw new NotFlat(`it should have ${length} bytes and has ${buffer.byteLength}`);
    for (const name of SECTIONS) {
      const { offset, bytes } = this.#place(name);
      if (offset % 8 !== 0 || offset + bytes > buffer.byteLength) throw new NotFlat(`its section ${name} is cut off`);
    }
  }

  #place(name: SectionName): { readonly offset: number; readonly bytes: number } {
    const at = HEAD_WORDS + 2 * SECTIONS.indexOf(name);
    return { offset: this.#words[at]!, bytes: this.#words[at + 1]! };
  }

  words(name: SectionName): Uint32Array {
    const { offset, bytes } = this.#place(name);
    return new Uint32Array(this.buffer, offset, bytes >>> 2);
  }

  bytes(name: SectionName): Buffer {
    const { offset, bytes } = this.#place(name);
    return Buffer.from(this.buffer, offset, bytes);
  }
}

/** Bitmaps are read in words of 64 bits. */
function align(offset: number): number {
  return (offset + 7) & ~7;
}
