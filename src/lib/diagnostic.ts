import { compareText } from './compare-text.ts';

/** A place in a text that people wrote. `line` and `column` count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Severity = 'error' | 'warning' | 'note';

/**
 * One problem in a file that people wrote: where it is, what it is and what to do.
 *
 * `code` is stable and kebab-case (`unknown-field`); `message` is lower case with the user's own
 * words in backticks; `hint` says what to do about it.
 */
export interface Diagnostic {
  readonly severity: Severity;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly position: Position;
}

/** Order of reports: by file, then line, then column, then code. */
export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.position.file, b.position.file) ||
    a.position.line - b.position.line ||
    a.position.column - b.position.column ||
    compareText(a.code, b.code)
  );
}
