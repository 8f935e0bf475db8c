import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  asciiLowerCase,
  hexValue,
  isToken,
  isUtf8,
  toByteString,
  toText,
  toTextStrict,
} from '../../src/attributes/bytes.ts';

/** Byte strings that are UTF-8 about half of the time: cut, spliced and damaged text. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString('latin1')),
  fc
    .tuple(fc.string({ unit: 'binary', maxLength: 6 }), fc.nat(20), fc.nat(20), fc.nat(255))
    .map(([text, from, at, octet]) => {
      const buffer = Buffer.from(text, 'utf8').subarray(from % 3);
      if (at < buffer.length) buffer[at] = octet;
      return buffer.toString('latin1');
    }),
);

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeStrictly(text: string): string | null {
  try {
    return strict.decode(Buffer.from(text, 'latin1'));
  } catch {
    return null;
  }
}

describe('byte strings', () => {
  it('are UTF-8 exactly when a fatal TextDecoder takes them, and then hold the same text', () => {
    fc.assert(
      fc.property(bytes, (text) => {
        expect(isUtf8(text)).toBe(decodeStrictly(text) !== null);
        expect(toTextStrict(text)).toBe(decodeStrictly(text));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['an overlong slash', '\xc0\xaf'],
    ['an overlong slash of three bytes', '\xe0\x80\xaf'],
    ['a surrogate', '\xed\xa0\x80'],
    ['more than U+10FFFF', '\xf4\x90\x80\x80'],
    ['a byte that never occurs', '\xff'],
    ['a cut sequence', 'caf\xc3'],
    ['a continuation alone', '\x80'],
  ])('are no UTF-8 with %s', (_, text) => {
    expect(isUtf8(text)).toBe(false);
    expect(toTextStrict(text)).toBeNull();
  });

  it('come of text and give it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(toText(toByteString(text))).toBe(text);
      }),
    );
  });

  it('are what Envoy would send', () => {
    expect(toByteString('/café')).toBe('/caf\xc3\xa9');
  });

  it('get lower-case ASCII letters, and nothing else is touched', () => {
    expect(asciiLowerCase('X-Ünicode\xc0É')).toBe('x-Ünicode\xc0É');
    fc.assert(
      fc.property(bytes, (text) => {
        expect(asciiLowerCase(text)).toBe(text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
      }),
    );
  });
});

describe('a hexadecimal digit', () => {
  it('has the value that it has, and no other character has one', () => {
    for (let code = 0; code < 256; code++) {
      const char = String.fromCharCode(code);
      expect(hexValue(code)).toBe(/[0-9a-fA-F]/.test(char) ? Number.parseInt(char, 16) : -1);
    }
    // charCodeAt past the end of a text
    expect(hexValue(Number.NaN)).toBe(-1);
  });
});

describe('an HTTP token', () => {
  it.each(['GET', 'M-SEARCH', "!#$%&'*+-.^_`|~", 'x_1'])('may be %s', (text) => {
    expect(isToken(text)).toBe(true);
  });

  it.each(['', 'GET ', 'G T', 'a:b', 'a,b', 'a"b', 'a(b)', 'a/b', 'a\tb', 'a\0', 'a\x7f', 'a\xe9'])(
    'may not be %j',
    (text) => {
      expect(isToken(text)).toBe(false);
    },
  );
});
