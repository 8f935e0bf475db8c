/**
 * One honest HTTP/2 connection over which Checks are asked, cheap enough that the service is what is measured. It does what a
 * good client has to: keeps to the windows, answers SETTINGS and PING, and leaves when it is told to, once its calls are
 * answered.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { HpackDecoder } from '../../src/transport/native/hpack/decoder.ts';
import { FieldList } from '../../test/transport/native/support/field-list.ts';
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  PING,
  PREFACE,
  requestBlock,
  RST_STREAM,
  setting,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from '../../test/transport/native/support/frames.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
const HEADER_BYTES = 9;
const GRPC_PREFIX_BYTES = 5;

/** RFC 9113 §6.5.2. No table: equal blocks always mean the same, so that each different one is read once. */
const NO_TABLE = setting(1, 0);
const LARGEST_WINDOW = 0x7fffffff;
/** What is left of the connection's window when it is opened again. */
const WINDOW_LEFT = 2 ** 29;
const FIRST_WINDOW = 65_535;
/** A connection that has used so many of its streams is left like one that was told to. */
const LAST_STREAM = 2 ** 31 - 2 ** 20;

export interface ConnectionEvents {
  /** An answer that ended with status OK. `bytes` is valid during the call only. */
  answered(call: Call, bytes: Buffer): void;
  /** A call that ended otherwise. */
  failed(call: Call, why: string): void;
  /** `why`: null when it ended as it should: told to leave by either side, with every call answered. */
  closed(connection: Connection, why: string | null): void;
}

/** What the client wants to know again when the answer is there. */
export interface Call {
  readonly dueMs: number;
  readonly sentMs: number;
  /** Of the request, for whoever judges the answer. */
  readonly kind: number;
}

