/**
 * Lines to a file descriptor, off the event loop and bounded.
 *
 * Node writes to a piped `process.stderr` synchronously: a log collector that stalls would stall the
 * checks with it. Here `fs.write` waits in a thread, what comes meanwhile is gathered and goes out in
 * one piece, and what does not fit is dropped and counted.
 */
import { write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** About 30,000 decision log entries: seconds of a denial flood, without hurting a small container. */
const DEFAULT_MAX_PENDING_BYTES = 16 * 1024 * 1024;

/**
 * How long lines are gathered. A write goes through another thread, and waking it costs as much as ten checks: under load
 * one for each turn of the event loop would be a tenth of all that the service does.
 */
const GATHER_MS = 10;
/** What is more than this is written at once. */
const GATHER_BYTES = 64 * 1024;

/** A full pipe of a non-blocking descriptor says EAGAIN at once; asking again sooner is a busy loop. */
const RETRY_MS = 20;
/** A full disk is emptied by people or by whoever rotates its files. Until then lines wait, and those without room are refused. */
const FULL_RETRY_MS = 500;
const LAST_FLUSH_MS = 2000;
/** On exit nobody waits longer than this for a full pipe. */
const MAX_EXIT_RETRIES = 10;

export interface LineWriterOptions {
  readonly fd: number;
  readonly maxPendingBytes?: number;
}

export class LineWriter {
  readonly #fd: number;
  readonly #maxPendingBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Lines are gathered, or being written. */
  #writing = false;
  /** While they are gathered. */
  #timer: NodeJS.Timeout | null = null;
  #waiting: (() => void)[] = [];
  #droppedLines = 0;

  constructor({ fd, maxPendingBytes = DEFAULT_MAX_PENDING_BYTES }: LineWriterOptions) {
    this.#fd = fd;
    this.#maxPendingBytes = maxPendingBytes;
  }

  /** Lines that were refused, or that the descriptor would not take. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  hasRoom(bytes: number): boolean {
    return this.#pendingBytes + bytes <= this.#maxPendingBytes;
  }

  /** Takes whole lines, each ended by `\n`. False: there is no room, none of them will be written. */
  write(lines: string | Buffer): boolean {
    const bytes = typeof lines === 'string' ? Buffer.from(lines) : lines;
    if (!this.hasRoom(bytes.length)) {
      this.#droppedLines += countLines(bytes);
      return false;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (!this.#writing) {
      this.#writing = true;
      this.#gather();
    }
    if (this.#pendingBytes > GATHER_BYTES) this.#begin();
    return true;
  }

  #gather(): void {
    this.#timer = setTimeout(() => this.#begin(), GATHER_MS);
  }

  /** Writes what is gathered, unless it is being written. */
  #begin(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#writeNext();
  }

  /** Resolves when everything taken so far is written or lost. */
  flush(): Promise<void> {
    if (!this.#writing) return Promise.resolve();
    const written = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#begin();
    return written;
  }

  /** Before the end of the process. Whoever reads, or the disk, may take nothing any more. */
  async flushLast(): Promise<void> {
    await Promise.race([this.flush(), sleep(LAST_FLUSH_MS, undefined, { ref: false })]);
  }

  /** For the end of the process, where nothing asynchronous runs any more. */
  flushSync(): void {
    const bytes = this.#takePending();
    let retries = MAX_EXIT_RETRIES;
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        if (!isBusy(error) || retries === 0) {
          this.#droppedLines += countLines(bytes.subarray(at));
          return;
        }
        retries -= 1;
        Atomics.wait(SLEEP, 0, 0, RETRY_MS);
      }
    }
  }

  #writeNext(): void {
    const bytes = this.#takePending();
    if (bytes.length > 0) {
      this.#writeAll(bytes, 0);
      return;
    }
    this.#writing = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #written(): void {
    const isUrgent = this.#waiting.length > 0 || this.#pendingBytes > GATHER_BYTES;
    if (this.#pendingBytes === 0 || isUrgent) this.#writeNext();
    else this.#gather();
  }

  #writeAll(bytes: Buffer, from: number): void {
    write(this.#fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error !== null && isBusy(error)) {
        setTimeout(() => this.#writeAll(bytes, from), RETRY_MS);
      } else if (error !== null && isFull(error)) {
        // That alone keeps no process from its end.
        setTimeout(() => this.#writeAll(bytes, from), FULL_RETRY_MS).unref();
      } else if (error !== null) {
        // The reader is gone (EPIPE): the service goes on, the loss is counted.
        this.#droppedLines += countLines(bytes.subarray(from));
        this.#written();
      } else if (from + written < bytes.length) {
        this.#writeAll(bytes, from + written);
      } else {
        this.#written();
      }
    });
  }

  #takePending(): Buffer {
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return bytes;
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4));
const NEWLINE = 0x0a;

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines += 1;
  return lines;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}

/** Of a disk, of what somebody may have on it, or of a file's size. */
function isFull(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG';
}
