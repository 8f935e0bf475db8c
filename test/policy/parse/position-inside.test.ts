import { expect, it } from '@jest/globals';
import { entryOf } from '../../../src/policy/parse/node.ts';
import type { ScalarNode } from '../../../src/policy/parse/node.ts';
import { parseFile } from '../../../src/policy/parse/parse-file.ts';
import { positionInside } from '../../../src/policy/parse/position-inside.ts';
import { Report } from '../../../src/policy/report.ts';

function placeOf(text: string, inside: string): [number, number] {
  const [document] = parseFile('f', text, new Report());
  if (document?.kind !== 'map') throw new Error('no map');
  const node = entryOf(document, 'k')!.value as ScalarNode;
  const { line, column } = positionInside(node, String(node.value).indexOf(inside));
  return [line, column];
}

it.each([
  ['plain', 'k: abc HERE', [1, 8]],
  ['single quotes', "k: 'abc HERE'", [1, 9]],
  ['double quotes', 'a: 1\nk: "abc HERE"', [2, 9]],
  ['a literal block', 'k: |\n  abc\n  d HERE\n', [3, 5]],
  ['a literal block with an indicator and a comment', 'k: |2-  # why\n    abc\n  HERE\n', [3, 3]],
  ['a literal block with Windows line ends', 'k: |\r\n  abc\r\n  d HERE\r\n', [3, 5]],
  ['a literal block with empty lines', 'k: |\n  abc\n\n  HERE\n', [4, 3]],
  ['a literal block after other keys', 'a: {b: c}\nk: |\n      HERE', [3, 7]],
])('a character of %s has its line and column', (_, text, place) => {
  expect(placeOf(text, 'HERE')).toEqual(place);
});

it.each([
  ['a folded block', 'k: >-\n  abc\n  HERE\n', [1, 4]],
  ['escapes', 'k: "a\\tb HERE"', [1, 4]],
  ['doubled quotes', "k: 'a''b HERE'", [1, 4]],
  ['several lines', 'k: "abc\n  HERE"', [1, 4]],
])('a character of a string with %s has the place of the string', (_, text, place) => {
  expect(placeOf(text, 'HERE')).toEqual(place);
});
