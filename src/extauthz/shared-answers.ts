/**
 * Answers that nothing of the request is in, encoded once: what the same rule decides again, and what is
 * refused again, is the same bytes.
 */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Decision } from '../pdp/decision.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { ProofEffects } from './proof-effects.ts';

export interface EncodedAnswer {
  readonly httpStatus: number;
  readonly bytes: Buffer;
}

/** Rules answer in a few ways each; stray headers, which a caller chooses, could make more of them. */
const MAX_ANSWERS = 10_000;

export class SharedAnswers {
  readonly #bySnapshot = new WeakMap<PolicySnapshot, Map<string, EncodedAnswer>>();
  readonly #withoutSnapshot = new Map<string, EncodedAnswer>();

  find(
    decision: Decision,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | null,
    stray: readonly string[],
    effects: ProofEffects,
  ): EncodedAnswer | null {
    const key = answerKey(decision, request, stray, effects);
    return key === null ? null : (this.#answersOf(snapshot).get(key) ?? null);
  }

  keep(
    decision: Decision,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | null,
    stray: readonly string[],
    effects: ProofEffects,
    answer: EncodedAnswer,
  ): void {
    const key = answerKey(decision, request, stray, effects);
    const answers = this.#answersOf(snapshot);
    if (key !== null && answers.size < MAX_ANSWERS) answers.set(key, answer);
  }

  #answersOf(snapshot: PolicySnapshot | null): Map<string, EncodedAnswer> {
    if (snapshot === null) return this.#withoutSnapshot;
    const known = this.#bySnapshot.get(snapshot);
    if (known !== undefined) return known;
    const answers = new Map<string, EncodedAnswer>();
    this.#bySnapshot.set(snapshot, answers);
    return answers;
  }
}

/** Everything that an answer is made of besides the snapshot; null: it has something of the request in it. */
function answerKey(
  decision: Decision,
  request: RequestAttributes | null,
  stray: readonly string[],
  effects: ProofEffects,
): string | null {
  const { reason, rule, shadow } = decision;
  // What is wrong with a token is told in its own words; what is taken from one is its own.
  if (reason === 'invalid_token' || effects.setHeaders.length > 0) return null;
  if (rule?.respond?.constant === false) return null;
  // A challenge says whether a token came (answer.ts); a request without a path gets no query changes.
  const ofRequest = request === null ? '' : `${request.path === '' ? '-' : '/'}${challengeKey(decision, request)}`;
  const ofShadow = shadow === null ? '' : `${shadow.reason}${shadow.rule?.ordinal ?? ''}`;
  return `${reason};${rule?.ordinal ?? ''};${ofRequest};${ofShadow};${stray.join()};${effects.text}`;
}

function challengeKey({ allowed }: Decision, request: RequestAttributes): string {
  if (allowed) return '';
  return `${request.hasAuthorization ? '+' : '-'}${request.claims === null ? '-' : '+'}`;
}
