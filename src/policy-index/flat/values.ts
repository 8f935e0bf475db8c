/**
 * Plain values as bytes: null, booleans, numbers, strings and lists of these. Lists that are equal lie there
 * once, so that ten thousand rules with the same operation hold one of it.
 */
import type { FlatReader, FlatWriter } from './format.ts';
import { GrowingBytes } from './growing.ts';
import type { TextReader, TextWriter } from './text.ts';

export type Value = null | boolean | number | string | readonly Value[];

const NULL = 0;
const FALSE = 1;
const TRUE = 2;
/** A natural number below 2^31 follows. */
const NATURAL = 3;
/** Eight bytes follow. */
const DOUBLE = 4;
/** The number of a string follows. */
const STRING = 5;
/** How many items, and they, follow. */
const LIST = 6;
/** Where a list stands follows. */
const FAR = 7;

/** A list of so many bytes is not worth a place of its own. */
const SMALL_LIST = 4;

/** Nesting of what is written here is that of the model: six lists or so. */
const MAX_DEPTH = 64;

export class ValueWriter {
  readonly #text: TextWriter;
  readonly #bytes = new GrowingBytes();
  readonly #lists = new Map<string, number>();

  constructor(text: TextWriter) {
    this.#text = text;
  }

  /** Where the value stands. */
  write(value: Value): number {
    return this.#place(this.#encode(value));
  }

  #place(encoded: string): number {
    let offset = this.#lists.get(encoded);
    if (offset === undefined) {
      offset = this.#bytes.length;
      this.#bytes.append(encoded);
      this.#lists.set(encoded, offset);
    }
    return offset;
  }

  #encode(value: Value): string {
    if (value === null) return String.fromCharCode(NULL);
    if (typeof value === 'boolean') return String.fromCharCode(value ? TRUE : FALSE);
    if (typeof value === 'string') return String.fromCharCode(STRING) + natural(this.#text.string(value));
    if (typeof value === 'number') {
      if (Number.isInteger(value) && value >= 0 && value < 2 ** 31 && !Object.is(value, -0))
        return String.fromCharCode(NATURAL) + natural(value);
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeDoubleLE(value);
      return String.fromCharCode(DOUBLE) + bytes.toString('latin1');
    }
    let encoded = String.fromCharCode(LIST) + natural(value.length);
    for (const item of value) {
      const inner = this.#encode(item);
      encoded +=
        Array.isArray(item) && inner.length > SMALL_LIST
          ? String.fromCharCode(FAR) + natural(this.#place(inner))
          : inner;
    }
    return encoded;
  }

  finish(writer: FlatWriter): void {
    writer.put('values', this.#bytes.taken);
  }
}

/** Seven bits a byte, the lowest first; the high bit says that more follow. */
function natural(value: number): string {
  let out = '';
  for (; value > 0x7f; value >>>= 7) out += String.fromCharCode((value & 0x7f) | 0x80);
  return out + String.fromCharCode(value);
}

export class ValueReader {
  readonly #text: TextReader;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(reader: FlatReader, text: TextReader) {
    this.#text = text;
    this.#bytes = reader.bytes('values');
  }

  read(offset: number): Value {
    this.#at = offset;
    return this.#value(0);
  }

  #natural(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number in a flat snapshot has no end');
  }

  #value(depth: number): Value {
    if (depth > MAX_DEPTH) throw new RangeError('a value in a flat snapshot is nested too deep');
    switch (this.#bytes[this.#at++]) {
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case NATURAL:
        return this.#natural();
      case DOUBLE:
        this.#at += 8;
        return this.#bytes.readDoubleLE(this.#at - 8);
      case STRING:
        return this.#text.string(this.#natural());
      case LIST: {
        const length = this.#natural();
        const list: Value[] = [];
        for (let i = 0; i < length; i++) list.push(this.#value(depth + 1));
        return list;
      }
      case FAR: {
        const place = this.#natural();
        const back = this.#at;
        this.#at = place;
        const value = this.#value(depth + 1);
        this.#at = back;
        return value;
      }
      default:
        throw new RangeError('a flat snapshot holds a value of no known kind');
    }
  }
}
