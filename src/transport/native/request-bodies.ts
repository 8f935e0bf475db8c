/**
 * Messages that come in pieces, and how much more of them a peer may send. Their windows are what holds a peer back: above the bound
 * only the oldest of them gets one, so that there is always one that can end.
 */
import { INITIAL_WINDOW_BYTES } from './frame.ts';
import { MessageReader } from './message-reader.ts';
import type { MemoryAccount } from './memory-budget.ts';
import type { Status } from './call-status.ts';
import type { Stream } from './stream.ts';

/** A window is opened again when it is half used. */
const GRANT_BYTES = INITIAL_WINDOW_BYTES >> 1;

export class RequestBodies {
  readonly #maxMessageBytes: number;
  readonly #maxUnfinishedBytes: number;
  readonly #memory: MemoryAccount;
  readonly #grant: (streamId: number, bytes: number) => void;
  /** Oldest first. */
  readonly #reading = new Set<Stream>();
  readonly #held = new Set<Stream>();
  #bytes = 0;

  /** `grant` opens the window of a stream by so many bytes. */
  constructor(
    maxMessageBytes: number,
    maxUnfinishedBytes: number,
    memory: MemoryAccount,
    grant: (streamId: number, bytes: number) => void,
  ) {
    this.#maxUnfinishedBytes = maxUnfinishedBytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#memory = memory;
    this.#grant = grant;
  }

  /** Takes a piece. Returns why the call has to end, or null. */
  push(stream: Stream, bytes: Uint8Array, start: number, end: number): Status | null {
    if (stream.reader === null) {
      stream.reader = new MessageReader(this.#maxMessageBytes, this.#memory);
      this.#reading.add(stream);
    }
    const before = stream.reader.heldBytes;
    const problem = stream.reader.push(bytes, start, end);
    this.#bytes += stream.reader.heldBytes - before;
    return problem;
  }

  /** Lets the peer send more of a message that has not ended. */
  letContinue(stream: Stream): void {
    if (stream.windowUsed < GRANT_BYTES) return;
    const [oldest] = this.#reading;
    if (this.#bytes < this.#maxUnfinishedBytes || stream === oldest) this.#open(stream);
    else this.#held.add(stream);
  }

  /** The whole message, or why there is none. */
  end(stream: Stream): Uint8Array | Status {
    const { reader } = stream;
    const held = reader!.heldBytes;
    const message = reader!.end();
    // What could not be read to its end still holds its memory.
    this.#bytes -= held - reader!.heldBytes;
    this.drop(stream);
    return message;
  }

  drop(stream: Stream): void {
    const { reader } = stream;
    if (reader === null || !this.#reading.delete(stream)) return;
    this.#bytes -= reader.heldBytes;
    reader.drop();
    this.#held.delete(stream);
    if (this.#bytes < this.#maxUnfinishedBytes) {
      for (const other of this.#held) this.#open(other);
      this.#held.clear();
      return;
    }
    const [oldest] = this.#reading;
    if (oldest !== undefined && this.#held.delete(oldest)) this.#open(oldest);
  }

  #open(stream: Stream): void {
    this.#grant(stream.id, stream.windowUsed);
    stream.windowUsed = 0;
  }
}
