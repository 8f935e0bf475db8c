import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SpanKey, SpanTable } from '../../src/extauthz/span-table.ts';

/** Ranges of a message, and numbers. */
type Part = string | number;

/** The parts lie anywhere in a message, with other bytes between them. */
function put(key: SpanKey, parts: readonly Part[], padding: number): void {
  const gap = Buffer.alloc(padding, 0xee);
  const pieces: Buffer[] = [];
  const places: (readonly [number, number] | number)[] = [];
  let end = 0;
  for (const part of parts) {
    if (typeof part === 'number') {
      places.push(part);
      continue;
    }
    const bytes = Buffer.from(part, 'latin1');
    pieces.push(gap, bytes);
    places.push([end + padding, end + padding + bytes.length]);
    end += padding + bytes.length;
  }
  key.start(Buffer.concat(pieces));
  for (const place of places)
    if (typeof place === 'number') key.addNumber(place);
    else key.add(...place);
}

/** At the end of a range, alone, and in the middle of one that is too long to be hashed whole. */
const AROUND = [
  ['', ''],
  ['abc', ''],
  ['abcdefgh', ''],
  ['x'.repeat(70), 'y'.repeat(70)],
] as const;

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.constantFrom<Part>('', 'a', 'b', 'ab', 'ba', 'aaaa', 'aaaaa', 'abcd', 'abce', '\0', '\0\0\0\0', 0, 1, -1, 2, 4),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);
const parts = fc.array(part, { maxLength: 5 });

describe('values by ranges of a message', () => {
  it('are found under equal parts in the same order, and under no others', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), parts, fc.nat(3), fc.nat(3), (kept, asked, gap, other) => {
        const table = new SpanTable<string>(4096);
        const key = new SpanKey();
        const last = new Map<string, string>();
        kept.forEach((each, i) => {
          put(key, each, gap);
          table.keep(key, String(i));
          last.set(JSON.stringify(each), String(i));
        });
        for (const each of [...kept, asked]) {
          put(key, each, other);
          const found = table.find(key);
          // A table forgets; what it tells is right.
          if (found !== undefined || kept.length < 3) expect(found).toBe(last.get(JSON.stringify(each)));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are compared byte by byte, not by their hashes', () => {
    // Every pair of bytes at the end of a longer range, and as the whole of a short one.
    const table = new SpanTable<number>(2);
    const key = new SpanKey();
    for (let kept = 0; kept < 256; kept += 5)
      for (let asked = 0; asked < 256; asked++)
        for (const [before, after] of AROUND) {
          put(key, [before + String.fromCharCode(kept) + after], 1);
          table.keep(key, kept);
          put(key, [before + String.fromCharCode(asked) + after], 2);
          expect(table.find(key)).toBe(asked === kept ? kept : undefined);
        }
  });

  it('tell where one range ends and the next begins', () => {
    const table = new SpanTable<string>(64);
    const key = new SpanKey();
    put(key, ['ab', 'c'], 0);
    table.keep(key, 'ab,c');
    for (const other of [['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], ['ab', 'c', '']] as const) {
      put(key, other, 0);
      expect(table.find(key)).toBeUndefined();
    }
  });

  it('are not kept when they are too much', () => {
    const table = new SpanTable<string>(64);
    const key = new SpanKey();
    const large = 'x'.repeat(5000);
    put(key, [large], 0);
    table.keep(key, 'large');
    expect([key.isFull, table.find(key)]).toEqual([true, undefined]);
    const many = Array.from({ length: 200 }, () => 1);
    put(key, many, 0);
    table.keep(key, 'many');
    expect([key.isFull, table.find(key)]).toEqual([true, undefined]);
    put(key, ['x'], 0);
    expect(key.isFull).toBe(false);
  });

  it('are forgotten when they are cleared, and make room for new ones', () => {
    const table = new SpanTable<number>(8);
    const key = new SpanKey();
    for (let i = 0; i < 100; i++) {
      put(key, [i], 0);
      table.keep(key, i);
      expect(table.find(key)).toBe(i);
    }
    const kept = Array.from({ length: 100 }, (_, i) => {
      put(key, [i], 0);
      return table.find(key);
    }).filter((value) => value !== undefined);
    expect(kept.length).toBeLessThanOrEqual(8);
    table.clear();
    put(key, [99], 0);
    expect(table.find(key)).toBeUndefined();
  });
});
