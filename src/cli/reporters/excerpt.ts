/** The line that a problem is in, with a mark under its place. */
import type { Position } from '../../lib/diagnostic.ts';
import { visibleText } from '../../lib/visible-text.ts';

/** Longer lines are cut around the place, so that the mark stays under it on an ordinary terminal. */
const MAX_WIDTH = 100;
const BEFORE_PLACE = 60;

/** Two lines of output; none when the text has no such line. */
export function excerpt(text: string, { line, column }: Position): readonly string[] {
  const source = lineOf(text, line);
  if (source === null || source.trim() === '') return [];
  const start = column - 1 > BEFORE_PLACE && source.length > MAX_WIDTH ? column - 1 - BEFORE_PLACE : 0;
  // Escaped first and measured after: a tab or a control character is shown wider than it counts.
  const before = shown(source.slice(start, column - 1));
  const after = shown(source.slice(column - 1, start + MAX_WIDTH));
  const number = String(line).padStart(5);
  const cut = { left: start > 0 ? '…' : '', right: source.length > start + MAX_WIDTH ? '…' : '' };
  return [
    `${number} | ${cut.left}${before}${after}${cut.right}`,
    `${' '.repeat(number.length)} | ${' '.repeat(cut.left.length + before.length)}^`,
  ];
}

function lineOf(text: string, line: number): string | null {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf('\n', start);
    if (end < 0) return null;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '');
}

function shown(text: string): string {
  return visibleText(text.replaceAll('\t', '    ')).replaceAll('\\\\', '\\');
}
