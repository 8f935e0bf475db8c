/** What is remembered of streams that have closed, to tell a late frame from a mistake (RFC 9113 §5.1). */

/** The last ones that have ended, so that a mistake on them gets the right code. A power of two. */
const REMEMBERED_ENDS = 64;

export class ClosedStreams {
  readonly #maxResets: number;
  readonly #resets = new Set<number>();
  readonly #ends = new Uint32Array(REMEMBERED_ENDS);
  #next = 0;

  constructor(maxResets: number) {
    this.#maxResets = maxResets;
  }

  /** We have reset it: "An endpoint MUST ignore frames that it receives on closed streams after it has sent RST_STREAM". */
  reset(streamId: number): void {
    this.#resets.add(streamId);
    if (this.#resets.size <= this.#maxResets) return;
    for (const oldest of this.#resets) {
      this.#resets.delete(oldest);
      return;
    }
  }

  wasReset(streamId: number): boolean {
    return this.#resets.has(streamId);
  }

  closed(streamId: number): void {
    this.#ends[this.#next] = streamId;
    this.#next = (this.#next + 1) & (REMEMBERED_ENDS - 1);
  }

  wasOpen(streamId: number): boolean {
    return this.#ends.includes(streamId);
  }
}
