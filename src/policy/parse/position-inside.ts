import type { Position } from '../../lib/diagnostic.ts';
import { positionOf } from './node.ts';
import type { ScalarNode } from './node.ts';

/**
 * Where character `index` of a string's value stands in the file.
 *
 * Exact for plain and quoted strings on one line without escapes, and for literal blocks (`|`). Other
 * forms (folded, escaped, over several lines) change characters on the way: then it is the string's start.
 */
export function positionInside(node: ScalarNode, index: number): Position {
  const value = String(node.value);
  if (node.style === 'literal') return insideLiteral(node, value, index) ?? positionOf(node);
  const quote = node.style === 'plain' ? 0 : 1;
  const asWritten = node.source.text.slice(node.start + quote, node.end - quote);
  return asWritten === value ? node.source.position(node.start + quote + index) : positionOf(node);
}

/** A literal block keeps its lines; only the indentation, the same on each, was taken off. */
function insideLiteral(node: ScalarNode, value: string, index: number): Position | null {
  const before = value.slice(0, index);
  const lineInside = before.split('\n').length - 1;
  const column = index - (before.lastIndexOf('\n') + 1);
  const valueLine = value.split('\n')[lineInside] ?? '';
  const header = node.source.position(node.start);
  const lineStart = nthLineStart(node.source.text, node.start, lineInside + 1);
  if (lineStart < 0) return null;
  const lineEnd = node.source.text.indexOf('\n', lineStart);
  const line = node.source.text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).replace(/\r$/, '');
  if (!line.endsWith(valueLine)) return null;
  return {
    file: header.file,
    line: header.line + 1 + lineInside,
    column: line.length - valueLine.length + column + 1,
  };
}

/** Start of the n-th line after the one that holds `from`; -1 when the text ends before. */
function nthLineStart(text: string, from: number, n: number): number {
  let at = from;
  for (let i = 0; i < n; i++) {
    const end = text.indexOf('\n', at);
    if (end < 0) return -1;
    at = end + 1;
  }
  return at;
}
