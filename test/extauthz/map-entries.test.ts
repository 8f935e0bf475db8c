import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { sortMapEntries } from '../../src/extauthz/map-entries.ts';

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

function entry(key: string, value: string | null): Buffer {
  const field = (tag: number, text: string): Buffer => Buffer.from([tag, ...varint(text.length), ...Buffer.from(text)]);
  return Buffer.concat([field(0x0a, key), ...(value === null ? [] : [field(0x12, value)])]);
}

/** The entries in the order in which they stand after sorting. */
function sorted(entries: readonly Buffer[]): Buffer[] {
  const ranges: number[] = [];
  let at = 3;
  for (const each of entries) {
    ranges.push(at, at + each.length);
    at += each.length + 2;
  }
  const bytes = Buffer.alloc(at, 0xee);
  for (const [index, each] of entries.entries()) each.copy(bytes, ranges[2 * index]);
  sortMapEntries(bytes, ranges);
  return Array.from({ length: ranges.length / 2 }, (_, index) =>
    Buffer.from(bytes.subarray(ranges[2 * index], ranges[2 * index + 1])),
  );
}

const text = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });

describe('entries of a map', () => {
  it('stand in one order, whatever the one was in which they came, and none is lost', () => {
    const distinct = fc.uniqueArray(fc.tuple(text, fc.option(text)), { selector: ([key]) => key, maxLength: 16 });
    const shuffled = distinct.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        const first = sorted(one.map(([key, value]) => entry(key, value)));
        expect(sorted(other.map(([key, value]) => entry(key, value)))).toEqual(first);
        const bytes = (all: readonly Buffer[]): string[] => all.map((each) => each.toString('hex')).sort();
        expect(bytes(first)).toEqual(bytes(one.map(([key, value]) => entry(key, value))));
      }),
    );
  });

  it('with one key keep their order, since the last counts', () => {
    const few = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'namespace'), text), { maxLength: 12 });
    fc.assert(
      fc.property(few, (pairs) => {
        const before = new Map(pairs);
        const after = sorted(pairs.map(([key, value]) => entry(key, value))).map((each) => {
          const keyEnd = 2 + each[1]!;
          return [each.toString('latin1', 2, keyEnd), each.toString('latin1', keyEnd + 2)] as const;
        });
        expect(new Map(after)).toEqual(before);
      }),
    );
  });

  it.each<[string, Buffer]>([
    ['a value before its key', Buffer.from([0x12, 1, 0x62, 0x0a, 1, 0x61])],
    ['two keys', Buffer.from([0x0a, 1, 0x7a, 0x0a, 1, 0x61])],
    ['a further field', Buffer.concat([entry('z', 'v'), Buffer.from([0x1a, 0])])],
    ['a key without an end', Buffer.from([0x0a, 9, 0x7a])],
    ['a long key', Buffer.concat([Buffer.from([0x0a, 0x80, 1]), Buffer.alloc(128, 0x7a)])],
    ['a value without an end', Buffer.from([0x0a, 1, 0x7a, 0x12, 0x85, 0x80])],
    ['a length without an end', Buffer.from([0x0a, 1, 0x7a, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['nothing', Buffer.alloc(0)],
  ])('stay as they came beside one with %s', (_what, odd) => {
    for (const all of [
      [entry('b', '1'), odd, entry('a', '2')],
      [odd, entry('b', '1'), entry('a', '2')],
      [entry('b', '1'), entry('a', '2'), odd],
    ])
      expect(sorted(all)).toEqual(all);
  });

  it('of which there are very many stay as they came', () => {
    const many = Array.from({ length: 17 }, (_, index) => entry(String.fromCharCode(0x7a - index), 'v'));
    expect(sorted(many)).toEqual(many);
    expect(sorted(many.slice(1))).toEqual(many.slice(1).reverse());
  });

  it('never throw, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), (all) => {
        const given = all.map((bytes) => Buffer.from(bytes));
        expect(sorted(given)).toHaveLength(given.length);
      }),
    );
  });
});
