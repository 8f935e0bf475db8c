/**
 * Everything that goes to the peer: control frames, and answers as far as the peer's windows let them (RFC 9113 §5.2 and
 * §6.9).
 */
import { OK_TRAILERS, RESPONSE_HEADERS } from './answer-blocks.ts';
import { MAX_UNSENT_BYTES, UNSENT_PAUSE_BYTES } from './bounds.ts';
import { ConnectionError } from './connection-error.ts';
import {
  ErrorCode,
  Flag,
  FrameType,
  FRAME_HEADER_BYTES,
  INITIAL_WINDOW_BYTES,
  LARGEST_WINDOW,
  MAX_FRAME_BYTES,
  writeFrameHeader,
  writeUint32,
} from './frame.ts';
import { EMPTY_TABLE } from './hpack/encoder.ts';
import type { MemoryAccount } from './memory-budget.ts';
import { MESSAGE_PREFIX_BYTES } from './message-reader.ts';
import type { Output } from './output.ts';
import type { Stream } from './stream.ts';

const SETTING_BYTES = 6;
const NOTHING = new Uint8Array();

/** Of an answer in one piece: two header blocks and a frame of data. */
const HEADERS_BYTES = FRAME_HEADER_BYTES + RESPONSE_HEADERS.length;
const TRAILERS_BYTES = FRAME_HEADER_BYTES + OK_TRAILERS.length;
const AROUND_MESSAGE_BYTES = HEADERS_BYTES + FRAME_HEADER_BYTES + MESSAGE_PREFIX_BYTES + TRAILERS_BYTES;

/** All of an answer up to its message, and all behind it; what differs is written over. */
const BEFORE_MESSAGE = ((): Uint8Array => {
  const bytes = new Uint8Array(HEADERS_BYTES + FRAME_HEADER_BYTES + MESSAGE_PREFIX_BYTES);
  const block = writeFrameHeader(bytes, 0, RESPONSE_HEADERS.length, FrameType.headers, Flag.endHeaders, 0);
  bytes.set(RESPONSE_HEADERS, block);
  writeFrameHeader(bytes, HEADERS_BYTES, 0, FrameType.data, 0, 0);
  return bytes;
})();
const BEHIND_MESSAGE = ((): Uint8Array => {
  const bytes = new Uint8Array(TRAILERS_BYTES);
  const flags = Flag.endHeaders | Flag.endStream;
  bytes.set(OK_TRAILERS, writeFrameHeader(bytes, 0, OK_TRAILERS.length, FrameType.headers, flags, 0));
  return bytes;
})();

export class Sender {
  readonly #output: Output;
  readonly #memory: MemoryAccount;
  /** Told when all of a call's answer is on its way. */
  readonly #sent: (stream: Stream) => void;
  #window = INITIAL_WINDOW_BYTES;
  #unsentBytes = 0;
  /** Streams with a window of their own that wait for that of the connection, or for the socket. */
  readonly #waiting = new Set<Stream>();
  /** The peer must learn first that we use no table. */
  #tableUpdateDue = false;
  #tableUpdateSent = false;
  /** What streams begin with, as the peer has set it. */
  initialWindow = INITIAL_WINDOW_BYTES;

  constructor(output: Output, memory: MemoryAccount, sent: (stream: Stream) => void) {
    this.#output = output;
    this.#memory = memory;
    this.#sent = sent;
  }

  // ---- control frames

  settings(settings: readonly (readonly [setting: number, value: number])[]): void {
    let at = this.#frame(settings.length * SETTING_BYTES, FrameType.settings, 0, 0);
    const { bytes } = this.#output;
    for (const [setting, value] of settings) {
      bytes[at] = setting >>> 8;
      bytes[at + 1] = setting;
      writeUint32(bytes, at + 2, value);
      at += SETTING_BYTES;
    }
  }

  settingsAck(): void {
    this.#frame(0, FrameType.settings, Flag.ack, 0);
  }

