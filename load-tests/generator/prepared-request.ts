/**
 * What differs in every request of a real mesh, written over the places where it stands in a message that is encoded already:
 * Envoy's request id, the caller's port, the time, and ids in paths. Encoding each message anew would cost more than the
 * server's whole work.
 */
import { FRESH_ID } from '../lib/message.ts';
import type { Request } from './request-file.ts';

const UUID = '00000000-0000-4000-8000-000000000000';
const HEX = Buffer.from('0123456789abcdef', 'latin1');
const FIRST_DIGITS = 0;
const LAST_DIGITS = 28;
/** Odd factors: two numbers below 2^32 never give the same product there. They look unlike their neighbours. */
const SPREAD = 0x9e3779b1;
const SPREAD_MORE = 0x85ebca6b;
/** Ports of three bytes as varints: the usual ephemeral ones. */
const FIRST_PORT = 32_768;
const PORTS = 28_232;
const PORT_BYTES = 3;
const TIME_BYTES = 5;
/** Nanoseconds from here on have five bytes as a varint. */
const LEAST_NANOS = 2 ** 28;
const NANOS = 700_000_000;

export class PreparedRequest {
  readonly bytes: Buffer;
  readonly allowed: boolean | null;
  readonly #ids: readonly number[];
  readonly #port: number;
  readonly #seconds: number;
  readonly #nanos: number;

  constructor({ bytes, allowed }: Request) {
    // Copied: places are written to, and messages that lie side by side are read one after the other all the same.
    this.bytes = Buffer.from(bytes);
    this.allowed = allowed;
    const places = new Places(this.bytes);
    this.#port = places.port;
    this.#seconds = places.seconds;
    this.#nanos = places.nanos;
    const ids = places.id < 0 ? [] : [places.id];
    for (let at = this.bytes.indexOf(FRESH_ID); at >= 0; at = this.bytes.indexOf(FRESH_ID, at + 1)) {
      this.bytes.write(UUID, at, 'latin1');
      ids.push(at);
    }
    this.#ids = ids;
  }

  /** Writes the message to `target` as the `n`-th request of all. Returns where it ends. */
  copyTo(target: Buffer, at: number, n: number, nowMs: number): number {
    const { bytes } = this;
    bytes.copy(target, at);
    for (const id of this.#ids) {
      writeDigits(target, at + id + FIRST_DIGITS, Math.imul(n, SPREAD));
      writeDigits(target, at + id + LAST_DIGITS, Math.imul(n, SPREAD_MORE));
    }
    if (this.#port >= 0) writeVarint(target, at + this.#port, FIRST_PORT + (n % PORTS), PORT_BYTES);
    if (this.#seconds >= 0) writeVarint(target, at + this.#seconds, Math.floor(nowMs / 1000), TIME_BYTES);
    if (this.#nanos >= 0) {
      const nanos = LEAST_NANOS + Math.floor((nowMs % 1000) * (NANOS / 1000));
      writeVarint(target, at + this.#nanos, nanos, TIME_BYTES);
    }
    return at + bytes.length;
  }
}

/** Eight of them. */
function writeDigits(target: Buffer, at: number, value: number): void {
  for (let i = 0; i < 8; i++) target[at + i] = HEX[(value >>> (28 - 4 * i)) & 15]!;
}

function writeVarint(target: Buffer, at: number, value: number, bytes: number): void {
  let rest = value;
  for (let i = 0; i < bytes - 1; i++) {
    target[at + i] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at + bytes - 1] = rest;
}

/** Where in a CheckRequest they are; -1: not there, or not as long as what is to be written. */
class Places {
  id = -1;
  port = -1;
  seconds = -1;
  nanos = -1;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#within(0, bytes.length, [1], (start, end) => {
      // source.address.socket_address
      this.#within(start, end, [1, 1, 1], (from, to) => {
        this.port = this.#varint(from, to, 3, PORT_BYTES);
      });
      // request.time
      this.#within(start, end, [4, 1], (from, to) => {
        this.seconds = this.#varint(from, to, 1, TIME_BYTES);
        this.nanos = this.#varint(from, to, 2, TIME_BYTES);
      });
      // request.http.headers, and request.http.header_map.headers
      this.#within(start, end, [4, 2, 3], (from, to) => this.#header(from, to, 2));
      this.#within(start, end, [4, 2, 13, 1], (from, to) => this.#header(from, to, 3));
    });
  }

  #header(start: number, end: number, valueField: number): void {
    let name = '';
    let value = -1;
    this.#fields(start, end, (field, from, to) => {
      if (field === 1) name = this.#bytes.toString('latin1', from, to);
      else if (field === valueField && to - from === UUID.length) value = from;
    });
    if (name === 'x-request-id') this.id = value;
  }

  #varint(start: number, end: number, wanted: number, bytes: number): number {
    let at = -1;
    this.#fields(start, end, (field, from, to) => {
      if (field === wanted && to - from === bytes) at = from;
    });
    return at;
  }

  /** Every message at this path of field numbers. */
  #within(start: number, end: number, path: readonly number[], found: (start: number, end: number) => void): void {
    const [wanted, ...rest] = path;
    this.#fields(start, end, (field, from, to) => {
      if (field !== wanted) return;
      if (rest.length === 0) found(from, to);
      else this.#within(from, to, rest, found);
    });
  }

  #fields(start: number, end: number, found: (field: number, from: number, to: number) => void): void {
    let at = start;
    const varint = (): number => {
      let value = 0;
      for (let unit = 1; ; unit *= 128) {
        const byte = this.#bytes[at++];
        if (byte === undefined || at > end) throw new Error('a request is no protobuf message');
        value += (byte & 0x7f) * unit;
        if (byte < 0x80) return value;
      }
    };
    while (at < end) {
      const tag = varint();
      const type = tag % 8;
      const length = type === 2 ? varint() : 0;
      const from = at;
      if (type === 2) at += length;
      else if (type === 0) varint();
      else if (type === 1) at += 8;
      else if (type === 5) at += 4;
      else throw new Error('a request is no protobuf message');
      if (at > end) throw new Error('a request is no protobuf message');
      found(Math.floor(tag / 8), from, at);
    }
  }
}
