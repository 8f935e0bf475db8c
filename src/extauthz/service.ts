/**
 * The way of a Check, on one page: receive → read → look up what was asked lately → pose → prove who asks → look up → decide → answer → record.
 * When there is more work than can be done in time, checks leave it with a denial before its costly stages (work-in-hand.ts).
 */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { decide } from '../pdp/decide.ts';
import { decision } from '../pdp/decision.ts';
import type { Decision } from '../pdp/decision.ts';
import { DecisionCache } from '../pdp/decision-cache.ts';
import type { Reason } from '../pdp/reason.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { CallTrace } from '../attributes/trace-context.ts';
import type { Workload } from '../attributes/workload.ts';
import { proofPlaces } from '../identity/authenticator.ts';
import type { Authenticator, IdentityOutcome } from '../identity/authenticator.ts';
import { answer, encodeAnswer } from './answer.ts';
import type { BadProof, DenialTexts } from './answer.ts';
import { JUST_REFUSE } from './ask-for-proof.ts';
import type { AskForProof } from './ask-for-proof.ts';
import { readCheckRequest } from './check-request.ts';
import { DecidedCheck } from './check-record.ts';
import type { CacheUse, CheckRecord } from './check-record.ts';
import type { CheckRequestView } from './check-request.ts';
import { SharedAnswers } from './shared-answers.ts';
import type { EncodedAnswer } from './shared-answers.ts';
import { DecisionIds } from './decision-id.ts';
import { isPlain, pose, strayHeaders } from './evaluate.ts';
import type { HeaderLimits, Question } from './evaluate.ts';
import { carriesProof, possessionOf, speaksForAnother } from './proofs.ts';
import { NO_EFFECTS, proofEffects } from './proof-effects.ts';
import type { ProofEffects } from './proof-effects.ts';
import { RecentChecks } from './recent-checks.ts';
import { RecentProofs } from './recent-proofs.ts';
import { ANY_WORK, WorkInHand } from './work-in-hand.ts';
import type { RefusedWork, WorkBounds } from './work-in-hand.ts';

/** What is known of the call, besides its bytes. */
export interface CheckContext {
  /** `Date.now()` milliseconds; Infinity: no deadline. */
  readonly deadlineMs: number;
  /** False when the client's certificate is not on the listener's list. */
  readonly peerAllowed: boolean;
  /** Which trace the call says that it belongs to; null or absent: none. */
  readonly trace?: CallTrace | null;
}

export interface CheckServiceOptions {
  /** The policies in force; null: none yet. */
  readonly snapshot: () => PolicySnapshot | null;
  readonly identity: Identity;
  readonly limits: HeaderLimits & {
    /** Largest CheckRequest that is looked at; a larger one is denied. */
    readonly maxMessageBytes: number;
  };
  readonly cache: { readonly maxEntries: number; readonly ttlSeconds: number };
  readonly texts: DenialTexts;
  /** Absent: any amount of work, and denials only. */
  readonly overload?: Overload;
  /** Absent: by a plain challenge. */
  readonly askForProof?: AskForProof;
  /** `false`: it had to be recorded and could not be, so that it is denied whatever was decided. */
  readonly record: (record: CheckRecord) => unknown;
  /** An error that should not have happened; the request was denied. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicNow?: () => number;
  /** Calls back when the event loop next comes round. */
  readonly atTurnEnd?: (end: () => void) => void;
}

export interface Overload extends WorkBounds {
  /** See {@link AnswerContext.errorResponse}. */
  readonly errorResponse: boolean;
}

const NO_BOUNDS: Overload = { ...ANY_WORK, errorResponse: false };

/** What proves who asks: identity/authenticator.ts. */
export type Identity = Pick<Authenticator, 'authenticate' | 'epoch'>;

/** What is known of a check before anything of it is read. */
interface Begun {
  /** Of the decision: its id is made where it is asked for. */
  readonly number: number;
  readonly startedMs: number;
  readonly trace: CallTrace | null;
}

/** A check whose rules are to be asked. */
interface Asked {
  readonly view: CheckRequestView;
  readonly snapshot: PolicySnapshot;
  readonly question: Extract<Question, { readonly refused: null }>;
  readonly plain: boolean;
  /** Of proofs, when it was asked. */
  readonly epoch: number;
  readonly deadlineMs: number;
  readonly begun: Begun;
}

