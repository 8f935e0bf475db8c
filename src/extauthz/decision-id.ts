/** Ids of decisions: unlike each other across processes and restarts, and cheap to put into an answer. */
import { randomBytes } from 'node:crypto';
import { encodeMetadataTail } from './check-response.ts';

/** 48 random bits tell processes apart; the counter tells the decisions of one. */
const PREFIX_BYTES = 6;
/** 36^9 decisions: three centuries at ten thousand a second. */
const COUNTER_LENGTH = 9;
const ID_LENGTH = PREFIX_BYTES * 2 + 1 + COUNTER_LENGTH;

export class DecisionIds {
  readonly #prefix = `${randomBytes(PREFIX_BYTES).toString('hex')}-`;
  #count = 0;

  next(): string {
    return this.#prefix + (this.#count++).toString(36).padStart(COUNTER_LENGTH, '0');
  }
}

/** The encoded field with a stand-in at its very end: all ids have one length, so only these bytes differ. */
const TAIL = encodeMetadataTail(new Map([['decision_id', ' '.repeat(ID_LENGTH)]]));

/** An encoded answer that may be shared, with the id of this one decision behind it. */
export function withDecisionId(answer: Buffer, id: string): Buffer {
  const bytes = Buffer.allocUnsafe(answer.length + TAIL.length);
  answer.copy(bytes);
  TAIL.copy(bytes, answer.length);
  bytes.write(id, bytes.length - ID_LENGTH, 'latin1');
  return bytes;
}