  ping(payload: Uint8Array): void {
    const at = this.#frame(payload.length, FrameType.ping, 0, 0);
    this.#output.bytes.set(payload, at);
  }

  pong(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#frame(end - start, FrameType.ping, Flag.ack, 0);
    this.#output.bytes.set(bytes.subarray(start, end), at);
  }

  windowUpdate(streamId: number, bytes: number): void {
    const at = this.#frame(4, FrameType.windowUpdate, 0, streamId);
    writeUint32(this.#output.bytes, at, bytes);
  }

  reset(streamId: number, code: ErrorCode): void {
    const at = this.#frame(4, FrameType.rstStream, 0, streamId);
    writeUint32(this.#output.bytes, at, code);
  }

  goaway(lastStreamId: number, code: ErrorCode): void {
    const at = this.#frame(8, FrameType.goaway, 0, 0);
    writeUint32(this.#output.bytes, at, lastStreamId);
    writeUint32(this.#output.bytes, at + 4, code);
  }

  // ---- answers

  /** The whole answer of a unary call. */
  answer(stream: Stream, message: Uint8Array): void {
    const length = message.length;
    const dataBytes = MESSAGE_PREFIX_BYTES + length;
    if (
      dataBytes > this.#window ||
      dataBytes > stream.sendWindow ||
      dataBytes > MAX_FRAME_BYTES ||
      this.#tableUpdateDue ||
      this.#output.isFull
    ) {
      this.message(stream, message);
      this.#end(stream, OK_TRAILERS);
      return;
    }
    const { id } = stream;
    let at = this.#output.reserve(AROUND_MESSAGE_BYTES + length);
    const { bytes } = this.#output;
    bytes.set(BEFORE_MESSAGE, at);
    writeUint32(bytes, at + 5, id);
    at += HEADERS_BYTES;
    bytes[at + 1] = dataBytes >>> 8;
    bytes[at + 2] = dataBytes;
    writeUint32(bytes, at + 5, id);
    at += FRAME_HEADER_BYTES;
    writeUint32(bytes, at + 1, length);
    at += MESSAGE_PREFIX_BYTES;
    bytes.set(message, at);
    at += length;
    bytes.set(BEHIND_MESSAGE, at);
    writeUint32(bytes, at + 5, id);
    this.#window -= dataBytes;
    this.#finish(stream);
  }

  /** One message of a call that goes on. */
  message(stream: Stream, message: Uint8Array): void {
    const framed = new Uint8Array(MESSAGE_PREFIX_BYTES + message.length);
    writeUint32(framed, 1, message.length);
    framed.set(message, MESSAGE_PREFIX_BYTES);
    this.#headers(stream, RESPONSE_HEADERS);
    this.#data(stream, framed);
  }

  /** The end of a call whose messages, if any, have been given: `alone` is for one that had none. */
  end(stream: Stream, trailers: Uint8Array, alone: Uint8Array): void {
    if (stream.headersSent) {
      this.#end(stream, trailers);
    } else {
      stream.headersSent = true;
      this.#block(stream, alone, Flag.endStream);
      this.#finish(stream);
    }
  }

  /** An answer of plain HTTP. */
  http(stream: Stream, headers: Uint8Array, body: Uint8Array): void {
    this.#headers(stream, headers);
    // Its end is the end of the data.
    stream.trailers = NOTHING;
    this.#data(stream, body);
  }

  /** Nothing more of this stream is sent. */
  drop(stream: Stream): void {
    this.#waiting.delete(stream);
    this.#release(stream);
    stream.trailers = null;
  }

  // ---- windows

  /** §6.9: WINDOW_UPDATE for the connection. False: "exceeds 2^31-1". */
  grow(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > LARGEST_WINDOW) return false;
    this.resume();
    return true;
  }

  growStream(stream: Stream, bytes: number): boolean {
    stream.sendWindow += bytes;
    if (stream.sendWindow > LARGEST_WINDOW) return false;
    this.#pump(stream);
    return true;
  }

  /** Goes on with what had to wait, in the order in which it came. */
  resume(): void {
    for (const stream of this.#waiting) {
      if (!this.#mayGo()) return;
      this.#waiting.delete(stream);
      this.#pump(stream);
    }
  }

  /** §4.2 of RFC 7541: a lower bound must be acknowledged in the next block; we use no table, so we say so once. */
  lowerTableSize(): void {
    if (!this.#tableUpdateSent) this.#tableUpdateDue = true;
  }

  // ---- inside

  #end(stream: Stream, trailers: Uint8Array): void {
    stream.trailers = trailers;
    this.#pump(stream);
  }

  #headers(stream: Stream, block: Uint8Array): void {
    if (stream.headersSent) return;
    stream.headersSent = true;
    this.#block(stream, block, 0);
  }

  #block(stream: Stream, block: Uint8Array, flags: number): void {
    const prefix = this.#tableUpdateDue ? EMPTY_TABLE : NOTHING;
    const at = this.#frame(prefix.length + block.length, FrameType.headers, Flag.endHeaders | flags, stream.id);
    this.#output.bytes.set(prefix, at);
    this.#output.bytes.set(block, at + prefix.length);
    if (this.#tableUpdateDue) {
      this.#tableUpdateDue = false;
      this.#tableUpdateSent = true;
    }
  }

  #data(stream: Stream, data: Uint8Array): void {
    const rest = stream.unsent?.subarray(stream.unsentAt);
    this.#release(stream);
    stream.unsent = rest === undefined ? data : Buffer.concat([rest, data]);
    stream.unsentAt = 0;
    this.#unsentBytes += stream.unsent.length;
    if (this.#pump(stream)) return;
    // What is counted is all of it, until the last of it is sent.
    if (this.#unsentBytes > MAX_UNSENT_BYTES) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'answers are not taken', 'memory');
    }
    this.#memory.take(stream.unsent.length);
    stream.unsentCounted = true;
  }

  /** The memory of what was unsent is somebody else's, or nobody's. */
  #release(stream: Stream): void {
    if (stream.unsent === null) return;
    this.#unsentBytes -= stream.unsent.length;
    if (stream.unsentCounted) this.#memory.giveBack(stream.unsent.length);
    stream.unsentCounted = false;
    stream.unsent = null;
  }

  #mayGo(): boolean {
    return this.#window > 0 && this.#output.unsentBytes <= UNSENT_PAUSE_BYTES;
  }