interface ToAnswer {
  readonly snapshot?: PolicySnapshot | null;
  readonly request?: RequestAttributes | null;
  readonly stray?: readonly string[];
  readonly effects?: ProofEffects;
  readonly badProof?: BadProof | null;
  readonly begun: Begun;
}

interface CachedAnswer extends EncodedAnswer {
  readonly decision: Decision;
}

/** Without a deadline. Fetches have bounds of their own, which a configuration can set higher. */
const MAX_WAIT_MS = 10_000;

/** What is left of the time for the answer to be made and to arrive. */
function answerMs(leftMs: number): number {
  return Math.min(50, leftMs / 4);
}

const monotonicNow = (): number => performance.now();

export class CheckService {
  readonly #options: CheckServiceOptions;
  readonly #now: () => number;
  readonly #cache: DecisionCache<CachedAnswer>;
  readonly #recent: RecentChecks<CachedAnswer>;
  readonly #proofs = new RecentProofs();
  readonly #overload: Overload;
  readonly #work: WorkInHand;
  readonly #monotonicNow: () => number;
  readonly #ids = new DecisionIds();
  readonly #shared = new SharedAnswers();
  /** Of whose decisions the cache is. */
  #snapshot: PolicySnapshot | null = null;
  /** Of the proofs on which what was asked lately rests. */
  #epoch = -1;

