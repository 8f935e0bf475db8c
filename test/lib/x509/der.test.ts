import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DerError, encodingOf, readDer, readOid } from '../../../src/lib/x509/der.ts';
import { objectIdentifier } from '../../e2e/support/der.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('DER', () => {
  it('is a row of values, each with tag and content', () => {
    expect(readDer(hex('0401aa 0500'))).toEqual([
      { tag: 4, content: Uint8Array.of(0xaa) },
      { tag: 5, content: Uint8Array.of() },
    ]);
    expect(readDer(hex(''))).toEqual([]);
  });

  it.each([
    ['a tag alone', '04'],
    ['a cut value', '0402aa'],
    ['a cut length', '0482 01'],
    ['the indefinite length', '3080 0500 0000'],
    ['a length of four octets', '0484 00000001 aa'],
    ['a long form where the short would do', '048101aa'],
    ['a length with a leading zero', `04820080${'aa'.repeat(128)}`],
    ['a high tag number', '1f8101 00'],
  ])('is refused with %s', (_, text) => {
    expect(() => readDer(hex(text))).toThrow(DerError);
  });

  it.each([0, 1, 127, 128, 255, 256, 65535, 65536])('writes and reads a content of %d bytes', (length) => {
    const content = Buffer.alloc(length, 7);
    const [value, ...others] = readDer(encodingOf({ tag: 4, content }));
    expect(others).toEqual([]);
    expect(value?.tag).toBe(4);
    expect(Buffer.compare(value!.content, content)).toBe(0);
  });
});

describe('an object identifier', () => {
  it('reads as it was written', () => {
    const arcs = fc.tuple(
      fc.constantFrom('0.9', '1.2', '1.39', '2.5'),
      fc.array(fc.oneof(fc.nat(200), fc.nat(0x7fffffff)), { maxLength: 5 }),
    );
    fc.assert(
      fc.property(arcs, ([root, rest]) => {
        const text = [root, ...rest].join('.');
        expect(readOid(readDer(objectIdentifier(text))[0]!.content)).toBe(text);
      }),
    );
  });

  it('is refused when it is cut or an arc is too long', () => {
    expect(() => readOid(hex('2a86'))).toThrow(DerError);
    expect(() => readOid(hex('2affffffffff7f'))).toThrow(DerError);
  });
});
