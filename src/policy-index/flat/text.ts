/** Every string of a snapshot once, as bytes. */
import { toByteString } from '../../attributes/bytes.ts';
import type { FlatReader, FlatWriter } from './format.ts';
import { GrowingBytes, GrowingWords } from './growing.ts';

export interface TextPlace {
  readonly offset: number;
  readonly length: number;
}

/** What Istio puts before a principal: pattern and value share their bytes. */
const SPIFFE = 'spiffe://';

export class TextWriter {
  readonly #bytes = new GrowingBytes();
  readonly #strings = new GrowingWords();
  readonly #places = new Map<string, TextPlace>();
  readonly #ids = new Map<string, number>();

  /** Where a byte string stands. */
  place(text: string): TextPlace {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = { offset: this.#bytes.length, length: text.length };
    this.#bytes.append(text);
    this.#places.set(text, place);
    if (text.startsWith(SPIFFE) && !this.#places.has(text.slice(SPIFFE.length)))
      this.#places.set(text.slice(SPIFFE.length), {
        offset: place.offset + SPIFFE.length,
        length: text.length - SPIFFE.length,
      });
    return place;
  }

  /** Where a byte string stands that nothing else is equal to. */
  append(text: string): number {
    const offset = this.#bytes.length;
    this.#bytes.append(text);
    return offset;
  }

  /** The number of a string (text, not bytes). */
  string(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      const { offset, length } = this.place(toByteString(text));
      id = this.#strings.length / 2;
      this.#strings.push(offset);
      this.#strings.push(length);
      this.#ids.set(text, id);
    }
    return id;
  }

  finish(writer: FlatWriter): void {
    writer.put('text', this.#bytes.taken);
    writer.put('strings', this.#strings.taken);
  }
}

export class TextReader {
  readonly #bytes: Buffer;
  readonly #strings: Uint32Array;

  constructor(reader: FlatReader) {
    this.#bytes = reader.bytes('text');
    this.#strings = reader.words('strings');
  }

  /** The text with this number. */
  string(id: number): string {
    const offset = this.#strings[2 * id]!;
    return this.#bytes.toString('utf8', offset, offset + this.#strings[2 * id + 1]!);
  }

  /** The byte string at a place. */
  bytes(offset: number, length: number): string {
    return this.#bytes.toString('latin1', offset, offset + length);
  }
}
