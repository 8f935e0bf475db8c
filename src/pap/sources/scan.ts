/**
 * Looks at which policy files there are, without reading them: the walk, its bounds, and a digest that
 * changes whenever any of them does.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { isHidden } from './file-names.ts';
import { isGone, pathProblem, unreadable } from './problem.ts';

export interface ScanLimits {
  /** A directory of more policy files than this is a wrong path (`/`, a home directory), found out before memory is. */
  readonly maxFiles: number;
  /** Everything that is looked at on the way: a wrong path may hold no policy and millions of other files. */
  readonly maxEntries: number;
  /** Directories within directories. Real trees have two or three levels. */
  readonly maxDepth: number;
}

export const SCAN_LIMITS: ScanLimits = Object.freeze({ maxFiles: 10_000, maxEntries: 200_000, maxDepth: 16 });

export interface ScannedFile {
  readonly path: string;
  /** Equal when the file is the same and nobody wrote to it. */
  readonly fingerprint: string;
}

export interface Scan {
  /** In the order of the given paths, below each by path. */
  readonly files: readonly ScannedFile[];
  readonly diagnostics: readonly Diagnostic[];
  /** Of all of the above. */
  readonly digest: string;
  /** When a file was last written to or put in place, by the clock of the file system. */
  readonly changedMs: number;
  /** Where changes show, and the names that matter there; null: any name. By real path. */
  readonly places: ReadonlyMap<string, ReadonlySet<string> | null>;
  /** False when something vanished under the walk: what was seen is of no one moment. */
  readonly steady: boolean;
}

/**
 * Walks `paths`. A path to a file is taken whatever its name; in directories, names that `wanted` accepts.
 * Symlinks are followed; a file or directory reached twice counts where it is met first, which also ends cycles.
 */
export async function scan(
  paths: readonly string[],
  wanted: (name: string) => boolean,
  limits: ScanLimits = SCAN_LIMITS,
): Promise<Scan> {
  const walk = new Walk(wanted, limits);
  for (const path of paths) await walk.root(path);
  return walk.result();
}

class Walk {
  readonly #wanted: (name: string) => boolean;
  readonly #limits: ScanLimits;
  readonly #files: ScannedFile[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #places = new Map<string, Set<string> | null>();
  /** Real paths of files and directories. */
  readonly #met = new Set<string>();
  #entries = 0;
  #changedMs = 0;
  #steady = true;
  /** Set once a bound was passed: the walk is over. */
  #full = false;

  constructor(wanted: (name: string) => boolean, limits: ScanLimits) {
    this.#wanted = wanted;
    this.#limits = limits;
  }

  result(): Scan {
    const hash = createHash('sha256');
    for (const { path, fingerprint } of this.#files) hash.update(`${path}\0${fingerprint}\0`);
    for (const { code, position } of this.#diagnostics) hash.update(`${code}\0${position.file}\0`);
    return {
      files: this.#files,
      diagnostics: this.#diagnostics,
      digest: hash.digest('base64'),
      changedMs: this.#changedMs,
      places: this.#places,
      steady: this.#steady,
    };
  }

  async root(path: string): Promise<void> {
    await this.#placeOfRoot(path);
    let stats: BigIntStats;
    let real: string;
    try {
      stats = await stat(path, { bigint: true });
      real = await realpath(path);
    } catch (cause) {
      this.#diagnostics.push(unreadable(path, cause));
      return;
    }
    // The same thing by another name: it can be renamed away there too.
    this.#addPlace(dirname(real), basename(real));
    if (stats.isDirectory()) await this.#directory(path, real, 0);
    else this.#file(path, real, stats);
  }

  /** The nearest directory above the path that exists: there it shows when the path comes, goes or is replaced. */
  async #placeOfRoot(path: string): Promise<void> {
    for (let below = resolve(path); ; below = dirname(below)) {
      const above = dirname(below);
      if (above === below) return;
      try {
        this.#addPlace(await realpath(above), basename(below));
        return;
      } catch {
        // Not there either: one more up.
      }
    }
  }

  async #directory(path: string, real: string, depth: number): Promise<void> {
    if (this.#met.has(real)) return;
    this.#met.add(real);
    this.#places.set(real, null);
    if (depth > this.#limits.maxDepth) {
      this.#stop('too-deep', path, `\`${path}\` lies more than ${this.#limits.maxDepth} directories deep`);
      return;
    }
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (cause) {
      if (depth > 0 && isGone(cause)) this.#steady = false;
      else this.#diagnostics.push(unreadable(path, cause));
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (this.#full) return;
      if (++this.#entries > this.#limits.maxEntries) {
        this.#stop('too-many-files', path, `there are more than ${this.#limits.maxEntries} files in this tree`);
        return;
      }
      if (!isHidden(entry.name)) await this.#entry(entry, join(path, entry.name), join(real, entry.name), depth);
    }
  }

  async #entry(entry: Dirent, path: string, real: string, depth: number): Promise<void> {
    const wanted = this.#wanted(entry.name);
    if (entry.isDirectory()) {
      await this.#directory(path, real, depth + 1);
    } else if (entry.isSymbolicLink()) {
      await this.#link(path, wanted, depth);
    } else if (wanted) {
      try {
        this.#file(path, real, await lstat(path, { bigint: true }));
      } catch (cause) {
        if (isGone(cause)) this.#steady = false;
        else this.#diagnostics.push(unreadable(path, cause));
      }
    }
  }

  async #link(path: string, wanted: boolean, depth: number): Promise<void> {
    let stats: BigIntStats;
    let real: string;
    try {
      stats = await stat(path, { bigint: true });
      real = await realpath(path);
    } catch (cause) {
      // A link that leads nowhere and is not called a policy is somebody else's.
      if (wanted) this.#diagnostics.push(unreadable(path, cause));
      return;
    }
    if (stats.isDirectory()) {
      await this.#directory(path, real, depth + 1);
    } else if (wanted) {
      this.#addPlace(dirname(real), basename(real));
      this.#file(path, real, stats);
    }
  }

  #file(path: string, real: string, stats: BigIntStats): void {
    if (this.#met.has(real)) return;
    this.#met.add(real);
    if (!stats.isFile()) {
      // A pipe would keep the reader waiting for ever.
      const hint = 'remove it, or call it something else';
      this.#diagnostics.push(pathProblem('not-a-file', path, `\`${path}\` is no ordinary file`, hint));
      return;
    }
    if (this.#files.length >= this.#limits.maxFiles) {
      this.#stop('too-many-files', path, `there are more than ${this.#limits.maxFiles} policy files`);
      return;
    }
    this.#files.push({ path, fingerprint: fingerprint(stats) });
    this.#changedMs = Math.max(this.#changedMs, Number(stats.mtimeMs), Number(stats.ctimeMs));
  }

  #addPlace(directory: string, name: string): void {
    const names = this.#places.get(directory);
    if (names === null) return;
    if (names === undefined) this.#places.set(directory, new Set([name]));
    else names.add(name);
  }

  #stop(code: 'too-many-files' | 'too-deep', path: string, message: string): void {
    this.#full = true;
    this.#diagnostics.push(pathProblem(code, path, message, 'give the directory that holds only the policies'));
  }
}

/** ctime sees what `cp -p` and `touch -d` hide from mtime; inode and device see a file that was put in its place. */
export function fingerprint(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
