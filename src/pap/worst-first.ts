import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic, Severity } from '../lib/diagnostic.ts';

/** Reading more than these in one message would keep requests waiting, and nobody reads on. */
const MAX_DIAGNOSTICS = 1000;

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** The first thousand: errors, then warnings, then notes, each by place. What is left out is counted in one more. */
export function worstFirst(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (diagnostics.length <= MAX_DIAGNOSTICS) return diagnostics;
  const sorted = [...diagnostics].sort((a, b) => RANK[a.severity] - RANK[b.severity] || compareDiagnostics(a, b));
  const kept = sorted.slice(0, MAX_DIAGNOSTICS);
  const { severity } = sorted[MAX_DIAGNOSTICS]!;
  return [
    ...kept,
    {
      severity,
      code: 'more-problems',
      message: `${sorted.length - MAX_DIAGNOSTICS} more problems are not listed`,
      hint: 'mend these first, or see all of them with `portcullis lint`',
      position: kept[MAX_DIAGNOSTICS - 1]!.position,
    },
  ];
}
