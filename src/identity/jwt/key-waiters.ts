import type { KeySet, KeySource } from '../proof.ts';

/**
 * Tokens that wait for keys of one provider. Those whose key is there do not wait, so a flood of tokens with unknown
 * keys, or a provider without any, holds up nobody else; it only fills this, and past it nobody waits.
 */
const MAX_WAITING = 1_000;

export class KeyWaiters {
  readonly #waiting = new WeakMap<KeySource, number>();

  /** null: still none, or too many wait already. */
  async wait(keys: KeySource, wait: () => Promise<KeySet | null>): Promise<KeySet | null> {
    const others = this.#waiting.get(keys) ?? 0;
    if (others >= MAX_WAITING) return null;
    this.#waiting.set(keys, others + 1);
    try {
      return await wait();
    } finally {
      this.#waiting.set(keys, this.#waiting.get(keys)! - 1);
    }
  }
}
