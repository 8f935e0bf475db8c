/** What the next process has to know of this one's stream: its last known end, on disk. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { StreamEnd } from './lines.ts';

const stateSchema = z.strictObject({
  stream: z.string(),
  seq: z.int().min(0),
  batch: z.int().min(0),
  hash: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  timeMs: z.int(),
  clean: z.boolean(),
});

export class StreamState {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  #next: StreamEnd | null = null;
  #saving: Promise<void> | null = null;

  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** null: nothing is known. Rejects when there is something that cannot be read. */
  async load(): Promise<StreamEnd | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw cause;
    }
    return stateSchema.parse(JSON.parse(text));
  }

  /** Resolves when this or a later one is on disk, or cannot be. */
  save(end: StreamEnd): Promise<void> {
    this.#next = end;
    return (this.#saving ??= this.#saveAll());
  }

  async #saveAll(): Promise<void> {
    while (this.#next !== null) {
      const end = this.#next;
      this.#next = null;
      try {
        await this.#write(`${JSON.stringify(end)}\n`);
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#saving = null;
  }

  /** In place of the last one; a crash leaves one of the two. */
  async #write(text: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const aside = `${this.#path}.part`;
    const file = await open(aside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(aside, this.#path);
  }
}
