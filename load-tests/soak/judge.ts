/** Whether an answer is what the set of its revision says. */
import type { Claim } from '../../src/attributes/claim.ts';
import { WireReader } from '../../src/extauthz/wire/reader.ts';
import { readStruct } from '../../src/extauthz/wire/struct.ts';
import { CLASSES, isAllowed } from '../reload/policies.ts';
import type { SetName } from '../reload/policies.ts';

/** The revision of each set, as the service told it when it had loaded them. */
export type Revisions = Readonly<Record<SetName, string>>;

/** The verdict on an answer that says so itself. */
export const OVERLOADED = Symbol('overloaded');

/** Answers that are remembered, far more than are ever on their way; different ones are a few for each rule that allows. */
const MAX_KNOWN = 50_000;

interface Known {
  readonly allowed: boolean;
  readonly set: SetName | null;
  /** What is wrong with the answer whatever was asked. */
  readonly broken: string | null;
  /** The service had too much in hand to look at the request. */
  readonly overloaded: boolean;
  /** All of it but its id, for words about it. */
  readonly told: string;
}

export class Judge {
  readonly #revisions: Revisions;
  /** The set that must answer what is asked from now on; null: either. */
  #only: SetName | null = null;
  #epoch = 0;
  /** Where in {@link #answers} is the answer with these bytes before the decision's id, which stands at the end. */
  readonly #places = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #answers: Known[] = [];
  #next = 0;
  #idBytes = 0;

  constructor(revisions: Revisions) {
    this.#revisions = revisions;
  }

  /** A request is sent in an epoch, which ends when it becomes another set's turn. */
  get epoch(): number {
    return this.#epoch;
  }

  expectOnly(set: SetName | null): void {
    this.#only = set;
    this.#epoch++;
  }

  /** Reads an answer; what it returns stands for it in {@link verdict}, which is to be asked soon. */
  read(bytes: Buffer, start: number, end: number): number {
    if (this.#idBytes > 0) {
      const place = this.#places.get(bytes.toString('latin1', start, end - this.#idBytes));
      if (place !== undefined) return place;
    }
    const answer = bytes.subarray(start, end);
    const { known, id } = this.#look(answer);
    const place = this.#next;
    this.#next = (this.#next + 1) % MAX_KNOWN;
    this.#places.delete(this.#keys[place] ?? '');
    this.#answers[place] = known;
    // Without its id at its end, no other answer is equal to it.
    const ends = id !== '' && answer.toString('latin1', answer.length - id.length) === id;
    if (ends) this.#idBytes = id.length;
    this.#keys[place] = ends ? answer.toString('latin1', 0, answer.length - id.length) : '';
    if (ends) this.#places.set(this.#keys[place], place);
    return place;
  }

  /** What is wrong with it; null: nothing. `kind` is the number of the request's class. */
  verdict(kind: number, epoch: number, place: number): string | typeof OVERLOADED | null {
    const { allowed, set, broken, overloaded, told } = this.#answers[place]!;
    // Such an answer was made without a look at any policies, and need not name a revision.
    if (overloaded && !allowed) return OVERLOADED;
    if (broken !== null || set === null) return broken;
    const of = CLASSES[kind]!;
    if (isAllowed(of, set) !== allowed) return `${of} was ${allowed ? 'allowed' : 'denied'} by set ${set}: ${told}`;
    if (this.#only !== null && set !== this.#only && epoch === this.#epoch)
      return `set ${set} answered when ${this.#only} was in force`;
    return null;
  }

  #look(answer: Buffer): { readonly known: Known; readonly id: string } {
    const { code, metadata } = readAnswer(answer);
    const allowed = code === 0;
    const revision = metadata.get('revision');
    const set: SetName | null = revision === this.#revisions.a ? 'a' : revision === this.#revisions.b ? 'b' : null;
    const told = JSON.stringify([code, ...metadata]);
    const broken =
      set === null
        ? `an answer of no known revision: ${told}`
        : (metadata.get('decision') === 'allow') !== allowed
          ? `an answer that contradicts itself: ${told}`
          : null;
    const id = metadata.get('decision_id');
    const overloaded = metadata.get('reason') === 'overloaded';
    return { known: { allowed, set, broken, overloaded, told }, id: typeof id === 'string' ? id : '' };
  }
}

/** CheckResponse: `status` (1) with its `code` (1), and `dynamic_metadata` (4), which comes in two parts to be merged. */
function readAnswer(bytes: Buffer): { readonly code: number; readonly metadata: ReadonlyMap<string, Claim> } {
  let code = 0;
  const metadata = new Map<string, Claim>();
  const response = new WireReader(bytes);
  while (response.next()) {
    if (response.field === 1) {
      const status = response.message();
      while (status.next()) {
        if (status.field === 1) code = status.number();
        else status.skip();
      }
    } else if (response.field === 4)
      for (const [name, value] of readStruct(response.message())) metadata.set(name, value);
    else response.skip();
  }
  return { code, metadata };
}
