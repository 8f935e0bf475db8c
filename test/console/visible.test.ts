import { describe, expect, it } from '@jest/globals';
import { visible } from '../../src/console/api/visible.ts';

describe('texts of an answer', () => {
  it.each([
    ['plain <b>text</b>, ü, 中, \\ and a\nline', 'plain <b>text</b>, ü, 中, \\ and a\nline'],
    ['\u001b[31m', '\\x1b[31m'],
    ['a\u202eb\u2066', 'a\\u{202e}b\\u{2066}'],
    ['\ud800', '\\u{d800}'],
    ['😀', '😀'],
    ['zero\u200bwidth', 'zero\\u{200b}width'],
  ])('%j', (text, wanted) => {
    expect(visible(text)).toBe(wanted);
    expect(visible(visible(text))).toBe(wanted);
  });

  it('are found wherever they stand', () => {
    expect(visible({ 'a\u0007': [{ b: '\u0000' }, 1, true, null] })).toEqual({
      'a\\x07': [{ b: '\\x00' }, 1, true, null],
    });
  });
});
