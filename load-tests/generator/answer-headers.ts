/** The header blocks of answers. Those that are equal byte for byte are decoded once, as long as the table stays as it is. */
import { HpackDecoder } from '../../src/transport/native/hpack/decoder.ts';
import type { HeaderField } from '../../src/transport/native/hpack/header-field.ts';

/** What a block says; -1: nothing of it. */
export interface AnswerFields {
  readonly httpStatus: number;
  readonly grpcStatus: number;
}

/** A server has a block for the beginning of an answer and one for its end, and few others. */
const KEPT = 8;

export class AnswerHeaders {
  readonly #decoder = new HpackDecoder();
  readonly #kept: { readonly block: Buffer; readonly fields: AnswerFields }[] = [];
  #generation = this.#decoder.generation;

  read(bytes: Buffer, start: number, end: number): AnswerFields {
    for (const { block, fields } of this.#kept) if (isSame(block, bytes, start, end)) return fields;
    let httpStatus = -1;
    let grpcStatus = -1;
    const field = ({ name, value }: HeaderField): void => {
      if (name === ':status') httpStatus = Number(value);
      else if (name === 'grpc-status') grpcStatus = Number(value);
    };
    this.#decoder.decode(bytes, start, end, { field });
    const fields = { httpStatus, grpcStatus };
    if (this.#decoder.generation !== this.#generation) {
      // The same bytes may mean something else now.
      this.#generation = this.#decoder.generation;
      this.#kept.length = 0;
    } else if (this.#kept.length < KEPT) this.#kept.push({ block: Buffer.from(bytes.subarray(start, end)), fields });
    return fields;
  }
}

function isSame(block: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== block.length) return false;
  for (let i = 0; i < block.length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}
