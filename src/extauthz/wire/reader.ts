/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding), read in place.
 *
 * A {@link WireReader} walks one message within a byte range: `next()` moves to a field, then exactly one
 * of the value methods or `skip()` takes its value. Anything malformed throws {@link WireError}.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

export class WireReader {
  readonly buffer: Buffer;
  /** Number and wire type of the field that `next()` found. */
  field = 0;
  wireType = 0;
  #at: number;
  readonly #end: number;
  /** Range of the last value taken with {@link range}. */
  start = 0;
  end = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  /** False at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.varint();
    // Field numbers are 1 to 2^29 − 1; a varint of ten bytes can also come back negative.
    if (tag < 8 || tag > 0xffffffff) throw new WireError('field number');
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  /** An unsigned varint below 2^53; negative int64 values (ten bytes) come back as negative numbers. */
  varint(): number {
    const { buffer } = this;
    let at = this.#at;
    const end = this.#end;
    let byte = at < end ? buffer[at++]! : this.#cut();
    if (byte < 0x80) {
      this.#at = at;
      return byte;
    }
    let low = byte & 0x7f;
    let shift = 7;
    for (; shift < 28; shift += 7) {
      byte = at < end ? buffer[at++]! : this.#cut();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        return low;
      }
    }
    // 28 bits are in `low`; up to 36 more come in `high`.
    let high = 0;
    let scale = 1;
    for (let i = 0; i < 6; i++) {
      byte = at < end ? buffer[at++]! : this.#cut();
      high += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        this.#at = at;
        if (high >= 2 ** 36) throw new WireError('varint past 64 bits');
        // Two's complement: the sign is bit 63, bit 35 of `high`. Taken off before the sum, where it would be rounded.
        return (high >= 2 ** 35 ? high - 2 ** 36 : high) * 0x10000000 + low;
      }
    }
    throw new WireError('varint longer than ten bytes');
  }

  /** Takes a length-delimited value: its range is in `start` and `end`. */
  range(): void {
    if (this.wireType !== BYTES) throw new WireError('wire type');
    const length = this.varint();
    const start = this.#at;
    if (length < 0 || length > this.#end - start) throw new WireError('length past the end');
    this.start = start;
    this.end = start + length;
    this.#at = this.end;
  }

  /** A length-delimited value as a byte string. */
  text(): string {
    this.range();
    return this.buffer.toString('latin1', this.start, this.end);
  }

  /** A length-delimited value as a message of its own. */
  message(): WireReader {
    this.range();
    return new WireReader(this.buffer, this.start, this.end);
  }

  number(): number {
    if (this.wireType !== VARINT) throw new WireError('wire type');
    return this.varint();
  }

  double(): number {
    if (this.wireType !== FIXED64) throw new WireError('wire type');
    const at = this.#at;
    this.#skipBytes(8);
    return this.buffer.readDoubleLE(at);
  }

  skip(): void {
    switch (this.wireType) {
      case VARINT:
        this.varint();
        return;
      case FIXED64:
        this.#skipBytes(8);
        return;
      case BYTES:
        this.range();
        return;
      case FIXED32:
        this.#skipBytes(4);
        return;
      default:
        // 3 and 4 are groups, which proto3 does not have; 6 and 7 do not exist.
        throw new WireError('wire type');
    }
  }

  #skipBytes(count: number): void {
    if (this.#at + count > this.#end) this.#cut();
    this.#at += count;
  }

  #cut(): never {
    throw new WireError('cut short');
  }
}
