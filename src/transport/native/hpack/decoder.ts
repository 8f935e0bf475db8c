/**
 * Header blocks to fields (RFC 7541 §3 and §6). What bounds it: a block is whole and bounded before it comes here, the table has
 * the size that the protocol starts with, and no list is kept: the sink gets one field after the other.
 */
import { DynamicTable } from './dynamic-table.ts';
import { HeaderField } from './header-field.ts';
import { HpackError } from './hpack-error.ts';
import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';

/** SETTINGS_HEADER_TABLE_SIZE is left at what it starts with (RFC 9113 §6.5.2). */
export const TABLE_BYTES = 4_096;

/** §5.1 wants a bound on integers. Four octets after the first reach 2^28, far beyond any block. */
const MAX_INTEGER_OCTETS = 4;

export interface FieldSink {
  field(field: HeaderField): void;
}

/** One string at a time is decoded, on one thread. It grows to 8/5 of the longest block at most. */
let scratch = Buffer.allocUnsafeSlow(8_192);

export class HpackDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  #bytes: Buffer = scratch;
  #at = 0;
  #end = 0;

  /** While this stays the same, equal blocks mean the same fields. */
  get generation(): number {
    return this.#table.generation;
  }

  /** Throws {@link HpackError}, after which the decoder is of no use. */
  decode(block: Buffer, start: number, end: number, sink: FieldSink): void {
    this.#bytes = block;
    this.#at = start;
    this.#end = end;
    let fieldSeen = false;
    while (this.#at < end) {
      const first = block[this.#at]!;
      if ((first & 0x80) !== 0) {
        // §6.1 Indexed Header Field.
        sink.field(this.#indexed(this.#integer(0x7f)));
      } else if ((first & 0x40) !== 0) {
        // §6.2.1 Literal Header Field with Incremental Indexing.
        const field = this.#literal(0x3f);
        this.#table.add(field);
        sink.field(field);
      } else if ((first & 0x20) !== 0) {
        // §6.3 Dynamic Table Size Update; §4.2: "MUST occur at the beginning of the first header block".
        if (fieldSeen) throw new HpackError('table size update behind a field');
        const bytes = this.#integer(0x1f);
        if (bytes > TABLE_BYTES) throw new HpackError('table size update above the setting');
        this.#table.resize(bytes);
        continue;
      } else {
        // §6.2.2 without Indexing, and §6.2.3 Never Indexed: the same but for who sends it on, which nobody does here.
        sink.field(this.#literal(0x0f));
      }
      fieldSeen = true;
    }
    // The memory of the block is not held by a connection that waits.
    this.#bytes = scratch;
  }

  #indexed(index: number): HeaderField {
    // §6.1: "The index value of 0 is not used. It MUST be treated as a decoding error". §2.3.3 for those behind the end.
    const field =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table.at(index - STATIC_TABLE.length - 1);
    if (field === undefined) throw new HpackError('no such index');
    return field;
  }

  #literal(prefix: number): HeaderField {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#indexed(index).name;
    return new HeaderField(name, this.#string());
  }

  /** §5.1; `prefix` is the largest number that fits into the first octet, all ones. */
  #integer(prefix: number): number {
    let value = this.#octet() & prefix;
    if (value < prefix) return value;
    for (let i = 0; i < MAX_INTEGER_OCTETS; i++) {
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** (7 * i);
      if (octet < 0x80) return value;
    }
    throw new HpackError('integer too large');
  }

  #octet(): number {
    if (this.#at >= this.#end) throw new HpackError('block cut off');
    return this.#bytes[this.#at++]!;
  }

  /** §5.2. */
  #string(): string {
    const huffman = this.#at < this.#end && (this.#bytes[this.#at]! & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw new HpackError('string cut off');
    this.#at = end;
    if (!huffman) return this.#bytes.toString('latin1', start, end);
    const most = Math.ceil((length * 8) / 5);
    if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
    return scratch.toString('latin1', 0, decodeHuffman(this.#bytes, start, end, scratch));
  }
}
