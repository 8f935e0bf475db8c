/** Ids of decisions: unlike each other across processes and restarts, and cheap to put into an answer. */
import { randomBytes } from 'node:crypto';
import { encodeMetadataTail } from './check-response.ts';

/** 48 random bits tell processes apart; the counter tells the decisions of one. */
const PREFIX_BYTES = 6;
/** 36^9 decisions: three centuries at ten thousand a second. */
const COUNTER_LENGTH = 9;
const RADIX = 36;
const ID_LENGTH = PREFIX_BYTES * 2 + 1 + COUNTER_LENGTH;
const DIGITS = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz');

export class DecisionIds {
  readonly #prefix: string;
  /** The encoded field with this process's prefix in it: of all its answers, only the bytes of the counter differ. */
  readonly #tail: Buffer;
  #count = 0;

  constructor() {
    this.#prefix = `${randomBytes(PREFIX_BYTES).toString('hex')}-`;
    this.#tail = encodeMetadataTail(new Map([['decision_id', this.#prefix.padEnd(ID_LENGTH, '0')]]));
  }

  /** The number of the next decision, of which {@link text} makes an id. */
  next(): number {
    return this.#count++;
  }

  readonly text = (number: number): string => this.#prefix + number.toString(RADIX).padStart(COUNTER_LENGTH, '0');

  /** An encoded answer that may be shared, with the id of this one decision behind it. */
  append(answer: Buffer, number: number): Buffer {
    const bytes = Buffer.allocUnsafe(answer.length + this.#tail.length);
    bytes.set(answer);
    bytes.set(this.#tail, answer.length);
    for (let at = bytes.length, rest = number; rest > 0;) {
      const left = Math.floor(rest / RADIX);
      bytes[--at] = DIGITS[rest - left * RADIX]!;
      rest = left;
    }
    return bytes;
  }
}
