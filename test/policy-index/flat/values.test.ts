import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FlatReader, FlatWriter } from '../../../src/policy-index/flat/format.ts';
import { TextReader, TextWriter } from '../../../src/policy-index/flat/text.ts';
import { ValueReader, ValueWriter } from '../../../src/policy-index/flat/values.ts';
import type { Value } from '../../../src/policy-index/flat/values.ts';
import { readBack } from './support.ts';

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, '', 0, -0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, -1, 0.5),
    fc.double({ noNaN: true }),
    fc.nat(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('spiffe://a', 'a', 'spiffe://', 'é', '\ufeffbom', 'x'.repeat(10_000)),
    fc.array(tie('value'), { maxLength: 6 }),
  ),
}));

describe('plain values', () => {
  it('are read as they were written, in whatever company', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
        expect(readBack(...values)).toEqual(values);
      }),
      { numRuns: 2000 },
    );
  });

  it('stand at one place when they are equal', () => {
    const writer = new ValueWriter(new TextWriter());
    const list: Value = ['a', ['b', 'c', 'd', ['e', 'f', 'g']], 1];
    const place = writer.write(list);
    writer.write(['b', 'c']);
    expect(writer.write(structuredClone(list))).toBe(place);
    expect(writer.write(['b', 'c', 'd', ['e', 'f', 'g']])).not.toBe(place);
  });

  it.each<[string, readonly number[]]>([
    ['no known kind', [8]],
    ['a number without an end', [3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['a list that goes on past the end', [6, 3, 0]],
    ['a list that holds itself', [6, 1, 7, 0]],
    ['nothing', []],
  ])('that are none are an error: %s', (_, bytes) => {
    const flat = new FlatWriter();
    flat.put('values', Uint8Array.from(bytes));
    const opened = new FlatReader(flat.finish());
    expect(() => new ValueReader(opened, new TextReader(opened)).read(0)).toThrow(RangeError);
  });
});

describe('texts', () => {
  it('are the bytes that were placed, each once, and a name without its scheme within the one with it', () => {
    const writer = new TextWriter();
    const places = ['spiffe://cluster.local/x', 'cluster.local/x', '', '\0\xff', '\0\xff'].map((text) => ({
      text,
      ...writer.place(text),
    }));
    expect(places[1]!.offset).toBe(places[0]!.offset + 'spiffe://'.length);
    expect(places[4]).toEqual(places[3]);
    const flat = new FlatWriter();
    writer.finish(flat);
    const reader = new TextReader(new FlatReader(flat.finish()));
    for (const { text, offset, length } of places) expect(reader.bytes(offset, length)).toBe(text);
  });

  it('keep their numbers past the room with which they begin', () => {
    const writer = new TextWriter();
    const texts = Array.from({ length: 3000 }, (_, i) => `text ${i} é`);
    const numbers = texts.map((text) => writer.string(text));
    expect(texts.map((text) => writer.string(text))).toEqual(numbers);
    const flat = new FlatWriter();
    writer.finish(flat);
    const reader = new TextReader(new FlatReader(flat.finish()));
    expect(numbers.map((number) => reader.string(number))).toEqual(texts);
  });
});
