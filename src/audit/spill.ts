/** Batches that wait on disk for a sink, each a file, in a directory of their own with a bound. */
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { partsOfName } from './batch.ts';
import type { Batch } from './batch.ts';

const ENDING = '.batch';

export interface SpilledBatch extends Omit<Batch, 'bytes'> {
  readonly size: number;
}

export class Spill {
  readonly #directory: string;
  readonly #maxBytes: number;
  /** By name. */
  #waiting: SpilledBatch[] = [];
  #bytes = 0;

  private constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  /** With what earlier processes have left there, whose streams were called as `stream`, but for when they began. */
  static async open(directory: string, maxBytes: number, stream: string): Promise<Spill> {
    const spill = new Spill(directory, maxBytes);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const file of (await readdir(directory)).sort()) {
      const name = file.endsWith(ENDING) ? file.slice(0, -ENDING.length) : '';
      const parts = partsOfName(name);
      // A file that was not finished: its batch was not taken off memory, and went with it.
      if (parts === null) {
        await unlink(join(directory, file)).catch(() => undefined);
        continue;
      }
      const { began, ...range } = parts;
      const of = `${stream.slice(0, stream.lastIndexOf('/') + 1)}${began}`;
      spill.#add({ name, stream: of, ...range, size: (await stat(join(directory, file))).size });
    }
    return spill;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The one that has to go first; null: none. */
  get first(): SpilledBatch | null {
    return this.#waiting[0] ?? null;
  }

  /** On disk, and there after a power cut. False: there is no room. Rejects when the disk will not. */
  async put({ bytes, ...batch }: Batch): Promise<boolean> {
    const { name } = batch;
    if (this.#waiting.some((each) => each.name === name)) return true;
    if (this.#bytes + bytes.length > this.#maxBytes) return false;
    const path = this.#path(name);
    const aside = `${path}.part`;
    try {
      const file = await open(aside, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    } catch (cause) {
      await unlink(aside).catch(() => undefined);
      throw cause;
    }
    this.#add({ ...batch, size: bytes.length });
    return true;
  }

  /** Rejects when it is not there as it was put. */
  async read({ size, ...batch }: SpilledBatch): Promise<Batch> {
    const bytes = await readFile(this.#path(batch.name));
    if (bytes.length !== size) throw new Error('it is shorter than it was');
    return { ...batch, bytes };
  }

  async remove(name: string): Promise<void> {
    const at = this.#waiting.findIndex((each) => each.name === name);
    if (at < 0) return;
    this.#bytes -= this.#waiting[at]!.size;
    this.#waiting.splice(at, 1);
    await unlink(this.#path(name)).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    });
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${ENDING}`);
  }

  #add(batch: SpilledBatch): void {
    const at = this.#waiting.findIndex(({ name }) => name > batch.name);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, batch);
    this.#bytes += batch.size;
  }
}
