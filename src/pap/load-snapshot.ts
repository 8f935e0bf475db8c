/** From texts to the snapshot that serves: parse, validate, compile. The one way, for serving and for the command line. */
import { compareDiagnostics } from '../lib/diagnostic.ts';
import { loadPolicySet } from '../policy/load.ts';
import type { PolicySet } from '../policy/model.ts';
import type { LanguageOptions } from '../policy/options.ts';
import type { DecisionSettings } from '../policy-index/settings.ts';
import { compileSnapshot } from '../policy-index/snapshot.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { LoadResult } from './policy-store.ts';
import type { PolicyFile } from './sources/policy-source.ts';

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
  const diagnostics = [...loaded.diagnostics, ...compiled.diagnostics].map((diagnostic) => {
    const { position } = diagnostic;
    return position.file === '' ? { ...diagnostic, position: { ...position, file: options.origin } } : diagnostic;
  });
  return { set: loaded.set, snapshot: compiled.snapshot, diagnostics: diagnostics.sort(compareDiagnostics) };
}