  /** Sends of a stream what its windows and the socket let. True when no data is left. */
  #pump(stream: Stream): boolean {
    while (stream.unsent !== null) {
      const left = stream.unsent.length - stream.unsentAt;
      if (stream.sendWindow <= 0) return false;
      if (!this.#mayGo()) {
        this.#waiting.add(stream);
        return false;
      }
      const bytes = Math.min(left, MAX_FRAME_BYTES, stream.sendWindow, this.#window);
      const last = bytes === left;
      const ends = last && stream.trailers === NOTHING;
      const at = this.#frame(bytes, FrameType.data, ends ? Flag.endStream : 0, stream.id);
      this.#output.bytes.set(stream.unsent.subarray(stream.unsentAt, stream.unsentAt + bytes), at);
      stream.unsentAt += bytes;
      stream.sendWindow -= bytes;
      this.#window -= bytes;
      if (last) this.#release(stream);
    }
    if (stream.trailers === null) return true;
    if (stream.trailers !== NOTHING) this.#block(stream, stream.trailers, Flag.endStream);
    stream.trailers = null;
    this.#finish(stream);
    return true;
  }

  #finish(stream: Stream): void {
    stream.localClosed = true;
    this.#sent(stream);
  }

  /** A frame with its header written. Returns where its payload goes, in what is {@link Output.bytes} from then on. */
  #frame(payloadBytes: number, type: number, flags: number, streamId: number): number {
    const at = this.#output.reserve(FRAME_HEADER_BYTES + payloadBytes);
    return writeFrameHeader(this.#output.bytes, at, payloadBytes, type, flags, streamId);
  }
}
