/**
 * Cuts what a peer sends into frames (RFC 9113 §4.1), wherever the network cut it. Whole frames are handed on where they
 * lie; of one that is cut in two, the parts are joined in memory of its own, which is never larger than one frame.
 */
import { ConnectionError } from './connection-error.ts';
import type { MemoryAccount } from './memory-budget.ts';
import { CLIENT_PREFACE, ErrorCode, FRAME_HEADER_BYTES, MAX_FRAME_BYTES, readUint32 } from './frame.ts';

export interface FrameSink {
  /** The payload is `bytes` from `start` to `end`; the memory is not used again, so views on it may be kept. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #memory: MemoryAccount;
  /** How much of the client's preface has been seen. */
  #prefaceBytes = 0;
  /** The beginning of a frame whose rest is still to come; its length is that of the frame once its header is whole. */
  #part: Buffer | null = null;
  #partBytes = 0;
  #stopped = false;

  constructor(sink: FrameSink, memory: MemoryAccount) {
    this.#sink = sink;
    this.#memory = memory;
  }

  get prefaceSeen(): boolean {
    return this.#prefaceBytes === CLIENT_PREFACE.length;
  }

  /** Between two frames, all that has come is read. */
  get betweenFrames(): boolean {
    return this.#part === null;
  }

  /** Nothing is handed on any more, not even the rest of what is being read. */
  stop(): void {
    this.#stopped = true;
    this.#dropPart();
  }

  /** Throws {@link ConnectionError}. `chunk` must not be written to afterwards. */
  push(chunk: Buffer): void {
    let at = this.prefaceSeen ? 0 : this.#readPreface(chunk);
    if (this.#part !== null) at = this.#complete(this.#part, chunk, at);
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#handOn(chunk, at, end);
      at = end;
      if (this.#stopped) return;
    }
    if (at < chunk.length && !this.#stopped) this.#keepPart(chunk, at);
  }

  #handOn(bytes: Buffer, at: number, end: number): void {
    // §4.1: the reserved bit of the stream identifier "MUST be ignored when receiving".
    const streamId = readUint32(bytes, at + 5) & 0x7fffffff;
    this.#sink.frame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, at + FRAME_HEADER_BYTES, end);
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.prefaceSeen) {
      // §3.4: an invalid preface is a connection error of type PROTOCOL_ERROR.
      if (chunk[at++] !== CLIENT_PREFACE[this.#prefaceBytes++]) {
        throw new ConnectionError(ErrorCode.protocolError, 'no HTTP/2 preface');
      }
    }
    return at;
  }

  #keepPart(chunk: Buffer, at: number): void {
    const left = chunk.length - at;
    const bytes = left < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + payloadLength(chunk, at);
    this.#partBytes = chunk.copy(this.#newPart(bytes), 0, at);
  }

  /** Returns where in `chunk` the next frame begins, or its end. */
  #complete(part: Buffer, chunk: Buffer, from: number): number {
    let at = from;
    if (this.#partBytes < FRAME_HEADER_BYTES) {
      const copied = chunk.copy(part, this.#partBytes, at, at + FRAME_HEADER_BYTES - this.#partBytes);
      this.#partBytes += copied;
      at += copied;
      if (this.#partBytes < FRAME_HEADER_BYTES) return at;
      const header = part;
      this.#dropPart();
      part = this.#newPart(FRAME_HEADER_BYTES + payloadLength(header, 0));
      header.copy(part, 0, 0, FRAME_HEADER_BYTES);
    }
    const copied = chunk.copy(part, this.#partBytes, at);
    this.#partBytes += copied;
    at += copied;
    if (this.#partBytes === part.length) {
      this.#dropPart();
      this.#handOn(part, 0, part.length);
    }
    return at;
  }

  /** Counted as a whole: a header of nine bytes makes us hold a frame. */
  #newPart(bytes: number): Buffer {
    this.#memory.take(bytes);
    return (this.#part = Buffer.allocUnsafeSlow(bytes));
  }

  #dropPart(): void {
    if (this.#part === null) return;
    this.#memory.giveBack(this.#part.length);
    this.#part = null;
  }
}

/** §4.2: a frame above the announced size is a FRAME_SIZE_ERROR, known from its header alone. */
function payloadLength(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > MAX_FRAME_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'frame too large');
  return length;
}
