/** How the result of lint is shown. */
import type { LintResult } from '../lint.ts';
import type { Painter } from '../terminal.ts';
import { countBySeverity, counted, countsText, diagnosticJson, diagnosticsText } from './diagnostics.ts';

export function lintText({ diagnostics, texts }: LintResult, paint: Painter): string {
  const counts = countBySeverity(diagnostics);
  const found = countsText(counts);
  const summary = `${found === '' ? 'no problems' : found} in ${counted(texts.size, 'file')}`;
  return `${diagnosticsText(diagnostics, texts, paint)}${paint(counts.errors > 0 ? 'red' : 'green', summary)}\n`;
}

/** An interface: programs read it. */
export function lintJson({ diagnostics, texts }: LintResult): string {
  const summary = { files: texts.size, ...countBySeverity(diagnostics) };
  return `${JSON.stringify({ diagnostics: diagnostics.map(diagnosticJson), summary }, null, 2)}\n`;
}
