/**
 * A connection of a gRPC client for unary calls (RFC 9113), straight on a socket. What it costs is taken from what the load is
 * measured with, so it does what the protocol wants and nothing else: a call is a few bytes written to a buffer, and one write
 * takes all calls that were begun since the last.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  CLIENT_PREFACE,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  INITIAL_WINDOW_BYTES,
  LARGEST_STREAM_ID,
  LARGEST_WINDOW,
  MAX_FRAME_BYTES,
  readUint32,
  Setting,
  writeFrameHeader,
  writeUint32,
} from '../../src/transport/native/frame.ts';
import { AnswerHeaders } from './answer-headers.ts';
import type { AnswerFields } from './answer-headers.ts';
import { CallHeaders } from './call-headers.ts';
import type { Fields } from './call-headers.ts';
import { Calls, NO_ANSWER } from './calls.ts';
import type { PreparedRequest } from './prepared-request.ts';
import { WriteBuffers } from './write-buffers.ts';

/** gRPC's five bytes before a message: not compressed, and its length. */
const PREFIX_BYTES = 5;
const READ_BYTES = 65_536;
/** What is not taken by the socket yet: above it, no further call begins. */
const MAX_UNSENT_BYTES = 2 ** 20;

export interface ConnectionOptions {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  readonly fields: Fields;
  /** Of the connection and of each stream, for answers. */
  readonly windowBytes: number;
  /** Calls at the same time, if the peer allows as many. */
  readonly maxInFlight: number;
  /** Odd. */
  readonly firstStreamId: number;
}

/** `request` and `dueMs` are what {@link ClientConnection.start} was given. */
export interface ConnectionOwner {
  /** Reads an answer's message; what it returns is handed to {@link answered}. */
  read(bytes: Buffer, start: number, end: number): number;
  answered(request: number, dueMs: number, read: number): void;
  failed(request: number, dueMs: number, why: string): void;
  /** The peer says that it has not looked at this call and that another connection may ask again. */
  returned(request: number, dueMs: number): void;
  /** Calls may have room now. They are written together when this returns. */
  room(connection: ClientConnection): void;
  /** It takes no further calls, and closes when the last one is answered. */
  leaving(connection: ClientConnection): void;
  /** It is gone. If it has not been leaving, it broke. */
  closed(connection: ClientConnection, why: string): void;
}

/** A message that is wider than the peer's windows: what is left of it. */
interface Rest {
  readonly streamId: number;
  readonly bytes: Buffer;
  at: number;
  window: number;
}

