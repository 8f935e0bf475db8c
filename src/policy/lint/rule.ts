import type { Position, Severity } from '../../lib/diagnostic.ts';
import type { Code } from '../codes.ts';
import type { CompiledForLint } from './compiled.ts';
import type { PolicySet } from '../model.ts';
import type { LanguageOptions } from '../options.ts';

/** A set that is valid, and what a rule needs to know beside it. */
export interface LintInput {
  readonly set: PolicySet;
  /** Its rules as they are matched. */
  readonly compiled: readonly CompiledForLint[];
  readonly options: LanguageOptions;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

export interface Finding {
  readonly position: Position;
  readonly message: string;
  readonly hint: string;
}

/** One thing that is legal and probably not meant. One rule, one file, one test. */
export interface LintRule {
  readonly code: Code;
  readonly severity: Exclude<Severity, 'error'>;
  findings(input: LintInput): Iterable<Finding>;
}
