/** How the findings of `doctor` are shown. */
import type { Finding } from '../../doctor/finding.ts';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { visibleText } from '../../lib/visible-text.ts';
import type { Painter } from '../terminal.ts';
import { countBySeverity, counted, countsText, diagnosticJson, diagnosticsText } from './diagnostics.ts';

export interface DoctorResult {
  readonly findings: readonly Finding[];
  /** What could not be read. */
  readonly problems: readonly Diagnostic[];
  /** Of the files that were read, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

export function doctorText({ findings, problems, texts }: DoctorResult, paint: Painter): string {
  const told = findings.map((finding) => findingText(finding, texts, paint)).join('');
  const counts = countBySeverity([...problems, ...findings]);
  const found = countsText(counts);
  const summary = `${found === '' ? 'nothing found' : found} in ${counted(texts.size, 'file')}`;
  const colour = counts.errors > 0 ? 'red' : 'green';
  return `${diagnosticsText(problems, texts, paint)}${told}${paint(colour, summary)}\n`;
}

function findingText(finding: Finding, texts: ReadonlyMap<string, string>, paint: Painter): string {
  const { hint, risk, path, ...diagnostic } = finding;
  const lines = [
    ...(path === '' ? [] : [`  at: ${visibleText(path)}`]),
    `  risk: ${visibleText(risk)}`,
    `  mend: ${visibleText(hint)}`,
  ];
  return diagnosticsText([diagnostic], texts, paint) + lines.map((line) => `${line}\n`).join('');
}

/** An interface: programs read it. */
export function doctorJson({ findings, problems, texts }: DoctorResult): string {
  const told = findings.map((finding) => {
    const { hint, ...rest } = diagnosticJson(finding);
    return { ...rest, path: finding.path, risk: finding.risk, mend: hint };
  });
  const summary = { files: texts.size, ...countBySeverity([...problems, ...findings]) };
  return `${JSON.stringify({ findings: told, problems: problems.map(diagnosticJson), summary }, null, 2)}\n`;
}
