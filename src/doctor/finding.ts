/** What was found, gathered without end being possible. */
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic, Position } from '../lib/diagnostic.ts';
import { FAULTS } from './codes.ts';
import type { FaultCode } from './codes.ts';
import type { FaultSink, Part } from './part.ts';

export interface Finding extends Diagnostic {
  readonly code: FaultCode;
  /** Where in the document: `static_resources.listeners[0].filter_chains[0]…`. */
  readonly path: string;
  /** What it gives to an attacker. */
  readonly risk: string;
  /** What mends it. */
  readonly hint: string;
}

/** A configuration with more faults than anybody reads: what is listed is mended first. */
const MAX_FINDINGS = 1000;

export class Findings implements FaultSink {
  readonly #found = new Map<string, Finding>();

  get isFull(): boolean {
    return this.#found.size > MAX_FINDINGS;
  }

  add(code: FaultCode, part: Part, message: string): void {
    if (!this.isFull) this.addAt(code, part.position, part.path, message);
  }

  /** The same fault at the same place is one, however many ways lead there. */
  addAt(code: FaultCode, position: Position, path: string, message: string): void {
    if (this.isFull) return;
    const isLast = this.#found.size === MAX_FINDINGS;
    if (isLast) this.#put('too-many-findings', position, path, `there are more than ${MAX_FINDINGS} faults`);
    else this.#put(code, position, path, message);
  }

  #put(code: FaultCode, position: Position, path: string, message: string): void {
    const { severity, risk, mend } = FAULTS[code];
    const key = [position.file, position.line, position.column, code, path].join('\0');
    if (!this.#found.has(key)) this.#found.set(key, { severity, code, message, hint: mend, position, path, risk });
  }

  sorted(): readonly Finding[] {
    return [...this.#found.values()].sort(compareDiagnostics);
  }
}
