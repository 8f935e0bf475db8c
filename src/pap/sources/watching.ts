/**
 * One watch over policy files: a loop that sleeps until there is a reason to look, and looks until they rest.
 *
 * A content is handed on only when nothing changed for the debounce before it was read, nor while it was:
 * so an editor's truncate-and-write, a backup-and-rename, an `mv` or a swap of Kubernetes' `..data` is one
 * change, and half of a file is none.
 */
import { FileEvents } from './file-events.ts';
import { isHidden, isPolicyFileName } from './file-names.ts';
import type { PolicyFiles } from './policy-source.ts';
import { changingFiles, readScanned } from './read-files.ts';
import type { Reading } from './read-files.ts';
import { scan } from './scan.ts';
import type { Scan } from './scan.ts';
import type { Taken } from './taken.ts';

export interface WatchingOptions {
  readonly paths: readonly string[];
  readonly debounceMs: number;
  readonly pollMs: number;
  /** When the files have not rested for this long, the listener is told; default {@link RESTLESS_MS}. */
  readonly restlessMs?: number;
}

/** Nobody saves for this long: a program writes in a loop, and somebody should hear that nothing is taken. */
const RESTLESS_MS = 10_000;
/** One save is several events within a few milliseconds: looking after the last is enough. */
const COALESCE_MS = 20;
/** Looking takes at most one part in this many of the time, however large the tree and noisy its neighbours. */
const REST_FACTOR = 50;

export class Watching {
  readonly #options: WatchingOptions;
  readonly #taken: Taken;
  readonly #changed: (content: PolicyFiles) => void;
  readonly #events = new FileEvents((directory, name) => {
    this.#heard(directory, name);
  });
  #places: Scan['places'] = new Map();
  /** Something happened since the last look where policies are. */
  #hinted = true;
  /** Something happened to a policy file since the last reading. */
  #touched = false;
  /** How often something happened to a policy file. */
  #touches = 0;
  #lookMs = 0;
  #closed = false;
  #wake = (): void => undefined;

  constructor(options: WatchingOptions, taken: Taken, changed: (content: PolicyFiles) => void) {
    this.#options = options;
    this.#taken = taken;
    this.#changed = changed;
  }

  close(): void {
    this.#closed = true;
    this.#events.close();
    this.#wake();
  }

  /** Resolves after {@link close}. */
  async run(): Promise<void> {
    const { pollMs } = this.#options;
    while (!this.#closed) {
      await this.#sleep(pollMs === 0 ? Infinity : pollMs, () => this.#hinted);
      if (this.#hinted) await this.#sleep(COALESCE_MS);
      await this.#settle();
      await this.#sleep(this.#lookMs * REST_FACTOR, () => this.#touched);
    }
  }

  #heard(directory: string, name: string | null): void {
    const names = this.#places.get(directory);
    if (names === null) {
      // `..data` is how Kubernetes swaps a whole mount; other hidden names are editors' own.
      if (name !== null && isHidden(name) && !name.startsWith('..')) return;
      if (name === null || isPolicyFileName(name)) this.#touch();
    } else {
      if (name !== null && names?.has(name) === false) return;
      this.#touch();
    }
    this.#hinted = true;
    this.#wake();
  }

  #touch(): void {
    this.#touched = true;
    this.#touches++;
  }

  /** Hands on what is new, once it rests. */
  async #settle(): Promise<void> {
    const { debounceMs, paths, restlessMs = RESTLESS_MS } = this.#options;
    const startedMs = Date.now();
    let toldRestless = false;
    for (let round = 0; ; round++) {
      const touches = this.#touches;
      const touchedNow = (): boolean => this.#touches !== touches;
      const seen = await this.#look();
      if (round === 0 && !this.#touched && this.#taken.surelyIs(seen)) return;
      await this.#sleep(debounceMs, touchedNow);
      const reading = touchedNow() ? null : await this.#readAsSeen(seen);
      if (this.#closed) return;
      if (reading !== null && !touchedNow()) {
        this.#touched = false;
        if (this.#taken.take(reading)) this.#changed({ files: reading.files, diagnostics: reading.diagnostics });
        return;
      }
      if (!toldRestless && Date.now() - startedMs >= restlessMs) {
        toldRestless = true;
        // So that even what was there before is handed on, once it rests.
        this.#taken.forget();
        this.#changed({ files: [], diagnostics: [changingFiles(paths[0] ?? '.')] });
      }
      await this.#sleep(COALESCE_MS);
    }
  }

  /** The files, or null when they are not, or did not stay, as they were seen. */
  async #readAsSeen(seen: Scan): Promise<Reading | null> {
    const same = (other: Scan): boolean => other.steady && other.digest === seen.digest;
    const found = await this.#look();
    if (!same(found)) return null;
    const reading = await readScanned(found);
    return same(await this.#look()) ? reading : null;
  }

  async #look(): Promise<Scan> {
    this.#hinted = false;
    const startedMs = performance.now();
    const found = await scan(this.#options.paths, isPolicyFileName);
    this.#places = found.places;
    // What happened between the walk and a new watch was neither seen nor heard.
    if (await this.#events.listenTo(found.places.keys())) this.#hinted = true;
    this.#lookMs = performance.now() - startedMs;
    return found;
  }

  /** Sleeps for `ms`, or until `reason` holds after something happened, or until closed. */
  #sleep(ms: number, reason: () => boolean = () => false): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed || reason()) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
      // A poll must not be what keeps the process alive.
      const timer = ms === Infinity ? undefined : setTimeout(wake, ms).unref();
      this.#wake = () => {
        if (this.#closed || reason()) wake();
      };
    });
  }
}
