/** A header block that is spread over HEADERS and CONTINUATION frames (RFC 9113 §4.3). */
import { MAX_HEADER_BLOCK_BYTES, MAX_HEADER_BLOCK_FRAMES } from './bounds.ts';
import { ConnectionError } from './connection-error.ts';
import { ErrorCode } from './frame.ts';
import type { MemoryAccount } from './memory-budget.ts';

export class HeaderBlock {
  readonly #memory: MemoryAccount;
  streamId = 0;
  endStream = false;
  dependsOnItself = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(memory: MemoryAccount) {
    this.#memory = memory;
  }

  get isOpen(): boolean {
    return this.streamId !== 0;
  }

  begin(
    streamId: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.dependsOnItself = dependsOnItself;
    this.add(bytes, start, end);
  }

  /** Copied, and into memory of its own: a view would hold all that came in the same read, the pool all that is in a slab. */
  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const tooLarge = this.#parts.length >= MAX_HEADER_BLOCK_FRAMES || this.#bytes + length > MAX_HEADER_BLOCK_BYTES;
    if (tooLarge) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'header block too large');
    this.#memory.take(length);
    const part = Buffer.allocUnsafeSlow(length);
    bytes.copy(part, 0, start, end);
    this.#parts.push(part);
    this.#bytes += length;
  }

  end(): Buffer {
    const block = Buffer.concat(this.#parts);
    this.drop();
    return block;
  }

  drop(): void {
    this.#memory.giveBack(this.#bytes);
    this.streamId = 0;
    this.#parts = [];
    this.#bytes = 0;
  }
}
