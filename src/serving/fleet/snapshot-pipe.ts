/**
 * Snapshots from the primary to a worker, as they are, over a pipe beside the channel of messages: that one would copy
 * them in one piece, in a turn of the event loop in which no check is answered.
 *
 * Each is its length in eight bytes, and its bytes.
 */
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** In the worker: behind the standard streams and the channel. */
const SNAPSHOT_FD = 4;
const HEAD_BYTES = 8;
/** So much is written and read at once: a copy of some microseconds. */
const CHUNK_BYTES = 256 * 1024;
/** A snapshot of 100,000 rules has about 60 MiB. */
const MAX_BYTES = 4 * 1024 * 1024 * 1024;

/** Rejects when the worker is gone. One at a time. */
export async function sendSnapshot(pipe: Writable, buffer: SharedArrayBuffer): Promise<void> {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeDoubleLE(buffer.byteLength);
  await written(pipe, head);
  for (let at = 0; at < buffer.byteLength; at += CHUNK_BYTES)
    await written(pipe, Buffer.from(buffer, at, Math.min(CHUNK_BYTES, buffer.byteLength - at)));
}

function written(pipe: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    pipe.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Calls `taken` for each snapshot that has arrived whole; its memory is of this process alone. */
export function receiveSnapshots(taken: (buffer: SharedArrayBuffer) => void): void {
  const parser = new SnapshotParser(taken);
  const pipe = new Socket({
    fd: SNAPSHOT_FD,
    readable: true,
    writable: false,
    onread: {
      buffer: Buffer.allocUnsafe(CHUNK_BYTES),
      callback: (bytes, chunk) => {
        parser.take(chunk.subarray(0, bytes));
        return true;
      },
    },
  });
  // Both say that the primary is gone, which the channel says too.
  pipe.on('error', () => undefined);
  pipe.resume();
  pipe.unref();
}

export class SnapshotParser {
  readonly #taken: (buffer: SharedArrayBuffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #body: Uint8Array<SharedArrayBuffer> | null = null;
  #bodyBytes = 0;

  constructor(taken: (buffer: SharedArrayBuffer) => void) {
    this.#taken = taken;
  }

  take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      at += this.#body === null ? this.#takeHead(chunk.subarray(at)) : this.#takeBody(this.#body, chunk.subarray(at));
    }
  }

  #takeHead(chunk: Uint8Array): number {
    const bytes = Math.min(chunk.length, HEAD_BYTES - this.#headBytes);
    this.#head.set(chunk.subarray(0, bytes), this.#headBytes);
    this.#headBytes += bytes;
    if (this.#headBytes === HEAD_BYTES) {
      const length = this.#head.readDoubleLE();
      if (!(Number.isInteger(length) && length > 0 && length <= MAX_BYTES)) throw new Error('no length of a snapshot');
      this.#body = new Uint8Array(new SharedArrayBuffer(length));
      this.#headBytes = 0;
    }
    return bytes;
  }

  #takeBody(body: Uint8Array<SharedArrayBuffer>, chunk: Uint8Array): number {
    const bytes = Math.min(chunk.length, body.length - this.#bodyBytes);
    body.set(chunk.subarray(0, bytes), this.#bodyBytes);
    this.#bodyBytes += bytes;
    if (this.#bodyBytes === body.length) {
      this.#body = null;
      this.#bodyBytes = 0;
      this.#taken(body.buffer);
    }
    return bytes;
  }
}
