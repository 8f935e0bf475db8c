/**
 * From texts to the snapshot that serves, beside requests: read in another thread, compiled here in slices.
 *
 * What is compiled holds functions and cannot cross from thread to thread; reading is most of the work.
 */
import { runStepsInSlices } from '../lib/steps.ts';
import { compileSnapshotSteps } from '../policy-index/snapshot.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { told } from './load-snapshot.ts';
import type { SnapshotOptions } from './load-snapshot.ts';
import type { LoadResult } from './policy-store.ts';
import { readAside, ReadFailure } from './read-aside.ts';
import type { ReadOptions } from './read-aside.ts';
import type { PolicyFile } from './sources/policy-source.ts';

/**
 * Tells the same of the same files as `loadSnapshot`, and of a thread that fails.
 *
 * @throws the reason of `signal` once that is aborted
 */
export async function loadSnapshotAside(
  files: readonly PolicyFile[],
  options: SnapshotOptions,
  signal: AbortSignal,
  reading: Partial<ReadOptions> = {},
): Promise<LoadResult<PolicySnapshot>> {
  const { origin, language, decisions } = options;
  try {
    const task = { language, fingerprint: decisions.fingerprint };
    const { read, diagnostics } = await readAside(files, task, signal, reading);
    if (read === null) return { snapshot: null, diagnostics: told(diagnostics, origin) };
    const { set, revision } = read;
    const compiled = await runStepsInSlices(
      compileSnapshotSteps(set, decisions, () => revision),
      signal,
    );
    return { snapshot: compiled.snapshot, diagnostics: told([...diagnostics, ...compiled.diagnostics], origin) };
  } catch (cause) {
    if (!(cause instanceof ReadFailure)) throw cause;
    const position = { file: origin, line: 1, column: 1 };
    const message = `the policies could not be loaded: ${cause.message}`;
    return {
      snapshot: null,
      diagnostics: [{ severity: 'error', code: 'load-failed', message, hint: cause.hint, position }],
    };
  }
}