  constructor(options: CheckServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#monotonicNow = options.monotonicNow ?? monotonicNow;
    this.#overload = options.overload ?? NO_BOUNDS;
    this.#work = new WorkInHand(this.#overload, options.atTurnEnd);
    this.#cache = new DecisionCache<CachedAnswer>({
      maxEntries: options.cache.maxEntries,
      // Other answers are shared by many entries. These a caller can make large: sixty headers of one long value.
      sizeOf: ({ decision, bytes }) => (decision.rule?.respond?.constant === false ? bytes.length : 0),
    });
    this.#recent = new RecentChecks(options.cache.maxEntries);
  }

  get cache(): DecisionCache<CachedAnswer> {
    return this.#cache;
  }

  /** Checks that wait now, and how many were refused as too much since the start. */
  get load(): { readonly waiting: number; readonly refused: RefusedWork } {
    return { waiting: this.#work.waiting, refused: this.#work.refused };
  }

  /**
   * Answers one Check: at once, unless something has to be fetched or verified first. null: the bytes are no
   * CheckRequest. Never throws or rejects, never allows by accident. `bytes` are read after an answer that is promised, too.
   */
  check(bytes: Uint8Array, context: CheckContext): Uint8Array | null | Promise<Uint8Array | null> {
    const startedMs = this.#monotonicNow();
    this.#work.begin(startedMs);
    const begun: Begun = { number: this.#ids.next(), startedMs, trace: context.trace ?? null };
    try {
      const answered = this.#check(bytes, context, begun);
      return answered instanceof Promise ? answered.catch((error: unknown) => this.#fail(error, begun)) : answered;
    } catch (error) {
      return this.#fail(error, begun);
    }
  }

  #fail(error: unknown, begun: Begun): Uint8Array {
    this.#options.onError(error);
    return this.#refuse('internal_error', begun);
  }

  #check(bytes: Uint8Array, context: CheckContext, begun: Begun): Uint8Array | null | Promise<Uint8Array | null> {
    const nowMs = this.#now();
    const snapshot = this.#options.snapshot();
    this.#turnTo(snapshot);
    const hindrance = this.#hindrance(bytes, context, nowMs);
    if (hindrance !== null) return this.#refuse(hindrance, begun);

    const view = readCheckRequest(bytes);
    if (view === null) return null;
    if (snapshot === null) return this.#refuse('not_ready', begun);

    const plain = isPlain(view, snapshot, this.#options.limits);
    const recent = plain ? this.#recent.find(view, nowMs, begun.startedMs) : null;
    if (recent !== null) {
      const { workload, value } = recent;
      this.#cache.countHit();
      return this.#finish(value, begun, 'hit', snapshot, view, workload);
    }
    if (this.#work.isFarTooMuch) {
      this.#work.countRefused('unread');
      return this.#refuse('overloaded', begun);
    }
    const question = pose(view, snapshot, this.#options.limits);
    if (question.refused !== null) {
      const { request, workload, refused } = question;
      const refusal = this.#answer(refused, { snapshot, request, begun });
      return this.#finish(refusal, begun, 'bypass', snapshot, request, workload);
    }

    const { deadlineMs } = context;
    const asked: Asked = { view, snapshot, question, plain, epoch: this.#epoch, deadlineMs, begun };
    const { request, scope } = question;
    if (scope.authentications.length === 0) return this.#decide(asked, NO_EFFECTS, Number.POSITIVE_INFINITY);
    const proven = this.#proofs.find(view, scope, nowMs);
    if (proven !== null) return this.#decideFor(proven, asked, false);
    if (carriesProof(request, scope)) {
      if (this.#work.isTooMuch(deadlineMs - nowMs)) return this.#refuseWork('undecided', asked);
      // Looking at it may be the work that there is no room for.
      if (!this.#work.hasRoom(bytes.length)) return this.#refuseWork('waiting', asked);
    }
    const { identity } = this.#options;
    const outcome = identity.authenticate(request, scope.authentications, possessionOf(request, scope), nowMs);
    if (!(outcome instanceof Promise)) return this.#decideFor(outcome, asked);
    if (!this.#work.hasRoom(bytes.length)) return this.#refuseWork('waiting', asked);
    this.#work.waits(bytes.length);
    return this.#await(outcome, asked, nowMs).finally(() => this.#work.hasWaited(bytes.length));
  }

  /** An answer that comes too late is none, and an Envoy may be told to let in whom nobody answers for. */
  async #await(outcome: Promise<IdentityOutcome>, asked: Asked, nowMs: number): Promise<Uint8Array> {
    const { deadlineMs } = asked;
    // It may have been waited for before its bytes were read.
    const leftMs = deadlineMs - nowMs - this.#work.spentMs;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), Math.max(0, Math.min(MAX_WAIT_MS, leftMs - answerMs(leftMs)))).unref();
    });
    try {
      const known = await Promise.race([outcome, late]);
      this.#work.begin(this.#monotonicNow());
      if (known === null) return this.#refuseAsked('identity_unavailable', asked);
      if (this.#now() >= deadlineMs) return this.#refuse('deadline_exceeded', asked.begun);
      return this.#decideFor(known, asked);
    } finally {
      clearTimeout(timer);
    }
  }

  /** For the one who was proven to ask, or for nobody. */
  #decideFor(outcome: IdentityOutcome, asked: Asked, isFresh = true): Uint8Array {
    const { request, scope } = asked.question;
    const { result } = outcome;
    if (result.outcome === 'none') return this.#decide(asked, NO_EFFECTS, Number.POSITIVE_INFINITY);
    if (result.outcome === 'unavailable') return this.#refuseAsked('identity_unavailable', asked);
    const { query } = proofPlaces(asked.question.scope.authentications);
    const mayBeInAddress = query && request.query !== null;
    if (result.outcome === 'invalid') {
      const { error, description } = result;
      return this.#refuseAsked('invalid_token', asked, { error, description, mayBeInAddress });
    }
    if (speaksForAnother(result.claims, request.relayedClaims)) {
      const description = 'two tokens that speak for two callers';
      return this.#refuseAsked('invalid_token', asked, { error: 'invalid_request', description, mayBeInAddress });
    }
    request.proven = result.claims;
    if (isFresh && this.#isOfNow(asked)) this.#proofs.keep(asked.view, scope, outcome, this.#now());
    return this.#decide(asked, proofEffects(outcome, request), result.untilMs);
  }

  #refuseAsked(reason: Reason, asked: Asked, badProof: BadProof | null = null, use: CacheUse = 'bypass'): Uint8Array {
    const { snapshot, question, begun } = asked;
    const { request, workload } = question;
    const refusal = this.#answer(decision(reason), { snapshot, request, begun, badProof });
    return this.#finish(refusal, begun, use, snapshot, request, workload);
  }

  #refuseWork(why: keyof RefusedWork, asked: Asked, use?: CacheUse): Uint8Array {
    this.#work.countRefused(why);
    return this.#refuseAsked('overloaded', asked, null, use);
  }

  /** What was asked under other policies or keys is answered by them, and not kept. */
  #isOfNow({ snapshot, epoch }: Asked): boolean {
    return snapshot === this.#snapshot && epoch === this.#epoch;
  }

  #decide(asked: Asked, effects: ProofEffects, proofUntilMs: number): Uint8Array {
    const { view, snapshot, begun } = asked;
    const { request, workload, scope } = asked.question;
    const nowMs = this.#now();
    const stray = strayHeaders(view, snapshot);
    // The answer to a request without a path changes no query, whatever the rules read.
    const beyondRules = `${request.path === '' ? '-' : '/'}${stray.join()};${effects.text}`;
    const key = this.#isOfNow(asked) ? this.#cache.key(scope, request, beyondRules) : null;
    const known = this.#cache.find(key, nowMs);
    if (known !== null) {
      const untilMs = Math.min(known.untilMs, proofUntilMs);
      const untilMonotonicMs = Math.min(known.untilMonotonicMs, performance.now() + untilMs - nowMs);
      const life = { fromMs: known.fromMs, untilMs, untilMonotonicMs };
      if (asked.plain) this.#recent.keep(view, scope, { workload, value: known.value }, life);
      return this.#finish(known.value, begun, 'hit', snapshot, request, workload);
    }
    const use = key === null ? 'bypass' : 'miss';
    if (this.#work.isTooMuch(asked.deadlineMs - nowMs)) return this.#refuseWork('undecided', asked, use);
    const decided = decide(scope, snapshot.settings, request, {
      nowMs,
      ttlMs: this.#options.cache.ttlSeconds * 1000,
      proofUntilMs,
    });
    const made = this.#answer(decided, { snapshot, request, stray, effects, begun });
    if (!made.perDecision) this.#cache.set(key, made, nowMs, made.decision.keepUntilMs);
    return this.#finish(made, begun, use, snapshot, request, workload);
  }

  /**
   * Decisions of another snapshot are never found again, and would keep all of it in memory. What was found without
   * looking at a proof rests on one that may have been revoked.
   */
  #turnTo(snapshot: PolicySnapshot | null): void {
    const { epoch } = this.#options.identity;
    if (snapshot === this.#snapshot && epoch === this.#epoch) return;
    if (snapshot !== this.#snapshot) this.#cache.clear();
    this.#recent.clear();
    this.#proofs.clear();
    this.#snapshot = snapshot;
    this.#epoch = epoch;
  }

  /** Why the request is not even looked at. */
  #hindrance(bytes: Uint8Array, context: CheckContext, nowMs: number): Reason | null {
    if (!context.peerAllowed) return 'peer_not_allowed';
    if (bytes.length > this.#options.limits.maxMessageBytes) return 'message_too_large';
    return nowMs >= context.deadlineMs ? 'deadline_exceeded' : null;
  }

  #answer(
    decided: Decision,
    { snapshot = null, request = null, stray = [], effects = NO_EFFECTS, badProof = null, begun }: ToAnswer,
  ): CachedAnswer & { readonly perDecision: boolean } {
    const shared = this.#shared.find(decided, snapshot, request, stray, effects);
    if (shared !== null) return { decision: decided, ...shared, perDecision: false };
    const made = answer(decided, {
      texts: this.#options.texts,
      errorResponse: this.#overload.errorResponse,
      askForProof: this.#options.askForProof ?? JUST_REFUSE,
      decisionId: this.#ids.text(begun.number),
      snapshot,
      request,
      strayHeaders: stray,
      effects,
      badProof,
    });
    const encoded = { httpStatus: made.deny?.httpStatus ?? 200, bytes: encodeAnswer(made) };
    if (made.decision === decided && !made.perDecision)
      this.#shared.keep(decided, snapshot, request, stray, effects, encoded);
    return { decision: made.decision, ...encoded, perDecision: made.perDecision };
  }

  #refuse(reason: Reason, begun: Begun): Uint8Array {
    return this.#finish(this.#answer(decision(reason), { begun }), begun, 'bypass', null, null, null);
  }

  #finish(
    made: CachedAnswer,
    begun: Begun,
    cache: CacheUse,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | CheckRequestView | null,
    workload: Workload | null,
  ): Uint8Array {
    const { number, startedMs, trace } = begun;
    let isRecorded: unknown;
    try {
      const { decision, httpStatus } = made;
      const durationMs = this.#monotonicNow() - startedMs;
      const facts = { trace, decision, cache, httpStatus, timeMs: this.#now(), durationMs, workload };
      isRecorded = this.#options.record(new DecidedCheck(facts, snapshot, request, this.#ids.text, number));
    } catch (error) {
      // What cannot be recorded is still decided; that the record failed is reported.
      this.#options.onError(error);
    }
    const { bytes } = isRecorded === false ? this.#answer(decision('audit_unavailable'), { begun }) : made;
    return this.#ids.append(bytes, number);
  }
}
