/**
 * Holds the policy snapshot that serves, and puts a new one in its place when its source has a good one.
 *
 * A set with an error is refused whole: the last good one stays, and the store says since when
 * there is something newer and what is wrong with it. Before the first good set there is none, and nothing can be decided.
 */
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { PolicyFile, PolicyFiles, PolicySource, Watch } from './sources/policy-source.ts';

export interface LoadResult<Snapshot> {
  /** null when any diagnostic is an error. */
  readonly snapshot: Snapshot | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** From texts to a snapshot: parse, validate, compile. `signal` is aborted when nobody wants the result any more. */
export type Load<Snapshot> = (
  files: readonly PolicyFile[],
  signal: AbortSignal,
) => LoadResult<Snapshot> | Promise<LoadResult<Snapshot>>;

/** How one load ended. Times are `Date.now()` milliseconds. */
export type LoadEvent<Snapshot> = {
  readonly diagnostics: readonly Diagnostic[];
  readonly atMs: number;
  /** What it took from the texts until their snapshot was in force. */
  readonly durationMs: number;
} & (
  | { readonly outcome: 'taken'; readonly snapshot: Snapshot }
  /** `snapshot` is the last good one, which stays; null when there is none. */
  | { readonly outcome: 'refused'; readonly snapshot: Snapshot | null }
  /** The first load was refused, and what was kept from an earlier run serves. */
  | { readonly outcome: 'restored'; readonly snapshot: Snapshot }
);

export interface StoreStatus {
  /** A good set has been taken. */
  readonly ready: boolean;
  /** When the snapshot that serves was taken. */
  readonly takenAtMs: number | null;
  /** What serves was kept from an earlier run. */
  readonly restored: boolean;
  /** Since when what the source has is refused; null while it is what serves. */
  readonly refusedSinceMs: number | null;
  /** Of the last load: why it was refused, or its warnings and notes. */
  readonly diagnostics: readonly Diagnostic[];
  /** Loads since the start, by how they ended. */
  readonly taken: number;
  readonly refused: number;
}

export interface StoreParts<Snapshot> {
  readonly source: PolicySource;
  readonly load: Load<Snapshot>;
  /** Puts a good set into force, and resolves when it is. Rejects when that cannot be: the last one then stays. */
  readonly enforce?: (snapshot: Snapshot) => Promise<void>;
  /** What an earlier run has kept, asked for when the first load is refused. */
  readonly restore?: () => Promise<Snapshot | null>;
}

export class PolicyStore<Snapshot> {
  readonly #source: PolicySource;
  readonly #load: Load<Snapshot>;
  readonly #enforce: (snapshot: Snapshot) => Promise<void>;
  readonly #restore: () => Promise<Snapshot | null>;
  readonly #listeners = new Set<(event: LoadEvent<Snapshot>) => void>();
  #current: Snapshot | null = null;
  #status: StoreStatus = {
    ready: false,
    takenAtMs: null,
    restored: false,
    refusedSinceMs: null,
    diagnostics: [],
    taken: 0,
    refused: 0,
  };
  #watch: Watch | null = null;
  /** What came while a load was running: only the newest is worth loading. */
  #waiting: PolicyFiles | null = null;
  #loading: Promise<void> | null = null;
  readonly #closed = new AbortController();

  constructor({
    source,
    load,
    enforce = () => Promise.resolve(),
    restore = () => Promise.resolve(null),
  }: StoreParts<Snapshot>) {
    this.#source = source;
    this.#load = load;
    this.#enforce = enforce;
    this.#restore = restore;
  }

  /** What is in force. */
  get current(): Snapshot | null {
    return this.#current;
  }

  get status(): StoreStatus {
    return this.#status;
  }

