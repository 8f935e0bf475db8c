/** From texts to a snapshot, at once: parse, validate, compile. `load-aside.ts` does the same beside requests. */
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { loadPolicySet } from '../policy/load.ts';
import type { PolicyFile } from '../policy/load.ts';
import type { PolicySet } from '../policy/model.ts';
import type { LanguageOptions } from '../policy/options.ts';
import type { DecisionSettings } from '../policy-index/settings.ts';
import { compileSnapshot } from '../policy-index/snapshot.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { LoadResult } from './policy-store.ts';

export interface SnapshotOptions {
  /** What people call the whole set: the place of a problem that is in no file. */
  readonly origin: string;
  readonly language: LanguageOptions;
  readonly decisions: DecisionSettings;
}

export interface LoadedSnapshot extends LoadResult<PolicySnapshot> {
  /** What it was compiled from; null when the files have errors. */
  readonly set: PolicySet | null;
}

/** Tells every problem there is. There is a snapshot when none of them is an error. */
export function loadSnapshot(files: readonly PolicyFile[], options: SnapshotOptions): LoadedSnapshot {
  const loaded = loadPolicySet(files, options.language);
  const compiled =
    loaded.set === null ? { snapshot: null, diagnostics: [] } : compileSnapshot(loaded.set, options.decisions);
  const diagnostics = told([...loaded.diagnostics, ...compiled.diagnostics], options.origin);
  return { set: loaded.set, snapshot: compiled.snapshot, diagnostics };
}

/** Problems in order, those of no file with their place. */
export function told(diagnostics: readonly Diagnostic[], origin: string): readonly Diagnostic[] {
  return diagnostics
    .map((diagnostic) => {
      const { position } = diagnostic;
      return position.file === '' ? { ...diagnostic, position: { ...position, file: origin } } : diagnostic;
    })
    .sort(compareDiagnostics);
}
