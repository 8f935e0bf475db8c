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
const COMPARED_HERE = 96;

/** Stands for a number among the parts: no range begins there. */
const NUMBER = -1;

/** A key in the making: one is enough for any number of looks, one after the other. */
export class SpanKey {
  #buffer: Buffer = Buffer.alloc(0);
  /** Start and end of each range; of a number, {@link NUMBER} and the number. */
  readonly #parts = new Int32Array(2 * MAX_PARTS);
  #count = 0;
  #bytes = 0;
  #hash = 0;
  #full = false;

  /** Forgets what was there. Ranges are of `buffer` until the next start. */
  start(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#count = 0;
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

  /** For keeping: what a later key is compared with. */
  freeze(): FrozenKey {
    const parts = new Int32Array(this.#count * 2);
    const bytes = Buffer.alloc(this.#bytes);
    let end = 0;
    for (let i = 0; i < parts.length; i += 2) {
      const start = this.#parts[i]!;
      parts[i] = start === NUMBER ? NUMBER : this.#parts[i + 1]! - start;
      parts[i + 1] = start === NUMBER ? this.#parts[i + 1]! : 0;
      if (start !== NUMBER) end += this.#buffer.copy(bytes, end, start, this.#parts[i + 1]);
    }
    return { parts, bytes };
  }

  equals({ parts, bytes }: FrozenKey): boolean {
    if (parts.length !== 2 * this.#count || bytes.length !== this.#bytes) return false;
    const buffer = this.#buffer;
    let kept = 0;
    for (let i = 0; i < parts.length; i += 2) {
      const start = this.#parts[i]!;
      const second = this.#parts[i + 1]!;
      if (start === NUMBER) {
        if (parts[i] !== NUMBER || parts[i + 1] !== second) return false;
        continue;
      }
      if (parts[i] !== second - start) return false;
      if (second - start > COMPARED_HERE) {
        const end = kept + second - start;
        if (buffer.compare(bytes, kept, end, start, second) !== 0) return false;
        kept = end;
        continue;
      }
      for (let at = start; at < second; at++) if (buffer[at] !== bytes[kept++]) return false;
    }
    return true;
  }
}

export interface FrozenKey {
  /** Length of each range and 0; of a number, {@link NUMBER} and the number. */
  readonly parts: Int32Array;
  readonly bytes: Buffer;
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 16);
}

interface Entry<Value> {
  readonly hash: number;
  readonly key: FrozenKey;
  readonly value: Value;
}

/** Ways in which a key can stand: what is asked for often survives one that falls on its place. */
const WAYS = 2;

/** Keeps what was kept lately: one that falls on the places of another puts the older of two out. */
export class SpanTable<Value> {
  readonly #slots: (Entry<Value> | undefined)[];
  readonly #mask: number;

  /** `capacity`: how many at most, rounded down to a power of two, 2 at least. */
  constructor(capacity: number) {
    const size = 2 ** Math.max(1, Math.floor(Math.log2(Math.max(2, capacity))));
    this.#slots = new Array<Entry<Value> | undefined>(size);
    this.#mask = size - WAYS;
  }

  find(key: SpanKey): Value | undefined {
    if (key.isFull) return undefined;
    const { hash } = key;
    const at = hash & this.#mask;
    const first = this.#slots[at];
    if (first !== undefined && first.hash === hash && key.equals(first.key)) return first.value;
    const second = this.#slots[at + 1];
    return second !== undefined && second.hash === hash && key.equals(second.key) ? second.value : undefined;
  }

  keep(key: SpanKey, value: Value): void {
    if (key.isFull) return;
    const { hash } = key;
    const at = hash & this.#mask;
    const first = this.#slots[at];
    if (first !== undefined && !(first.hash === hash && key.equals(first.key))) this.#slots[at + 1] = first;
    this.#slots[at] = { hash, key: key.freeze(), value };
  }

  clear(): void {
    this.#slots.fill(undefined);
  }
}