  /** Calls `listener` after each load; gives back how to stop that. It must not throw. */
  subscribe(listener: (event: LoadEvent<Snapshot>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Loads what there is, good or not, then follows the source. */
  async start(): Promise<void> {
    await this.reload();
    if (this.#current === null) await this.#takeRestored();
    if (!this.#closed.signal.aborted) this.#watch = this.#source.watch((content) => void this.#take(content));
  }

  /** Reads and loads now, changed or not. */
  async reload(): Promise<void> {
    await this.#take(await this.#source.read());
  }

  /** Stops following the source and gives up a load that is running; the snapshot stays. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#watch?.close();
    await this.#loading;
  }

  /** Resolves when this content, or a newer one in its place, has been loaded, or none will be any more. */
  async #take(content: PolicyFiles): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#waiting = content;
    this.#loading ??= this.#loadWaiting();
    await this.#loading;
  }

  /** INVARIANT: at most one is running, so that an old set can never come in after a newer one. */
  async #loadWaiting(): Promise<void> {
    for (let content = this.#waiting; content !== null; content = this.#waiting) {
      this.#waiting = null;
      const startedMs = performance.now();
      const { snapshot, diagnostics } = await this.#loadOne(content);
      if (this.#closed.signal.aborted) break;
      this.#finish(snapshot, diagnostics, performance.now() - startedMs);
    }
    this.#loading = null;
  }

  async #loadOne({ files, diagnostics }: PolicyFiles): Promise<LoadResult<Snapshot>> {
    // Nothing could be read: "there are no policies" would be true, and no help.
    if (files.length === 0 && diagnostics.length > 0) return { snapshot: null, diagnostics };
    let result: LoadResult<Snapshot>;
    try {
      result = await this.#load(files, this.#closed.signal);
    } catch (cause) {
      result = { snapshot: null, diagnostics: [loadFailed(files, cause)] };
    }
    const all = [...diagnostics, ...result.diagnostics].sort(compareDiagnostics);
    if (result.snapshot === null || all.some(({ severity }) => severity === 'error'))
      return { snapshot: null, diagnostics: all };
    try {
      if (!this.#closed.signal.aborted) await this.#enforce(result.snapshot);
    } catch (cause) {
      return { snapshot: null, diagnostics: [loadFailed(files, cause), ...all].sort(compareDiagnostics) };
    }
    return { snapshot: result.snapshot, diagnostics: all };
  }

  async #takeRestored(): Promise<void> {
    const startedMs = performance.now();
    const snapshot = await this.#restore();
    // A reload that was asked for meanwhile may have brought a good set, or may be about to.
    while (this.#loading !== null) await this.#loading;
    if (snapshot === null || this.#current !== null || this.#closed.signal.aborted) return;
    try {
      await this.#enforce(snapshot);
    } catch (cause) {
      this.#status = { ...this.#status, diagnostics: [loadFailed([], cause), ...this.#status.diagnostics] };
      return;
    }
    const atMs = Date.now();
    const durationMs = performance.now() - startedMs;
    this.#current = snapshot;
    this.#status = { ...this.#status, ready: true, takenAtMs: atMs, restored: true };
    const { diagnostics } = this.#status;
    for (const listener of this.#listeners)
      listener({ outcome: 'restored', snapshot, diagnostics: [...diagnostics], atMs, durationMs });
  }

  #finish(snapshot: Snapshot | null, diagnostics: readonly Diagnostic[], durationMs: number): void {
    const atMs = Date.now();
    const { refusedSinceMs, taken, refused } = this.#status;
    if (snapshot === null) {
      this.#status = {
        ...this.#status,
        refusedSinceMs: refusedSinceMs ?? atMs,
        diagnostics,
        refused: refused + 1,
      };
    } else {
      this.#current = snapshot;
      this.#status = {
        ready: true,
        takenAtMs: atMs,
        restored: false,
        refusedSinceMs: null,
        diagnostics,
        taken: taken + 1,
        refused,
      };
    }
    const event: LoadEvent<Snapshot> =
      snapshot === null
        ? { outcome: 'refused', snapshot: this.#current, diagnostics, atMs, durationMs }
        : { outcome: 'taken', snapshot, diagnostics, atMs, durationMs };
    for (const listener of this.#listeners) listener(event);
  }
}

/** Ours, not the author's: it must neither take down what serves nor pass for a good set. */
function loadFailed(files: readonly PolicyFile[], cause: unknown): Diagnostic {
  return {
    severity: 'error',
    code: 'load-failed',
    message: `the policies could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'this is a mistake in Portcullis; please report it with the policies that cause it',
    position: { file: files[0]?.path ?? '.', line: 1, column: 1 },
  };
}
