import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { FlatReader, FlatWriter } from '../../../src/policy-index/flat/format.ts';
import {
  BitRoom,
  lowestBit,
  NONE,
  Postings,
  PostingsWriter,
  SetsWriter,
} from '../../../src/policy-index/flat/postings.ts';
import { postingsOf } from './support.ts';

const WORDS = 12;
const ALL = WORDS * 32;

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const ascending = (numbers: Iterable<number>): number[] => [...new Set(numbers)].sort((a, b) => a - b);

/** One that is kept in each of the ways, at the borders of words and in the middle. */
const sets: readonly (readonly [string, readonly number[], 'none' | 'single' | 'list' | 'bitmap'])[] = [
  ['none', [], 'none'],
  ['the first', [0], 'single'],
  ['the last bit of a word', [31], 'single'],
  ['one far away', [2 ** 30], 'single'],
  ['two', [0, 383], 'list'],
  ['borders of words', [31, 32, 63, 64, 383], 'list'],
  ['one a word', range(0, WORDS).map((word) => word * 32), 'list'],
  ['as many as a bitmap takes words', range(64, 70), 'bitmap'],
  ['one less', range(64, 69), 'list'],
  ['all', range(0, ALL), 'bitmap'],
  ['some words in the middle', range(100, 200), 'bitmap'],
  ['every third', range(0, 128).map((i) => i * 3), 'bitmap'],
  ['the high bits', range(0, 40).map((i) => 40 + 8 * i + 7), 'bitmap'],
];

describe.each(sets)('a set of %s', (_, entries, kind) => {
  const { postings, references } = postingsOf([5, 6], entries, range(0, 100));
  const reference = references[1]!;
  const of = new Set(entries);

  test(`is kept as ${kind}, and counted`, () => {
    expect(reference === NONE).toBe(kind === 'none');
    expect(reference >= 2 ** 31).toBe(kind === 'single');
    expect(postings.isBitmap(reference)).toBe(kind === 'bitmap');
    expect(postings.count(reference)).toBe(entries.length);
  });

  test('has its entries and no others', () => {
    const asked = [...range(0, ALL + 64), 2 ** 30, 2 ** 31 - 1];
    expect(asked.filter((entry) => postings.has(reference, entry))).toEqual(asked.filter((entry) => of.has(entry)));
  });

  test('visits its entries ascending, until it is told to stop', () => {
    expect(postings.entries(reference)).toEqual(entries);
    for (const stop of entries) {
      const visited: number[] = [];
      expect(
        postings.some(reference, (entry) => {
          visited.push(entry);
          return entry === stop;
        }),
      ).toBe(true);
      expect(visited).toEqual(entries.slice(0, entries.indexOf(stop) + 1));
    }
    expect(postings.some(reference, () => false)).toBe(false);
  });

  test('is loaded and marked in any window of words, and nothing besides', () => {
    for (let from = 0; from <= WORDS; from += 2)
      for (let to = from; to <= WORDS + 2; to += 2) {
        const size = to - from;
        const inside = entries
          .filter((entry) => entry >= from * 32 && entry < to * 32)
          .map((entry) => entry - from * 32);
        // Old bits in the window are gone after a load, and those behind it are not touched.
        const room = new BitRoom((size + 2) * 32);
        const loaded = room.words.fill(0xa5a5a5a5);
        postings.load(reference, room, from, to);
        expect([from, to, bitsOf(loaded.subarray(0, size))]).toEqual([from, to, inside]);
        expect([...loaded.subarray(size)]).toEqual([0xa5a5a5a5, 0xa5a5a5a5]);
        const markedRoom = new BitRoom((size + 2) * 32);
        const marked = markedRoom.words;
        if (size > 0) marked[0] = 2;
        postings.mark(reference, markedRoom, from, to);
        expect([from, to, bitsOf(marked)]).toEqual([from, to, size > 0 ? ascending([1, ...inside]) : []]);
      }
  });
});

function bitsOf(words: Uint32Array): number[] {
  const bits: number[] = [];
  words.forEach((word, i) => {
    for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) bits.push(i * 32 + bit);
  });
  return bits;
}

test('any sets, one behind the other, are what was written', () => {
  const set = fc.oneof(
    fc.array(fc.nat(ALL - 1), { maxLength: 200 }),
    fc.tuple(fc.nat(ALL), fc.nat(ALL)).map(([a, b]) => range(Math.min(a, b), Math.max(a, b))),
  );
  fc.assert(
    fc.property(fc.array(set, { minLength: 1, maxLength: 8 }), fc.nat(WORDS), fc.nat(WORDS), (written, a, b) => {
      const wanted = written.map(ascending);
      const { postings, references } = postingsOf(...wanted);
      const [from, to] = (a < b ? [a, b] : [b, a]).map((word) => word & ~1) as [number, number];
      wanted.forEach((entries, i) => {
        const reference = references[i]!;
        expect(postings.entries(reference)).toEqual(entries);
        expect(range(0, ALL).filter((entry) => postings.has(reference, entry))).toEqual(entries);
        const room = new BitRoom((to - from) * 32);
        const loaded = room.words.fill(0xffffffff);
        postings.load(reference, room, from, to);
        const inside = entries.filter((entry) => entry >>> 5 >= from && entry >>> 5 < to);
        expect(bitsOf(loaded).map((bit) => bit + from * 32)).toEqual(inside);
      });
    }),
    { numRuns: 300 },
  );
});

describe('many sets at once', () => {
  const written = (sets: SetsWriter, count: number): readonly (readonly number[])[] => {
    const writer = new PostingsWriter();
    const references = sets.write(writer, count);
    const flat = new FlatWriter();
    writer.finish(flat);
    const postings = new Postings(new FlatReader(flat.finish()));
    return [...references].map((reference) => postings.entries(reference));
  };

  it('have each entry once, though it was put in twice', () => {
    const sets = new SetsWriter();
    for (const [set, entry] of [
      [2, 0],
      [0, 1],
      [2, 1],
      [2, 1],
      [0, 1],
      [3, 2],
      [2, 7],
    ] as const)
      sets.add(set, entry);
    expect(written(sets, 5)).toEqual([[1], [], [0, 1, 7], [2], []]);
    expect([...sets.sets]).toEqual([2, 0, 2, 2, 0, 3, 2]);
  });

  it('can be none', () => {
    expect(written(new SetsWriter(), 0)).toEqual([]);
    expect(written(new SetsWriter(), 2)).toEqual([[], []]);
  });

  it('grow past the room with which they begin', () => {
    const sets = new SetsWriter();
    const wanted: number[][] = [[], [], []];
    for (let entry = 0; entry < 5000; entry++) {
      sets.add(entry % 3, entry);
      wanted[entry % 3]!.push(entry);
    }
    expect(written(sets, 3)).toEqual(wanted);
  });
});

test('the lowest bit of a word', () => {
  for (let bit = 0; bit < 32; bit++) {
    expect(lowestBit((1 << bit) >>> 0)).toBe(bit);
    expect(lowestBit(1 << bit)).toBe(bit);
    expect(lowestBit((0xffffffff << bit) >>> 0)).toBe(bit);
    expect(lowestBit(0x80000000 | (1 << bit))).toBe(bit);
  }
});
