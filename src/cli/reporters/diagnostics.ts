/** How problems are shown: to people with the line that they are in, to programs as plain objects. */
import type { Diagnostic, Position, Severity } from '../../lib/diagnostic.ts';
import { visibleText } from '../../lib/visible-text.ts';
import type { Paint, Painter } from '../terminal.ts';
import { excerpt } from './excerpt.ts';

export interface DiagnosticJson {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: Severity;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

export function diagnosticJson({ severity, code, message, hint, position }: Diagnostic): DiagnosticJson {
  const { file, line, column } = position;
  return { file, line, column, severity, code, message, hint: hint ?? null };
}

const SEVERITY_PAINTS: Readonly<Record<Severity, Paint>> = { error: 'red', warning: 'yellow', note: 'cyan' };

/** `file:line:column: severity code: message`, then the place in the text where it is at hand, then what to do. */
function diagnosticText(diagnostic: Diagnostic, texts: ReadonlyMap<string, string>, paint: Painter): string {
  const { severity, code, message, hint, position } = diagnostic;
  const place = `${visibleText(position.file)}:${position.line}:${position.column}:`;
  const lines = [
    `${paint('bold', place)} ${paint(SEVERITY_PAINTS[severity], severity)} ${code}: ${visibleText(message)}`,
  ];
  const text = texts.get(position.file);
  if (text !== undefined) lines.push(...excerpt(text, position).map((line) => paint('dim', line)));
  if (hint !== undefined) lines.push(`  hint: ${visibleText(hint)}`);
  return lines.map((line) => `${line}\n`).join('');
}

export function diagnosticsText(
  diagnostics: readonly Diagnostic[],
  texts: ReadonlyMap<string, string>,
  paint: Painter,
): string {
  const secret = new Set(
    diagnostics.filter(({ code }) => code === MAY_HOLD_KEY).map(({ position }) => lineOf(position)),
  );
  const nothing = new Map<string, string>();
  return diagnostics
    .map((each) => diagnosticText(each, secret.has(lineOf(each.position)) ? nothing : texts, paint))
    .join('');
}

/** What stands there may be an API key, and what is printed ends in the logs of a pipeline. */
const MAY_HOLD_KEY = 'bad-key-hash';

function lineOf({ file, line }: Position): string {
  return `${line}:${file}`;
}

export interface Counts {
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

export function countBySeverity(diagnostics: readonly Diagnostic[]): Counts {
  const count = (wanted: Severity): number => diagnostics.filter(({ severity }) => severity === wanted).length;
  return { errors: count('error'), warnings: count('warning'), notes: count('note') };
}

/** `2 errors, 1 warning`; the empty text when there is nothing. */
export function countsText({ errors, warnings, notes }: Counts): string {
  return [counted(errors, 'error'), counted(warnings, 'warning'), counted(notes, 'note')]
    .filter((text) => !text.startsWith('0 '))
    .join(', ');
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