interface OpenCall extends Call {
  body: Buffer | null;
}

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #decoder = new HpackDecoder();
  /** `grpc-status` of each different block; undefined: it has none. */
  readonly #blocks = new Map<string, string | undefined>();
  readonly #calls = new Map<number, OpenCall>();
  readonly #block = Buffer.from(requestBlock(CHECK));
  #port = 0;
  #next = 1;
  #rest: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #sendWindow = FIRST_WINDOW;
  #received = 0;
  #leaving = false;
  #closed = false;
  #error: string | null = null;

  constructor(port: number, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (error) => (this.#error ??= error.message));
    this.#socket.on('close', () => this.#close());
    this.#socket.write(
      Buffer.concat([
        PREFACE,
        frame(SETTINGS, 0, 0, NO_TABLE),
        frame(WINDOW_UPDATE, 0, 0, uint32(LARGEST_WINDOW - FIRST_WINDOW)),
      ]),
    );
  }

  /** Of our end: names the connection in the tables of the system. */
  get localPort(): number {
    return this.#port;
  }

  get open(): number {
    return this.#calls.size;
  }

  /** Whether a message of these bytes can be asked now. */
  takes(bytes: number): boolean {
    return !this.#leaving && !this.#closed && this.#sendWindow >= bytes + GRPC_PREFIX_BYTES;
  }

  /** To be followed by {@link flush}. The message is copied. */
  ask(message: Buffer, call: Call): void {
    const id = this.#next;
    this.#next += 2;
    const body = GRPC_PREFIX_BYTES + message.length;
    this.#sendWindow -= body;
    const bytes = Buffer.allocUnsafe(2 * HEADER_BYTES + this.#block.length + body);
    let at = writeFrameHeader(bytes, 0, this.#block.length, HEADERS, END_HEADERS, id);
    at += this.#block.copy(bytes, at);
    at = writeFrameHeader(bytes, at, body, DATA, END_STREAM, id);
    bytes[at++] = 0;
    at = bytes.writeUInt32BE(message.length, at);
    message.copy(bytes, at);
    this.#out.push(bytes);
    this.#calls.set(id, { ...call, body: null });
    if (id > LAST_STREAM) this.leave();
  }

  flush(): void {
    if (this.#out.length === 0 || this.#closed) return;
    this.#socket.write(this.#out.length === 1 ? this.#out[0]! : Buffer.concat(this.#out));
    this.#out = [];
  }

  /** Asks nothing more, and goes when the last answer is there. */
  leave(): void {
    this.#leaving = true;
    if (this.#calls.size === 0 && !this.#closed) this.#socket.end(frame(GOAWAY, 0, 0, uint32(0, 0)));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const unanswered = this.#calls.size;
    const why =
      unanswered > 0
        ? `${unanswered} calls were not answered: ${this.#error ?? 'the connection was closed'}`
        : this.#leaving
          ? null
          : (this.#error ?? 'the connection was closed without a word');
    this.#events.closed(this, why);
  }

  #read(chunk: Buffer): void {
    if (this.#port === 0) this.#port = this.#socket.localPort ?? 0;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & 0x7fffffff, bytes, at + 9, end);
      at = end;
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at);
    if (this.#received > WINDOW_LEFT) {
      this.#out.push(frame(WINDOW_UPDATE, 0, 0, uint32(this.#received)));
      this.#received = 0;
    }
    this.flush();
    if (this.#leaving && this.#calls.size === 0) this.leave();
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case DATA: {
        this.#received += end - start;
        const call = this.#calls.get(id);
        if (call === undefined) return;
        const part = bytes.subarray(start, end);
        call.body = call.body === null ? Buffer.from(part) : Buffer.concat([call.body, part]);
        if ((flags & END_STREAM) !== 0) this.#fail(id, 'an answer without trailers');
        return;
      }
      case HEADERS:
        if ((flags & END_HEADERS) === 0) this.#fail(id, 'header blocks of several frames are not expected here');
        else this.#fields(id, (flags & END_STREAM) !== 0, bytes, start, end);
        return;
      case RST_STREAM:
        this.#fail(id, `RST_STREAM ${bytes.readUInt32BE(start)}`);
        return;
      case SETTINGS:
        if ((flags & ACK) === 0) this.#out.push(frame(SETTINGS, ACK, 0));
        return;
      case PING:
        if ((flags & ACK) === 0) this.#out.push(frame(PING, ACK, 0, bytes.subarray(start, end)));
        return;
      case GOAWAY: {
        this.#leaving = true;
        const code = bytes.readUInt32BE(start + 4);
        if (code !== 0) this.#error = `GOAWAY with error ${code}`;
        // Envoy would have no answer for these either.
        const last = bytes.readUInt32BE(start) & 0x7fffffff;
        for (const open of this.#calls.keys()) if (open > last) this.#fail(open, 'a call that GOAWAY left out');
        return;
      }
      case WINDOW_UPDATE:
        if (id === 0) this.#sendWindow += bytes.readUInt32BE(start);
        return;
      default:
    }
  }

  #fields(id: number, ends: boolean, bytes: Buffer, start: number, end: number): void {
    const key = bytes.toString('latin1', start, end);
    let status = this.#blocks.get(key);
    if (status === undefined && !this.#blocks.has(key)) {
      const list = new FieldList();
      this.#decoder.decode(bytes, start, end, list);
      status = list.fields.find(([name]) => name === 'grpc-status')?.[1];
      this.#blocks.set(key, status);
    }
    if (!ends) return;
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const { body } = call;
    if (status !== '0') this.#fail(id, `grpc-status ${status ?? 'none'}`);
    else if (body === null || body.length !== GRPC_PREFIX_BYTES + body.readUInt32BE(1))
      this.#fail(id, 'an answer that is no message');
    else {
      this.#calls.delete(id);
      this.#events.answered(call, body.subarray(GRPC_PREFIX_BYTES));
    }
  }

  #fail(id: number, why: string): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#events.failed(call, why);
  }
}

/** Returns the place behind it. */
function writeFrameHeader(to: Buffer, at: number, length: number, type: number, flags: number, id: number): number {
  to.writeUIntBE(length, at, 3);
  to[at + 3] = type;
  to[at + 4] = flags;
  return to.writeUInt32BE(id, at + 5);
}
