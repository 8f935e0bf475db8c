/**
 * A series of files of one process: appended to, written through to the disk batch by batch, followed by a new file when
 * large or old. A batch is in one file, whole, or in none.
 */
import { mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { streamStamp } from '../batch.ts';
import type { Batch, Sink } from '../batch.ts';
import type { Retired } from '../lines.ts';
import { lastKnownIn } from './last-known.ts';

export interface FileSinkOptions {
  readonly directory: string;
  readonly instance: string;
  readonly worker: number;
  readonly stream: string;
  readonly maxBytes: number;
  readonly maxAgeSeconds: number;
  /** 0: all. */
  readonly maxFiles: number;
  /** A file was removed because there were too many. */
  readonly onRetired: (retired: Retired) => void;
  readonly onError: (error: unknown, what: string) => void;
  readonly now?: () => number;
  readonly openFile?: typeof open;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly sinceMs: number;
  /** Up to where it holds whole batches. */
  size: number;
  /** The last write did not succeed: there may be something behind {@link size}. */
  isTorn: boolean;
}

const ENDING = '.jsonl';

export class FileSink implements Sink {
  readonly name = 'file';
  readonly #options: FileSinkOptions;
  readonly #now: () => number;
  readonly #series: string;
  #number = 0;
  #file: OpenFile | null = null;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#series = `audit-${options.instance}-${options.worker}-`;
  }

  async send({ bytes }: Batch): Promise<void> {
    const file = await this.#fileFor(bytes.length);
    const { handle } = file;
    if (file.isTorn) await handle.truncate(file.size);
    file.isTorn = true;
    let at = 0;
    while (at < bytes.length) {
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, file.size + at);
      at += bytesWritten;
    }
    await handle.datasync();
    file.size += bytes.length;
    file.isTorn = false;
  }

  async close(): Promise<void> {
    await this.#closeFile();
  }

  async #fileFor(bytes: number): Promise<OpenFile> {
    const { maxBytes, maxAgeSeconds, directory, stream, openFile = open } = this.#options;
    const file = this.#file;
    if (file !== null) {
      const isOld = this.#now() - file.sinceMs >= maxAgeSeconds * 1000;
      if (file.size === 0 || (!isOld && file.size + bytes <= maxBytes)) return file;
      if (file.isTorn) await file.handle.truncate(file.size);
      await this.#closeFile();
    }
    await mkdir(directory, { recursive: true, mode: 0o750 });
    const name = `${this.#series}${streamStamp(stream)}-${String(this.#number + 1).padStart(6, '0')}${ENDING}`;
    const handle = await openFile(join(directory, name), 'wx', 0o640);
    this.#number += 1;
    this.#file = { handle, sinceMs: this.#now(), size: 0, isTorn: false };
    await this.#retire();
    return this.#file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close();
  }

  /** A series that cannot be made shorter goes on. */
  async #retire(): Promise<void> {
    const { directory, maxFiles, onRetired, onError } = this.#options;
    if (maxFiles === 0) return;
    try {
      const files = (await readdir(directory)).filter((file) => isOfSeries(file, this.#series)).sort();
      for (const file of files.slice(0, Math.max(0, files.length - maxFiles))) {
        const path = join(directory, file);
        const last = lastKnownIn(await readFile(path));
        await unlink(path);
        onRetired({ file, of: last.stream, batch: last.batch, seq: last.seq, hash: last.hash });
      }
    } catch (error) {
      onError(error, 'old files of the decision log cannot be removed');
    }
  }
}

/** Names of instances may begin alike: what follows has no letters but those of the time. */
function isOfSeries(file: string, series: string): boolean {
  return file.startsWith(series) && /^\d{8}T\d{9}Z-\d{6,}\.jsonl$/.test(file.slice(series.length));
}
