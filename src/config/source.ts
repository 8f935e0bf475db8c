/**
 * What a source of configuration (the file, the environment, the flags) hands on: values as they
 * were written, not yet validated, and where each of them stands.
 */
import type { Diagnostic, Position } from '../lib/diagnostic.ts';

/** A tree of what was written: records without a prototype, arrays, scalars. */
export type Written = string | number | boolean | null | readonly Written[] | { readonly [key: string]: Written };

/** Libraries pass this key over in silence, and nothing that was written may be ignored. */
export const FORBIDDEN_KEY = '__proto__';

/** One value from outside the file, for one setting. */
export interface Override {
  readonly path: readonly string[];
  readonly value: Written;
  /** `file` is the name of the variable or flag. */
  readonly position: Position;
}

export interface Overrides {
  readonly values: readonly Override[];
  readonly diagnostics: readonly Diagnostic[];
}

/** There are no lines in a variable or a flag: its name is the place. */
export function namedPosition(name: string): Position {
  return { file: name, line: 1, column: 1 };
}

export function isBranch(value: Written | undefined): value is { readonly [key: string]: Written } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
