/**
 * Messages whose handlers take their time. Each is a view on all that came in the same read, and keeps that in memory, so that is what
 * is counted; once for all of its messages.
 */
import type { MemoryAccount } from './memory-budget.ts';

export interface HeldBuffer {
  readonly buffer: ArrayBufferLike;
  messages: number;
}

export class HeldMessages {
  readonly #memory: MemoryAccount;
  #last: HeldBuffer | null = null;

  constructor(memory: MemoryAccount) {
    this.#memory = memory;
  }

  /** Throws {@link ConnectionError} when it is too much. */
  hold({ buffer }: Uint8Array): HeldBuffer {
    if (this.#last?.buffer === buffer) {
      this.#last.messages++;
      return this.#last;
    }
    this.#memory.take(buffer.byteLength);
    return (this.#last = { buffer, messages: 1 });
  }

  release(held: HeldBuffer): void {
    if (--held.messages > 0) return;
    if (this.#last === held) this.#last = null;
    this.#memory.giveBack(held.buffer.byteLength);
  }
}
