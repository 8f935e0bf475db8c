/**
 * Values by ranges of a message's bytes: found without making strings or objects. A key is some ranges and some
 * numbers, in order; equal keys have ranges of equal bytes, compared byte by byte.
 */

/** Longer keys are not worth their room. */
const MAX_BYTES = 4096;
const MAX_PARTS = 128;

/** Bytes at each end of a long range that count for the hash. */
const HASHED_END = 48;
/** Up to so many bytes a loop is quicker than a call. */
export const COMPARED_HERE = 96;

/** Stands for a number among the parts: no range begins there. */
const NUMBER = -1;

/** A key in the making: one is enough for any number of looks, one after the other. */
export class SpanKey {
  #buffer: Buffer = Buffer.alloc(0);
  /** Start and end of each range; of a number, {@link NUMBER} and the number. */
  readonly #parts = new Int32Array(2 * MAX_PARTS);
  #count = 0;
  #numbers = 0;
  #bytes = 0;
  #hash = 0;
  #full = false;

  /** Forgets what was there. Ranges are of `buffer` until the next start. */
  start(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#count = 0;
    this.#numbers = 0;
    this.#bytes = 0;
    this.#hash = 0;
    this.#full = false;
  }

  /** The bytes from `start` to before `end`. */
  add(start: number, end: number): void {
    const length = end - start;
    if (!this.#put(start, end) || (this.#bytes += length) > MAX_BYTES) {
      this.#full = true;
      return;
    }
    // Long ones are tokens and certificates, which differ at their ends; what is between is compared all the same.
    if (length > 2 * HASHED_END) {
      this.#hashOn(start, start + HASHED_END);
      this.#hashOn(end - HASHED_END, end);
    } else this.#hashOn(start, end);
    this.#hash = mix(this.#hash, length);
  }

  #hashOn(start: number, end: number): void {
    const buffer = this.#buffer;
    let hash = this.#hash;
    let at = start;
    for (const whole = end - 3; at < whole; at += 4)
      hash = mix(hash, buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24));
    for (; at < end; at++) hash = mix(hash, buffer[at]!);
    this.#hash = hash;
  }

  /** `value`: 32 bits. */
  addNumber(value: number): void {
    if (!this.#put(NUMBER, value)) this.#full = true;
    else this.#numbers++;
    this.#hash = mix(this.#hash ^ 0x5bd1e995, value);
  }

  #put(first: number, second: number): boolean {
    if (this.#count === MAX_PARTS) return false;
    this.#parts[2 * this.#count] = first;
    this.#parts[2 * this.#count + 1] = second;
    this.#count++;
    return true;
  }

  /** Too large to be looked for or kept. */
  get isFull(): boolean {
    return this.#full;
  }

  get hash(): number {
    const hash = this.#hash ^ (this.#hash >>> 15);
    return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 13);
  }

  /** For keeping: each range behind its length, each number behind {@link NUMBER}, in words of four bytes and bytes. */
  freeze(): Uint8Array {
    const frozen = new Uint8Array(this.#frozenLength);
    let at = 0;
    for (let i = 0; i < this.#count; i++) {
      const start = this.#parts[2 * i]!;
      const second = this.#parts[2 * i + 1]!;
      at = putWord(frozen, at, start === NUMBER ? NUMBER : second - start);
      if (start === NUMBER) at = putWord(frozen, at, second);
      else {
        frozen.set(this.#buffer.subarray(start, second), at);
        at += second - start;
      }
    }
    return frozen;
  }

  get #frozenLength(): number {
    return this.#bytes + 4 * (this.#count + this.#numbers);
  }

  equals(frozen: Uint8Array): boolean {
    if (frozen.length !== this.#frozenLength) return false;
    const buffer = this.#buffer;
    const parts = this.#parts;
    let at = 0;
    for (let i = 0; i < 2 * this.#count; i += 2) {
      const start = parts[i]!;
      const second = parts[i + 1]!;
      const length = second - start;
      if (wordAt(frozen, at) !== (start === NUMBER ? NUMBER : length)) return false;
      at += 4;
      if (start === NUMBER) {
        if (wordAt(frozen, at) !== second) return false;
        at += 4;
      } else if (length > COMPARED_HERE) {
        // Too long for what is left, or another length: then what follows is no range of this length either.
        if (at + length > frozen.length || buffer.compare(frozen, at, at + length, start, second) !== 0) return false;
        at += length;
      } else for (let from = start; from < second; from++) if (buffer[from] !== frozen[at++]) return false;
    }
    return true;
  }
}

/** Little-endian; signed. */
function putWord(bytes: Uint8Array, at: number, word: number): number {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
  return at + 4;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 16);
}

interface Entry<Value> {
  /** See {@link SpanKey.freeze}. */
  readonly key: Uint8Array;
  readonly value: Value;
}

/** Ways in which a key can stand: what is asked for often survives one that falls on its place. */
const WAYS = 2;

/** Keeps what was kept lately: one that falls on the places of another puts the older of two out. */
export class SpanTable<Value> {
  readonly #slots: (Entry<Value> | undefined)[];
  /** Of the keys: what has another is not even looked at, which spares most of the memory that no cache holds. */
  readonly #hashes: Int32Array;
  readonly #mask: number;

  /** `capacity`: how many at most, rounded down to a power of two, 2 at least. */
  constructor(capacity: number) {
    const size = 2 ** Math.max(1, Math.floor(Math.log2(Math.max(2, capacity))));
    this.#slots = new Array<Entry<Value> | undefined>(size);
    this.#hashes = new Int32Array(size);
    this.#mask = size - WAYS;
  }

  find(key: SpanKey): Value | undefined {
    if (key.isFull) return undefined;
    const { hash } = key;
    const at = hash & this.#mask;
    return this.#valueAt(at, hash, key) ?? this.#valueAt(at + 1, hash, key);
  }

  #valueAt(at: number, hash: number, key: SpanKey): Value | undefined {
    if (this.#hashes[at] !== hash) return undefined;
    const entry = this.#slots[at];
    return entry !== undefined && key.equals(entry.key) ? entry.value : undefined;
  }

  keep(key: SpanKey, value: Value): void {
    if (key.isFull) return;
    const { hash } = key;
    const at = hash & this.#mask;
    if (this.#valueAt(at, hash, key) === undefined) {
      this.#slots[at + 1] = this.#slots[at];
      this.#hashes[at + 1] = this.#hashes[at]!;
    }
    this.#slots[at] = { key: key.freeze(), value };
    this.#hashes[at] = hash;
  }

  clear(): void {
    this.#slots.fill(undefined);
  }
}
