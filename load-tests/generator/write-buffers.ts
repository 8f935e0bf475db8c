/** Bytes to be written together. A buffer is used again when the socket has taken what was in it. */
import type { Socket } from 'node:net';

const BUFFER_BYTES = 256 * 1024;
/** Free ones that are kept. */
const MAX_FREE = 8;

export class WriteBuffers {
  readonly #free: Buffer[] = [];
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #bytes = 0;
  /** What does not fit is written by itself. */
  #socket: Socket | null = null;

  /** A place for so many bytes; {@link took} says where they end. */
  room(bytes: number, socket: Socket): { readonly bytes: Buffer; readonly at: number } {
    this.#socket = socket;
    if (this.#bytes + bytes > this.#buffer.length) {
      this.flush(socket);
      if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    }
    return { bytes: this.#buffer, at: this.#bytes };
  }

  took(end: number): void {
    this.#bytes = end;
  }

  add(frame: Uint8Array): void {
    if (this.#bytes + frame.length > this.#buffer.length && this.#socket !== null) this.flush(this.#socket);
    this.#buffer.set(frame, this.#bytes);
    this.#bytes += frame.length;
  }

  flush(socket: Socket): void {
    this.#socket = socket;
    if (this.#bytes === 0) return;
    const buffer = this.#buffer;
    socket.write(buffer.subarray(0, this.#bytes), () => {
      if (this.#free.length < MAX_FREE && buffer.length === BUFFER_BYTES) this.#free.push(buffer);
    });
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    this.#bytes = 0;
  }
}
