/**
 * How much work there is, and how much more may be begun.
 *
 * A check is decided as soon as its bytes are read, so what has not been decided stands in sockets, where flow control
 * bounds it. How long it has stood there is what was done since the event loop last came round to read: a turn. Only what
 * has to be verified or fetched first waits here, so many and so many bytes of it.
 */

export interface WorkBounds {
  /** Milliseconds of work in a turn, above which nothing new is decided; above twice as many nothing is made out. */
  readonly maxTurnMs: number;
  /** Checks that wait for a proof to be verified or fetched. */
  readonly maxWaiting: number;
}

export interface RefusedWork {
  /** Nothing that was kept answered them, so that rules or proofs would have had to be looked at. */
  readonly undecided: number;
  /** Not what was asked lately word for word, which is all that was looked at. */
  readonly unread: number;
  /** Proofs that would have had to be waited for, beside enough others. */
  readonly waiting: number;
}

/** Where work is not bounded: whoever asks many things in one go. */
export const ANY_WORK: WorkBounds = { maxTurnMs: Number.POSITIVE_INFINITY, maxWaiting: 4096 };

/** No decision takes as long: a collection of garbage, or a process that was stopped, is no load. */
const MAX_STEP_MS = 5;
/**
 * What is known only by what a request means costs about as much as to ask some rules, and four times as much as what is
 * found by its bytes: above twice the bound it is not looked for any more.
 */
const UNREAD_FACTOR = 2;
/** Of the messages that waiting checks hold. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

export class WorkInHand {
  readonly #bounds: WorkBounds;
  readonly #atTurnEnd: (end: () => void) => void;
  #spentMs = 0;
  #lastMs = 0;
  #turning = false;
  #waiting = 0;
  #waitingBytes = 0;
  readonly #refused = { undecided: 0, unread: 0, waiting: 0 };

  constructor(bounds: WorkBounds, atTurnEnd: (end: () => void) => void = setImmediate) {
    this.#bounds = bounds;
    this.#atTurnEnd = atTurnEnd;
  }

  readonly #endTurn = (): void => {
    this.#turning = false;
    this.#spentMs = 0;
  };

  /**
   * A check begins, or goes on after it has waited. The time since the one before it is what that one took, from its
   * bytes to its answer, transport and log included.
   */
  begin(monotonicMs: number): void {
    if (this.#turning) {
      const stepMs = monotonicMs - this.#lastMs;
      this.#spentMs += stepMs < MAX_STEP_MS ? stepMs : MAX_STEP_MS;
    } else {
      this.#turning = true;
      this.#atTurnEnd(this.#endTurn);
    }
    this.#lastMs = monotonicMs;
  }

  /** Of work in this turn, which is what a check that is read now may have waited already. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /**
   * Nothing new is to be decided: there is too much to do, or whoever asks has probably stopped waiting. `leftMs`: until
   * its deadline, which counts from the time at which its bytes were read.
   */
  isTooMuch(leftMs: number): boolean {
    return this.#spentMs > this.#bounds.maxTurnMs || this.#spentMs >= leftMs;
  }

  /** Nothing is to be made out. */
  get isFarTooMuch(): boolean {
    return this.#spentMs > this.#bounds.maxTurnMs * UNREAD_FACTOR;
  }

  /** Is there room for one more that waits, with so many bytes? */
  hasRoom(bytes: number): boolean {
    return this.#waiting < this.#bounds.maxWaiting && this.#waitingBytes + bytes <= MAX_WAITING_BYTES;
  }

  waits(bytes: number): void {
    this.#waiting++;
    this.#waitingBytes += bytes;
  }

  hasWaited(bytes: number): void {
    this.#waiting--;
    this.#waitingBytes -= bytes;
  }

  countRefused(why: keyof RefusedWork): void {
    this.#refused[why]++;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get refused(): RefusedWork {
    return { ...this.#refused };
  }
}
