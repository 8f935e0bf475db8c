/**
 * A message that came in several pieces ("Length-Prefixed-Message → Compressed-Flag Message-Length Message"), put
 * together in memory that grows with what has come, not with what was announced.
 */
import { MESSAGE_CUT_OFF, MESSAGE_TOO_LARGE, ONE_MESSAGE_EXPECTED, TOO_MUCH_AT_ONCE } from './call-status.ts';
import type { Status } from './call-status.ts';
import { readUint32 } from './frame.ts';
import type { MemoryAccount } from './memory-budget.ts';

export const MESSAGE_PREFIX_BYTES = 5;

const FIRST_BYTES = 16 * 1024;

export class MessageReader {
  readonly #maxBytes: number;
  readonly #memory: MemoryAccount;
  readonly #prefix = new Uint8Array(MESSAGE_PREFIX_BYTES);
  #prefixBytes = 0;
  #message: Uint8Array = new Uint8Array();
  #announced = 0;
  #length = 0;

  constructor(maxBytes: number, memory: MemoryAccount) {
    this.#maxBytes = maxBytes;
    this.#memory = memory;
  }

  /** What it holds of the budget. */
  get heldBytes(): number {
    return this.#message.length;
  }

  get compressed(): boolean {
    return this.#prefix[0] !== 0;
  }

  /** Returns why the call has to end, or null. */
  push(bytes: Uint8Array, start: number, end: number): Status | null {
    let at = start;
    while (this.#prefixBytes < MESSAGE_PREFIX_BYTES) {
      if (at === end) return null;
      this.#prefix[this.#prefixBytes++] = bytes[at++]!;
      if (this.#prefixBytes < MESSAGE_PREFIX_BYTES) continue;
      this.#announced = readUint32(this.#prefix, 1);
      if (this.#announced > this.#maxBytes) return MESSAGE_TOO_LARGE;
    }
    const length = this.#length + end - at;
    if (length > this.#announced) return ONE_MESSAGE_EXPECTED;
    if (length > this.#message.length && !this.#grow(length)) return TOO_MUCH_AT_ONCE;
    this.#message.set(bytes.subarray(at, end), this.#length);
    this.#length = length;
    return null;
  }

  /** The whole message, when nothing more comes; it is no longer in the budget. */
  end(): Uint8Array | Status {
    if (this.#prefixBytes === 0) return ONE_MESSAGE_EXPECTED;
    if (this.#prefixBytes < MESSAGE_PREFIX_BYTES || this.#length < this.#announced) return MESSAGE_CUT_OFF;
    const message = this.#message.subarray(0, this.#length);
    this.drop();
    return message;
  }

  drop(): void {
    this.#memory.giveBack(this.#message.length);
    this.#message = new Uint8Array();
  }

  #grow(needed: number): boolean {
    const size = Math.min(this.#announced, Math.max(needed, 2 * this.#message.length, FIRST_BYTES));
    if (!this.#memory.tryTake(size - this.#message.length)) return false;
    // Not from the pool of small buffers: the handler may keep it.
    const grown = new Uint8Array(size);
    grown.set(this.#message.subarray(0, this.#length));
    this.#message = grown;
    return true;
  }
}
