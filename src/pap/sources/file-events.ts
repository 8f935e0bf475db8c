/**
 * File events of a set of directories, as hints: they come early and cost nothing, but some file systems
 * lose them, and a watch stays with a directory that was renamed away. So nothing relies on them alone.
 */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';

/** `name` is the entry of the directory that something happened to; null when the system does not say. */
export type EventListener = (directory: string, name: string | null) => void;

interface Armed {
  readonly watcher: FSWatcher;
  /** Which directory it is that bore this path when it was armed. */
  readonly identity: string;
}

export class FileEvents {
  readonly #armed = new Map<string, Armed>();
  readonly #listener: EventListener;
  #closed = false;

  constructor(listener: EventListener) {
    this.#listener = listener;
  }

  /** Listens to exactly these directories from now on. True when any watch is new: what happened before it was not heard. */
  async listenTo(directories: Iterable<string>): Promise<boolean> {
    const wanted = new Set(directories);
    for (const directory of this.#armed.keys()) if (!wanted.has(directory)) this.#disarm(directory);
    let fresh = false;
    for (const directory of wanted) {
      const identity = await identityOf(directory);
      if (identity === this.#armed.get(directory)?.identity) continue;
      this.#disarm(directory);
      if (identity !== null && this.#arm(directory, identity)) fresh = true;
    }
    return fresh;
  }

  close(): void {
    this.#closed = true;
    for (const directory of this.#armed.keys()) this.#disarm(directory);
  }

  /** False when the system has no watch to give (inotify's are counted), or the directory has just gone. */
  #arm(directory: string, identity: string): boolean {
    if (this.#closed) return false;
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        this.#listener(directory, name);
      });
      watcher.on('error', () => {
        if (this.#armed.get(directory)?.watcher === watcher) this.#disarm(directory);
        this.#listener(directory, null);
      });
      this.#armed.set(directory, { watcher, identity });
      return true;
    } catch {
      return false;
    }
  }

  #disarm(directory: string): void {
    this.#armed.get(directory)?.watcher.close();
    this.#armed.delete(directory);
  }
}

async function identityOf(directory: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(directory, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
