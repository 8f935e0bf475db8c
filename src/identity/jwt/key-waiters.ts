import type { KeySet, KeySource } from '../proof.ts';

/**
 * Tokens that wait for keys of one provider. Those whose key is there do not wait, so a flood of tokens with unknown
 * keys, or a provider without any, holds up nobody else; it only fills this, and past it nobody waits.
 */
const MAX_WAITING = 1_000;

/** Of all providers: each token that waits holds its request, up to some 60 KiB of headers. */
const MAX_WAITING_IN_ALL = 4_000;

export class KeyWaiters {
  readonly #waiting = new WeakMap<KeySource, number>();
  #inAll = 0;

  /** null: still none, or too many wait already. */
  async wait(keys: KeySource, wait: () => Promise<KeySet | null>): Promise<KeySet | null> {
    const others = this.#waiting.get(keys) ?? 0;
    if (others >= MAX_WAITING || this.#inAll >= MAX_WAITING_IN_ALL) return null;
    this.#waiting.set(keys, others + 1);
    this.#inAll += 1;
    try {
      return await wait();
    } finally {
      this.#waiting.set(keys, this.#waiting.get(keys)! - 1);
      this.#inAll -= 1;
    }
  }
}
