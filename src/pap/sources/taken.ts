/** Remembers the content that was last handed on, to tell a change from a look at the same thing. */
import { createHash } from 'node:crypto';
import type { Reading } from './read-files.ts';
import type { Scan } from './scan.ts';

/**
 * A write can leave no mark within the same tick of the file system's clock (4 ms on ext4, up to 2 s on
 * FAT and some network mounts): what was written that shortly before it was read has to be read once more.
 */
const CLOCK_TICK_MS = 2000;

export class Taken {
  #digest = '';
  #content = '';
  #doubtful = false;

  /** True when these are surely the files that were last taken, with nothing written to them since. */
  surelyIs(found: Scan): boolean {
    return found.steady && found.digest === this.#digest && !this.#doubtful;
  }

  /** False when the reading holds what the last one held: touched, or written again as it was. */
  take(reading: Reading): boolean {
    const content = hashOf(reading);
    const differs = content !== this.#content;
    this.#content = content;
    this.#digest = reading.scan.digest;
    this.#doubtful = reading.scan.changedMs > Date.now() - CLOCK_TICK_MS;
    return differs;
  }

  forget(): void {
    this.#digest = '';
    this.#content = '';
  }
}

function hashOf({ files, diagnostics }: Reading): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(`${path}\0${text}\0`);
  for (const { code, position } of diagnostics) hash.update(`${code}\0${position.file}\0`);
  return hash.digest('base64');
}
