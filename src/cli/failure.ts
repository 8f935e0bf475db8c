/** Why a command cannot do its work. What it found out while working is no failure, but its result. */
import type { Diagnostic } from '../lib/diagnostic.ts';

export class CommandFailure extends Error {
  override name = 'CommandFailure';
  /** The problems to show instead of a message, when there are some. */
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that the problems are in, by path. */
  readonly texts: ReadonlyMap<string, string>;

  constructor(
    message: string,
    diagnostics: readonly Diagnostic[] = [],
    texts: ReadonlyMap<string, string> = new Map(),
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.diagnostics = diagnostics;
    this.texts = texts;
  }
}
