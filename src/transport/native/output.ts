/** What goes to one peer, collected while a read is worked through and handed to the socket in one write. */
import type { Socket } from 'node:net';
import { UNSENT_PAUSE_BYTES } from './bounds.ts';

/** Some hundred answers; more than a frame and its headers. */
const SLAB_BYTES = 64 * 1024;

/** Slabs are shared, since a connection rarely holds one for longer than the reading of one chunk. */
const spare: Buffer[] = [];
const MAX_SPARE = 4;

const EMPTY = Buffer.alloc(0);

export class Output {
  readonly #socket: Socket;
  readonly #schedule: () => void;
  /** Frames are written here, at the place that {@link reserve} gives. */
  bytes: Buffer = EMPTY;
  #length = 0;
  /** The socket kept the last write, as one over TLS does: it gets memory of its own then. */
  #copies = false;
  /** As of the last write, the peer has more to take than it should have. */
  isFull = false;

  /** `schedule` is called when there is something to flush. */
  constructor(socket: Socket, schedule: () => void) {
    this.#socket = socket;
    this.#schedule = schedule;
  }

  /** What the peer has not taken from the socket. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Room for `length` bytes, no more than a frame with two header blocks. Returns their place in {@link bytes}. */
  reserve(length: number): number {
    if (this.#length + length > this.bytes.length) {
      this.flush();
      if (this.bytes.length === 0) this.bytes = spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    }
    const at = this.#length;
    if (at === 0) this.#schedule();
    this.#length = at + length;
    return at;
  }

  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    const socket = this.#socket;
    const slab = this.bytes;
    this.#length = 0;
    this.bytes = EMPTY;
    if (!socket.writable) {
      giveBack(slab);
      return;
    }
    const chunk = slab.subarray(0, length);
    if (this.#copies) {
      socket.write(Buffer.from(chunk));
      giveBack(slab);
    } else {
      socket.write(chunk);
      // Empty again: the system has taken all of it, and nobody looks at the slab any more.
      if (socket.writableLength === 0) giveBack(slab);
    }
    // A waiting socket must not hold a slab for each few bytes.
    const unsent = socket.writableLength;
    this.#copies = unsent > 0;
    this.isFull = unsent > UNSENT_PAUSE_BYTES;
  }
}

function giveBack(slab: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(slab);
}