export class ClientConnection {
  readonly #owner: ConnectionOwner;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #headers: CallHeaders;
  readonly #answers = new AnswerHeaders();
  readonly #calls: Calls;
  readonly #out = new WriteBuffers();
  readonly #rests: Rest[] = [];
  readonly #in = Buffer.allocUnsafeSlow(READ_BYTES + FRAME_HEADER_BYTES + MAX_FRAME_BYTES);
  #inBytes = 0;
  #nextStreamId: number;
  #ready = false;
  #leaving = false;
  #closed = false;
  #why = 'connection lost';
  // What the peer said.
  #sendWindow = INITIAL_WINDOW_BYTES;
  #streamWindow = INITIAL_WINDOW_BYTES;
  #maxStreams = LARGEST_STREAM_ID;
  /** Bytes of DATA that the peer has not been given back yet. */
  #received = 0;
  #block: { readonly streamId: number; readonly flags: number; bytes: Buffer } | null = null;

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#headers = new CallHeaders(options.fields);
    this.#calls = new Calls(options.maxInFlight);
    this.#nextStreamId = options.firstStreamId;
    this.#socket = connect({
      ...addressOf(options.address),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (bytes, buffer) => {
          this.#read(buffer as Buffer, bytes);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => {
      this.#why = error.message;
    });
    this.#socket.on('close', () => this.#gone());
    this.#out.add(CLIENT_PREFACE);
    this.#writeSettings();
    this.flush();
  }

  get inFlight(): number {
    return this.#calls.count;
  }

  /** Of our end; undefined while there is no connection. */
  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  get canStart(): boolean {
    return (
      this.#ready &&
      !this.#leaving &&
      !this.#closed &&
      this.#calls.count < Math.min(this.#options.maxInFlight, this.#maxStreams) &&
      this.#rests.length === 0 &&
      this.#socket.writableLength < MAX_UNSENT_BYTES
    );
  }

  /** Begins a call; it is on its way at the next {@link flush}. Only while {@link canStart}. */
  start(prepared: PreparedRequest, request: number, dueMs: number, n: number, wallMs: number): void {
    const streamId = this.#calls.begin(this.#nextStreamId, request, dueMs);
    this.#nextStreamId = streamId + 2;
    const messageBytes = prepared.bytes.length;
    const dataBytes = PREFIX_BYTES + messageBytes;
    const block = this.#headers.next();
    const { bytes, at: start } = this.#out.room(2 * FRAME_HEADER_BYTES + block.length + dataBytes, this.#socket);
    let at = writeFrameHeader(bytes, start, block.length, FrameType.headers, Flag.endHeaders, streamId);
    at += block.copy(bytes, at);
    const dataAt = at;
    at = writeFrameHeader(bytes, at, dataBytes, FrameType.data, Flag.endStream, streamId);
    bytes[at] = 0;
    writeUint32(bytes, at + 1, messageBytes);
    at = prepared.copyTo(bytes, at + PREFIX_BYTES, n, wallMs);
    if (dataBytes <= this.#sendWindow && dataBytes <= this.#streamWindow && dataBytes <= MAX_FRAME_BYTES) {
      this.#sendWindow -= dataBytes;
      this.#out.took(at);
    } else {
      // The same bytes, sent in the pieces that the windows let through.
      const whole = Buffer.from(bytes.subarray(dataAt + FRAME_HEADER_BYTES, at));
      this.#out.took(dataAt);
      this.#rests.push({ streamId, bytes: whole, at: 0, window: this.#streamWindow });
      this.#sendRests();
    }
    // §5.1.1: numbers are not used again, and a connection that has none left is replaced.
    if (this.#nextStreamId > LARGEST_STREAM_ID) this.#leave();
  }

  /** Sends what has been begun. */
  flush(): void {
    if (!this.#closed) this.#out.flush(this.#socket);
  }

  /** Whatever is in flight has failed. */
  destroy(): void {
    this.#why = 'given up';
    this.#socket.destroy();
  }

  #writeSettings(): void {
    const { windowBytes } = this.#options;
    const settings = Buffer.alloc(FRAME_HEADER_BYTES + 12);
    writeFrameHeader(settings, 0, 12, FrameType.settings, 0, 0);
    settings.writeUInt16BE(Setting.enablePush, 9);
    settings.writeUInt16BE(Setting.initialWindowSize, 15);
    settings.writeUInt32BE(windowBytes, 17);
    this.#out.add(settings);
    if (windowBytes > INITIAL_WINDOW_BYTES) this.#writeWindowUpdate(0, windowBytes - INITIAL_WINDOW_BYTES);
  }

  #writeWindowUpdate(streamId: number, bytes: number): void {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + 4);
    writeFrameHeader(frame, 0, 4, FrameType.windowUpdate, 0, streamId);
    frame.writeUInt32BE(bytes, FRAME_HEADER_BYTES);
    this.#out.add(frame);
  }

  #read(buffer: Buffer, bytes: number): void {
    this.#inBytes += buffer.copy(this.#in, this.#inBytes, 0, bytes);
    try {
      this.#readFrames();
    } catch (error) {
      // A server that breaks the protocol is a finding, not the end of the measurement.
      this.#why = `protocol error: ${error instanceof Error ? error.message : String(error)}`;
      this.#socket.destroy();
      return;
    }
    if (this.#received > this.#windowOfConnection() / 2) {
      this.#writeWindowUpdate(0, this.#received);
      this.#received = 0;
    }
    if (this.#leaving && this.#calls.count === 0) {
      this.flush();
      this.#socket.end();
      return;
    }
    this.#owner.room(this);
    this.flush();
  }

  #windowOfConnection(): number {
    return Math.max(this.#options.windowBytes, INITIAL_WINDOW_BYTES);
  }

  #readFrames(): void {
    const bytes = this.#in;
    let at = 0;
    while (this.#inBytes - at >= FRAME_HEADER_BYTES) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (length > MAX_FRAME_BYTES) throw new Error('a frame is too large');
      const start = at + FRAME_HEADER_BYTES;
      if (start + length > this.#inBytes) break;
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, readUint32(bytes, at + 5) & LARGEST_STREAM_ID, start, start + length);
      at = start + length;
    }
    if (at > 0) {
      bytes.copyWithin(0, at, this.#inBytes);
      this.#inBytes -= at;
    }
  }

  #frame(type: number, flags: number, streamId: number, start: number, end: number): void {
    if (this.#block !== null && type !== FrameType.continuation) throw new Error('a header block is not continued');
    switch (type) {
      case FrameType.data:
        this.#data(flags, streamId, start, end);
        break;
      case FrameType.headers:
        this.#headersFrame(flags, streamId, start, end);
        break;
      case FrameType.continuation:
        this.#continuation(flags, start, end);
        break;
      case FrameType.rstStream:
        this.#fail(streamId, `stream reset, code ${readUint32(this.#in, start)}`);
        break;
      case FrameType.settings:
        if ((flags & Flag.ack) === 0) this.#settings(start, end);
        break;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) this.#pong(start, end);
        break;
      case FrameType.goaway:
        this.#goaway(readUint32(this.#in, start) & LARGEST_STREAM_ID, readUint32(this.#in, start + 4));
        break;
      case FrameType.windowUpdate:
        this.#windowUpdate(streamId, readUint32(this.#in, start) & LARGEST_WINDOW);
        break;
      case FrameType.pushPromise:
        throw new Error('a push, which was forbidden');
      default:
      // §4.1: unknown types are ignored; priorities mean nothing to a client.
    }
  }

  #data(flags: number, streamId: number, start: number, end: number): void {
    const length = end - start;
    this.#received += length;
    const call = this.#calls.find(streamId);
    if (call < 0) return;
    const padded = (flags & Flag.padded) !== 0;
    const from = padded ? start + 1 : start;
    const to = padded ? end - this.#in[start]! : end;
    this.#calls.receive(call, this.#in, from, to, this.#owner);
    if ((flags & Flag.endStream) !== 0) {
      this.#fail(streamId, 'the answer has no grpc-status');
      return;
    }
    const unreturned = this.#calls.countBytes(call, length);
    if (unreturned > this.#options.windowBytes / 2) {
      this.#calls.countBytes(call, -unreturned);
      this.#writeWindowUpdate(streamId, unreturned);
    }
  }

  #headersFrame(flags: number, streamId: number, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) to -= this.#in[from++]!;
    if ((flags & Flag.priority) !== 0) from += 5;
    if (from > to) throw new Error('more padding than there is');
    if ((flags & Flag.endHeaders) === 0) {
      this.#block = { streamId, flags, bytes: Buffer.from(this.#in.subarray(from, to)) };
      return;
    }
    this.#fields(flags, streamId, this.#answers.read(this.#in, from, to));
  }

  #continuation(flags: number, start: number, end: number): void {
    const block = this.#block;
    if (block === null) throw new Error('a continuation of nothing');
    block.bytes = Buffer.concat([block.bytes, this.#in.subarray(start, end)]);
    if ((flags & Flag.endHeaders) === 0) return;
    this.#block = null;
    this.#fields(block.flags, block.streamId, this.#answers.read(block.bytes, 0, block.bytes.length));
  }

  #fields(flags: number, streamId: number, { httpStatus, grpcStatus }: AnswerFields): void {
    const call = this.#calls.find(streamId);
    if (call < 0) return;
    if (httpStatus !== -1 && httpStatus !== 200) {
      this.#fail(streamId, `HTTP status ${httpStatus}`);
      return;
    }
    if ((flags & Flag.endStream) === 0) return;
    const read = this.#calls.answer(call);
    if (grpcStatus !== 0) this.#fail(streamId, grpcStatus === -1 ? 'no grpc-status' : `grpc-status ${grpcStatus}`);
    else if (read === NO_ANSWER) this.#fail(streamId, 'an answer without a message');
    else {
      const { request, dueMs } = this.#calls.end(call);
      this.#forgetRest(streamId);
      this.#owner.answered(request, dueMs, read);
    }
  }

  #fail(streamId: number, why: string): void {
    const call = this.#calls.find(streamId);
    if (call < 0) return;
    const { request, dueMs } = this.#calls.end(call);
    this.#forgetRest(streamId);
    this.#owner.failed(request, dueMs, why);
  }

  #settings(start: number, end: number): void {
    for (let at = start; at + 6 <= end; at += 6) {
      const value = readUint32(this.#in, at + 2);
      switch ((this.#in[at]! << 8) | this.#in[at + 1]!) {
        case Setting.headerTableSize:
          this.#headers.resize(value);
          break;
        case Setting.maxConcurrentStreams:
          this.#maxStreams = value;
          break;
        case Setting.initialWindowSize:
          // §6.9.2: windows in use move by the difference.
          for (const rest of this.#rests) rest.window += value - this.#streamWindow;
          this.#streamWindow = value;
          break;
        default:
        // Frames stay at the size that every peer takes.
      }
    }
    const ack = Buffer.alloc(FRAME_HEADER_BYTES);
    writeFrameHeader(ack, 0, 0, FrameType.settings, Flag.ack, 0);
    this.#out.add(ack);
    this.#ready = true;
    this.#sendRests();
  }

  #pong(start: number, end: number): void {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + end - start);
    writeFrameHeader(frame, 0, end - start, FrameType.ping, Flag.ack, 0);
    this.#in.copy(frame, FRAME_HEADER_BYTES, start, end);
    this.#out.add(frame);
  }

  #goaway(lastStreamId: number, code: number): void {
    if (code !== 0) this.#why = `the server left with code ${code}`;
    this.#leave();
    // §6.8: what has a higher number was not looked at.
    for (const call of this.#calls.above(lastStreamId)) {
      this.#forgetRest(call.streamId);
      this.#owner.returned(call.request, call.dueMs);
    }
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#owner.leaving(this);
  }

  #windowUpdate(streamId: number, bytes: number): void {
    if (streamId === 0) this.#sendWindow += bytes;
    else {
      const rest = this.#rests.find((each) => each.streamId === streamId);
      if (rest !== undefined) rest.window += bytes;
    }
    this.#sendRests();
  }

  #sendRests(): void {
    for (const rest of [...this.#rests]) {
      while (rest.at < rest.bytes.length) {
        const left = rest.bytes.length - rest.at;
        const length = Math.min(left, MAX_FRAME_BYTES, this.#sendWindow, rest.window);
        if (length <= 0) break;
        const frame = Buffer.alloc(FRAME_HEADER_BYTES + length);
        writeFrameHeader(frame, 0, length, FrameType.data, length === left ? Flag.endStream : 0, rest.streamId);
        rest.at += rest.bytes.copy(frame, FRAME_HEADER_BYTES, rest.at, rest.at + length);
        rest.window -= length;
        this.#sendWindow -= length;
        this.#out.add(frame);
      }
      if (rest.at === rest.bytes.length) this.#forgetRest(rest.streamId);
    }
  }

  #forgetRest(streamId: number): void {
    if (this.#rests.length === 0) return;
    const at = this.#rests.findIndex((rest) => rest.streamId === streamId);
    if (at >= 0) this.#rests.splice(at, 1);
  }

  #gone(): void {
    this.#closed = true;
    for (const { request, dueMs } of this.#calls.above(0)) this.#owner.failed(request, dueMs, this.#why);
    this.#owner.closed(this, this.#why);
  }
}

function addressOf(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
