import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { toByteString } from '../../../src/attributes/bytes.ts';
import { WireError, WireReader } from '../../../src/extauthz/wire/reader.ts';
import { WireWriter } from '../../../src/extauthz/wire/writer.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Goes through a whole message, taking everything as it stands. */
function walk(bytes: Buffer): (readonly [number, number])[] {
  const reader = new WireReader(bytes);
  const fields: (readonly [number, number])[] = [];
  while (reader.next()) {
    fields.push([reader.field, reader.wireType]);
    reader.skip();
  }
  return fields;
}

describe('the wire format', () => {
  it.each([
    ['0', '00', 0],
    ['127', '7f', 127],
    ['128', '8001', 128],
    ['2^28 - 1', 'ffffff7f', 2 ** 28 - 1],
    ['2^28', '8080808001', 2 ** 28],
    ['2^32 - 1', 'ffffffff0f', 2 ** 32 - 1],
    ['2^53 - 1', 'ffffffffffffff0f', Number.MAX_SAFE_INTEGER],
    ['-1, as int64 writes it', 'ffffffffffffffffff01', -1],
    ['-2', 'feffffffffffffffff01', -2],
    ['-2^53 + 1', '8180808080808' + '0f0ff01', -Number.MAX_SAFE_INTEGER],
    ['zero in ten bytes', '80808080808080808000', 0],
  ])('reads %s', (_, bytes, value) => {
    const reader = new WireReader(hex(`08${bytes}`));
    expect(reader.next()).toBe(true);
    expect(reader.number()).toBe(value);
    expect(reader.next()).toBe(false);
  });

  it('reads the numbers that protobufjs writes', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const reader = new WireReader(Buffer.from(protobuf.Writer.create().uint32(8).int64(value).finish()));
        reader.next();
        expect(reader.number()).toBe(value);
      }),
    );
  });

  it('reads the doubles that protobufjs writes', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const reader = new WireReader(Buffer.from(protobuf.Writer.create().uint32(9).double(value).finish()));
        reader.next();
        expect(reader.double()).toBe(value);
      }),
    );
  });

  it('skips what it is not asked for: every wire type of proto3', () => {
    expect(walk(hex('0896 01 11 0102030405060708 1a 03 616263 25 01020304'))).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 5],
    ]);
  });

  it('knows field numbers up to the last', () => {
    const writer = new WireWriter().number(2 ** 29 - 1, 1);
    expect(walk(writer.finish())).toEqual([[2 ** 29 - 1, 0]]);
  });

  it.each([
    ['a cut tag', '80'],
    ['a tag alone', '08'],
    ['a cut varint', '0880'],
    ['a varint of eleven bytes', '0880808080808080808080 00'],
    ['a varint past 64 bits', '08ffffffffffffffffff02'],
    ['field number 0', '0001'],
    ['a field number past 2^29', '8080808010 00'],
    ['a negative tag', 'ffffffffffffffffff01'],
    ['a cut fixed64', '0901020304050607'],
    ['a cut fixed32', '0d010203'],
    ['a length past the end', '0a05 61'],
    ['a length far past the end', '0affffffff0f 61'],
    ['a negative length', '0affffffffffffffffff01 61'],
    ['the start of a group', '0b'],
    ['the end of a group', '0c'],
    ['wire type 6', '0e'],
    ['wire type 7', '0f'],
  ])('refuses %s', (_, bytes) => {
    expect(() => walk(hex(bytes))).toThrow(WireError);
  });

  it('refuses a value of another wire type than asked for', () => {
    for (const take of ['number', 'double', 'text', 'message', 'range'] as const) {
      const bytes = take === 'number' ? hex('0a0161') : hex('0801');
      const reader = new WireReader(bytes);
      reader.next();
      expect(() => reader[take]()).toThrow(WireError);
    }
  });

  it('does not read a message past its own end', () => {
    // Field 1, a message of two bytes that says it has a text of five; five more bytes stand behind it.
    const reader = new WireReader(hex('0a02 0a05 6161616161'));
    reader.next();
    const inner = reader.message();
    inner.next();
    expect(() => inner.text()).toThrow(WireError);
  });

  it('throws nothing but WireError, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          walk(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe('the writer', () => {
  it('writes what protobufjs writes', () => {
    const bytes = new WireWriter()
      .number(1, 300)
      .text(2, 'caf\xc3\xa9')
      .message(3, (inner) => inner.bool(1, true).double(2, -0.5))
      .bytes(1000, Buffer.alloc(200, 1))
      .finish();
    const inner = protobuf.Writer.create().uint32(8).bool(true).uint32(17).double(-0.5).finish();
    const expected = protobuf.Writer.create()
      .uint32(8)
      .uint32(300)
      .uint32(18)
      .string('café')
      .uint32(26)
      .bytes(inner)
      .uint32(8002)
      .bytes(Buffer.alloc(200, 1))
      .finish();
    expect(bytes.toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });

  it('writes zero and false where they are asked for', () => {
    expect(new WireWriter().number(1, 0).bool(2, false).finish().toString('hex')).toBe('08001000');
  });

  it('has no text that is no UTF-8', () => {
    expect(() => new WireWriter().text(1, 'a\xff')).toThrow(WireError);
  });

  it('is read back by the reader', () => {
    const value = fc.oneof(
      fc.nat(2 ** 31 - 1).map((n) => ['number', n] as const),
      fc.string({ unit: 'binary', maxLength: 300 }).map((text) => ['text', toByteString(text.toWellFormed())] as const),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 2000 }), value), { maxLength: 6 }), (fields) => {
        const writer = new WireWriter();
        for (const [field, [kind, content]] of fields) writer[kind](field, content as never);
        const reader = new WireReader(writer.finish());
        const read = fields.map(([, [kind]]) => {
          expect(reader.next()).toBe(true);
          return [reader.field, [kind, reader[kind]()]];
        });
        expect(read).toEqual(fields);
        expect(reader.next()).toBe(false);
      }),
    );
  });
});
