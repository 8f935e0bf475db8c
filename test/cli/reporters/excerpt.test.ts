import { expect, test } from '@jest/globals';
import { excerpt } from '../../../src/cli/reporters/excerpt.ts';

function at(text: string, line: number, column: number): readonly string[] {
  return excerpt(text, { file: 'a.yaml', line, column });
}

test('marks the place under the line', () => {
  expect(at('kind: x\r\nspec: {a: "b\\c"}\r\n', 2, 8)).toStrictEqual(['    2 | spec: {a: "b\\c"}', '      |        ^']);
});

test('the mark stays under its place behind tabs and characters that cannot be seen', () => {
  const [line, mark] = at('\ta\u001b[31mb: x', 1, 8);
  expect(line).toBe('    1 |     a\\x1b[31mb: x');
  expect(line?.[mark?.indexOf('^') ?? 0]).toBe('b');
});

test('cuts a long line around the place', () => {
  const text = `${'a'.repeat(300)}X${'b'.repeat(300)}`;
  const [line = '', mark = ''] = at(text, 1, 301);
  expect(line).toMatch(/^ {4}1 \| …a+Xb+…$/);
  expect(line.length).toBeLessThan(112);
  expect(line[mark.indexOf('^')]).toBe('X');
});

test('shows nothing where there is nothing to show', () => {
  expect(at('a\n\nb', 2, 1)).toStrictEqual([]);
  expect(at('a', 7, 1)).toStrictEqual([]);
});
