import { isUtf8 } from '../../attributes/bytes.ts';
import { WireError } from './reader.ts';

/** Writes protobuf messages. Answers are written once for equal decisions, so clarity comes before speed. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** A varint field; zero is written too (presence can matter, as in BoolValue's parent). */
  number(field: number, value: number): this {
    this.#tag(field, 0);
    return this.#varint(value);
  }

  /**
   * A string field from a byte string. One that is no UTF-8 is an error: whoever reads protobuf would refuse the whole
   * message, and what an Envoy does with an answer that it cannot read is not for the one who asks to choose.
   */
  text(field: number, bytes: string): this {
    if (!isUtf8(bytes)) throw new WireError('a text that is no UTF-8');
    return this.bytes(field, Buffer.from(bytes, 'latin1'));
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#tag(field, 2);
    this.#varint(bytes.length);
    return this.#push(bytes);
  }

  message(field: number, write: (writer: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  bool(field: number, value: boolean): this {
    return this.number(field, value ? 1 : 0);
  }

  double(field: number, value: number): this {
    this.#tag(field, 1);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.#push(bytes);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): this {
    const bytes: number[] = [];
    while (value >= 0x80) {
      bytes.push((value % 0x80) | 0x80);
      value = Math.floor(value / 0x80);
    }
    bytes.push(value);
    return this.#push(Uint8Array.from(bytes));
  }

  #push(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}
