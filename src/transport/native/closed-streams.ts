/** What is remembered of streams that have closed, to tell a late frame from a mistake (RFC 9113 §5.1). */

/** The last ones that have ended, so that a mistake on them gets the right code. */
const REMEMBERED_ENDS = 64;
/** Streams that we have reset, on which trailers may be under way. Most connections have none, and no memory for them. */
const REMEMBERED_RESETS = 1_024;

/** A ring. */
class LastStreams {
  readonly #most: number;
  #ids = new Uint32Array();
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(streamId: number): void {
    if (this.#ids.length === 0) this.#ids = new Uint32Array(this.#most);
    this.#ids[this.#next] = streamId;
    this.#next = (this.#next + 1) % this.#most;
  }

  has(streamId: number): boolean {
    return this.#ids.includes(streamId);
  }
}

export class ClosedStreams {
  readonly #resets = new LastStreams(REMEMBERED_RESETS);
  readonly #ends = new LastStreams(REMEMBERED_ENDS);

  /** We have reset it: "An endpoint MUST ignore frames that it receives on closed streams after it has sent RST_STREAM". */
  reset(streamId: number): void {
    this.#resets.add(streamId);
  }

  wasReset(streamId: number): boolean {
    return this.#resets.has(streamId);
  }

  /** It has ended by itself, or the peer has reset it. */
  closed(streamId: number): void {
    this.#ends.add(streamId);
  }

  wasOpen(streamId: number): boolean {
    return this.#ends.has(streamId);
  }
}
