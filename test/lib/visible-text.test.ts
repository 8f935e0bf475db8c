import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { visibleBytes, visibleText } from '../../src/lib/visible-text.ts';

const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

describe('text made visible', () => {
  it.each([
    ['plain text ~', 'plain text ~'],
    ['größe 漢字 🙂', 'größe 漢字 🙂'],
    ['a\r\nb', 'a\\x0d\\x0ab'],
    ['\u001b[31m', '\\x1b[31m'],
    ['\u009b31m', '\\x9b31m'],
    ['a\\b', 'a\\\\b'],
    ['user\u202egnp.exe', 'user\\u{202e}gnp.exe'],
    ['a\u2028b\u200bc\ufeff', 'a\\u{2028}b\\u{200b}c\\u{feff}'],
    ['\ud800', '\\u{d800}'],
  ])('%j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });
});

describe('a byte string made visible', () => {
  it.each([
    ['plain', 'plain'],
    [bytesOf('größe 漢字 🙂'), 'größe 漢字 🙂'],
    [bytesOf('a\u2028\ufffd'), 'a\\u{2028}\ufffd'],
    ['a\xffb', 'a\\xffb'],
    ['\xc3', '\\xc3'],
    ['\xc3\xa4\xc3', 'ä\\xc3'],
    ['\xed\xa0\x80', '\\xed\\xa0\\x80'],
    ['\xc0\xaf\n', '\\xc0\\xaf\\x0a'],
  ])('%j', (bytes, shown) => {
    expect(visibleBytes(bytes, 100)).toBe(shown);
  });

  it('is cut, and says how much is missing', () => {
    expect(visibleBytes('abcdef', 4)).toBe('abcd…(+2 bytes)');
    expect(visibleBytes('abcdef', 6)).toBe('abcdef');
  });

  it('holds no character that cannot be seen, and different bytes look different', () => {
    const byteString = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(byteString, byteString, (a, b) => {
        const shown = visibleBytes(a, 100);

        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
        expect(shown === visibleBytes(b, 100)).toBe(a === b);
      }),
    );
  });
});
