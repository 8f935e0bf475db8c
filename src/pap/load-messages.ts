/** What the serving thread and `load-worker.ts` say to each other. */
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { LanguageOptions } from '../policy/options.ts';
import type { DecisionSettings } from '../policy-index/settings.ts';

/** What the worker is started with. */
export interface LoadTask {
  readonly language: LanguageOptions;
  readonly decisions: DecisionSettings;
}

export type ToWorker =
  { readonly kind: 'file'; readonly path: string; readonly bytes: Uint8Array } | { readonly kind: 'load' };

/** The answer to `load`, which comes after all files. */
export interface LoadedAside {
  /** The snapshot as bytes (policy-index/flat/format.ts), shared and not copied; null when there are errors. */
  readonly buffer: SharedArrayBuffer | null;
  /** SHA-256 of it in hexadecimal: what the disk is checked against later. */
  readonly digest: string;
  /** The first of them; errors before all else. */
  readonly diagnostics: readonly Diagnostic[];
}
