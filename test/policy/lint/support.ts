/** What the tests of lint rules share. */
import { lintPolicySet } from '../../../src/policy/lint/lint.ts';
import type { LanguageOptions } from '../../../src/policy/options.ts';
import { line, loaded, OPTIONS } from '../support.ts';

export const NOW = Date.UTC(2026, 5, 1);

/** All findings, as `line:column code: message [hint]`. */
export function lint(text: string, options: Partial<LanguageOptions> = {}): string[] {
  return lintPolicySet(loaded(text, options), { ...OPTIONS, ...options }, NOW).map(line);
}

export const codesOf = (lines: readonly string[]): string[] =>
  lines.map((each) => each.replace(/^\S+ ([a-z-]+): .*$/s, '$1'));

/** Findings of one rule. */
export function lintFor(code: string, text: string, options: Partial<LanguageOptions> = {}): string[] {
  return lint(text, options).filter((each) => codesOf([each])[0] === code);
}
