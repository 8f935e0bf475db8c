import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic, Position, Severity } from '../lib/diagnostic.ts';
import type { Code } from './codes.ts';

/** Gathers the problems of a set. The same problem told twice (by structure and by meaning) is told once. */
export class Report {
  readonly #found = new Map<string, Diagnostic>();
  #errors = 0;

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  error(code: Code, position: Position, message: string, hint?: string): void {
    this.add('error', code, position, message, hint);
  }

  note(code: Code, position: Position, message: string, hint?: string): void {
    this.add('note', code, position, message, hint);
  }

  add(severity: Severity, code: Code, position: Position, message: string, hint?: string): void {
    const key = `${position.file}\0${position.line}\0${position.column}\0${code}\0${message}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, { severity, code, message, ...(hint === undefined ? {} : { hint }), position });
    if (severity === 'error') this.#errors++;
  }

  sorted(): Diagnostic[] {
    return [...this.#found.values()].sort(compareDiagnostics);
  }
}
