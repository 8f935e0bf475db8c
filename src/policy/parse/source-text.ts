import type { Position } from '../../lib/diagnostic.ts';

/** A file's text with its line starts, so that an offset becomes a line and a column only when somebody asks. */
export class SourceText {
  readonly path: string;
  readonly text: string;
  #lineStarts: number[] | null = null;
  /** Of the last answer, from 0. */
  #line = 0;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** Lines and columns count from 1; a column counts UTF-16 code units, as editors and language servers do. */
  position(offset: number): Position {
    const starts = (this.#lineStarts ??= lineStarts(this.text));
    if (!isOnLine(starts, this.#line, offset)) {
      // Most who ask go through the file from its start to its end.
      this.#line = isOnLine(starts, this.#line + 1, offset) ? this.#line + 1 : lineOf(starts, offset);
    }
    return { file: this.path, line: this.#line + 1, column: offset - starts[this.#line]! + 1 };
  }
}

function isOnLine(starts: readonly number[], line: number, offset: number): boolean {
  return starts[line]! <= offset && (line + 1 >= starts.length || offset < starts[line + 1]!);
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
