/**
 * The calls in flight on a connection, by stream number: a place is the stream number's lower bits, so that finding one costs
 * no look-up. A number whose place is still taken is left out, which closes that stream unused (RFC 9113 §5.1.1).
 */

/** Of a call whose message has not come. */
export const NO_ANSWER = -2;

const PREFIX_BYTES = 5;
/** Places for each call that may be in flight: those that take long are then seldom in the way. */
const SPARE = 4;

export interface Call {
  readonly request: number;
  readonly dueMs: number;
}

interface Reader {
  read(bytes: Buffer, start: number, end: number): number;
}

export class Calls {
  readonly #mask: number;
  /** 0: free. */
  readonly #streamIds: Int32Array;
  readonly #requests: Int32Array;
  readonly #dueMs: Float64Array;
  readonly #answers: Int32Array;
  readonly #unreturned: Int32Array;
  readonly #parts: (Buffer | null)[];
  count = 0;

  constructor(maxInFlight: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(16, maxInFlight * SPARE)));
    this.#mask = places - 1;
    this.#streamIds = new Int32Array(places);
    this.#requests = new Int32Array(places);
    this.#dueMs = new Float64Array(places);
    this.#answers = new Int32Array(places);
    this.#unreturned = new Int32Array(places);
    this.#parts = new Array<Buffer | null>(places).fill(null);
  }

  /** Returns the stream number: `from` or the next one whose place is free. */
  begin(from: number, request: number, dueMs: number): number {
    let streamId = from;
    while (this.#streamIds[(streamId >>> 1) & this.#mask] !== 0) streamId += 2;
    const place = (streamId >>> 1) & this.#mask;
    this.#streamIds[place] = streamId;
    this.#requests[place] = request;
    this.#dueMs[place] = dueMs;
    this.#answers[place] = NO_ANSWER;
    this.#unreturned[place] = 0;
    this.count++;
    return streamId;
  }

  /** Its place, or -1. */
  find(streamId: number): number {
    const place = (streamId >>> 1) & this.#mask;
    return streamId !== 0 && this.#streamIds[place] === streamId ? place : -1;
  }

  answer(place: number): number {
    return this.#answers[place]!;
  }

  /** Bytes of a message, which is read when it is whole. */
  receive(place: number, bytes: Buffer, start: number, end: number, reader: Reader): void {
    const part = this.#parts[place] ?? null;
    if (part === null) {
      if (this.#read(place, bytes, start, end, reader) || start === end) return;
      this.#parts[place] = Buffer.from(bytes.subarray(start, end));
    } else {
      const more = Buffer.concat([part, bytes.subarray(start, end)]);
      this.#parts[place] = this.#read(place, more, 0, more.length, reader) ? null : more;
    }
  }

  /** Adds to the bytes whose window has not been given back, and returns them. */
  countBytes(place: number, bytes: number): number {
    return (this.#unreturned[place]! += bytes);
  }

  end(place: number): Call {
    this.#streamIds[place] = 0;
    this.#parts[place] = null;
    this.count--;
    return { request: this.#requests[place]!, dueMs: this.#dueMs[place]! };
  }

  /** Ends those with a higher stream number. */
  above(streamId: number): (Call & { readonly streamId: number })[] {
    const ended: (Call & { readonly streamId: number })[] = [];
    this.#streamIds.forEach((id, place) => {
      if (id > streamId) ended.push({ streamId: id, ...this.end(place) });
    });
    return ended;
  }

  #read(place: number, bytes: Buffer, start: number, end: number, reader: Reader): boolean {
    if (end - start < PREFIX_BYTES) return false;
    const from = start + PREFIX_BYTES;
    const to = from + bytes.readUInt32BE(start + 1);
    if (to > end) return false;
    this.#answers[place] = reader.read(bytes, from, to);
    return true;
  }
}
