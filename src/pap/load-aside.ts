/**
 * From texts to the snapshot that serves, beside requests: built in another thread, and opened here.
 *
 * Only conditions are compiled here, in slices: they are functions and cannot cross from thread to thread.
 */
import { runStepsInSlices } from '../lib/steps.ts';
import { openSnapshot } from '../policy-index/snapshot.ts';
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
  onBuilt?: (snapshot: PolicySnapshot, digest: string) => void,
): Promise<LoadResult<PolicySnapshot>> {
  const { origin, language, decisions } = options;
  try {
    const { buffer, digest, diagnostics } = await readAside(files, { language, decisions }, signal, reading);
    if (buffer === null) return { snapshot: null, diagnostics: told(diagnostics, origin) };
    const snapshot = openSnapshot(buffer, decisions);
    await runStepsInSlices(snapshot.warm(), signal);
    onBuilt?.(snapshot, digest);
    return { snapshot, diagnostics: told(diagnostics, origin) };
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
