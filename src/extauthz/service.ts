/**
 * The way of a Check, on one page: receive → read → pose → look up → decide → answer → record.
 */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { decide } from '../pdp/decide.ts';
import { decision } from '../pdp/decision.ts';
import type { Decision } from '../pdp/decision.ts';
import { DecisionCache } from '../pdp/decision-cache.ts';
import type { Reason } from '../pdp/reason.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { Workload } from '../attributes/workload.ts';
import { answer, encodeAnswer } from './answer.ts';
import type { DenialTexts } from './answer.ts';
import { readCheckRequest } from './check-request.ts';
import { SharedAnswers } from './shared-answers.ts';
import type { EncodedAnswer } from './shared-answers.ts';
import { DecisionIds, withDecisionId } from './decision-id.ts';
import { attributesOf, isPlain, pose, strayHeaders } from './evaluate.ts';
import type { HeaderLimits } from './evaluate.ts';
import { RecentChecks } from './recent-checks.ts';

/** What is known of the call, besides its bytes. */
export interface CheckContext {
  /** `Date.now()` milliseconds; Infinity: no deadline. */
  readonly deadlineMs: number;
  /** False when the client's certificate is not on the listener's list. */
  readonly peerAllowed: boolean;
}

export type CacheUse = 'bypass' | 'miss' | 'hit';

/** Everything about one decided check, for metrics and the decision log. Valid only during the call. */
export interface CheckRecord {
  readonly id: string;
  readonly decision: Decision;
  /** Not asked, asked in vain, or the answer came from there. */
  readonly cache: CacheUse;
  /** Of the answer; 200 on allow. */
  readonly httpStatus: number;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly durationMs: number;
  /** null when the request was not read. */
  readonly request: RequestAttributes | null;
  readonly workload: Workload | null;
  readonly revision: string | null;
}

export interface CheckServiceOptions {
  /** The policies in force; null: none yet. */
  readonly snapshot: () => PolicySnapshot | null;
  readonly limits: HeaderLimits & {
    /** Largest CheckRequest that is looked at; a larger one is denied. */
    readonly maxMessageBytes: number;
  };
  readonly cache: { readonly maxEntries: number; readonly ttlSeconds: number };
  readonly texts: DenialTexts;
  readonly record: (record: CheckRecord) => void;
  /** An error that should not have happened; the request was denied. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface CachedAnswer extends EncodedAnswer {
  readonly decision: Decision;
}

export class CheckService {
  readonly #options: CheckServiceOptions;
  readonly #now: () => number;
  readonly #cache: DecisionCache<CachedAnswer>;
  readonly #recent: RecentChecks<CachedAnswer>;
  readonly #ids = new DecisionIds();
  readonly #shared = new SharedAnswers();
  /** Of whose decisions the cache is. */
  #snapshot: PolicySnapshot | null = null;

  constructor(options: CheckServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
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

  /** Answers one Check. null: the bytes are no CheckRequest. Never throws, never allows by accident. */
  check(bytes: Uint8Array, context: CheckContext): Uint8Array | null {
    const startedMs = performance.now();
    const id = this.#ids.next();
    try {
      return this.#check(bytes, context, id, startedMs);
    } catch (error) {
      this.#options.onError(error);
      return this.#refuse('internal_error', id, startedMs);
    }
  }

  #check(bytes: Uint8Array, context: CheckContext, id: string, startedMs: number): Uint8Array | null {
    const nowMs = this.#now();
    const snapshot = this.#options.snapshot();
    if (snapshot !== this.#snapshot) this.#turnTo(snapshot);
    const hindrance = this.#hindrance(bytes, context, nowMs);
    if (hindrance !== null) return this.#refuse(hindrance, id, startedMs);

    const view = readCheckRequest(bytes);
    if (view === null) return null;
    if (snapshot === null) return this.#refuse('not_ready', id, startedMs);

    const plain = isPlain(view, snapshot, this.#options.limits);
    const recent = plain ? this.#recent.find(view, nowMs) : null;
    if (recent !== null) {
      const { workload, value } = recent;
      const request = attributesOf(view, snapshot);
      request.workload = workload;
      this.#cache.countHit();
      return this.#finish(value, snapshot, request, workload, 'hit', id, startedMs);
    }
    const question = pose(view, snapshot, this.#options.limits);
    const { request, workload } = question;
    if (question.refused !== null) {
      const refusal = this.#answer(question.refused, snapshot, request, [], id);
      return this.#finish(refusal, snapshot, request, workload, 'bypass', id, startedMs);
    }

    const stray = strayHeaders(view, snapshot);
    // The answer to a request without a path changes no query, whatever the rules read.
    const beyondRules = `${request.path === '' ? '-' : '/'}${stray.join()}`;
    const key = this.#cache.key(question.scope, request, beyondRules);
    const known = this.#cache.find(key, nowMs);
    if (known !== null) {
      if (plain) this.#recent.keep(view, question.scope, { workload: question.workload, value: known.value }, known);
      return this.#finish(known.value, snapshot, request, workload, 'hit', id, startedMs);
    }

    const decided = decide(question.scope, snapshot.settings, request, {
      nowMs,
      ttlMs: this.#options.cache.ttlSeconds * 1000,
    });
    const made = this.#answer(decided, snapshot, request, stray, id);
    if (!made.perDecision) this.#cache.set(key, made, nowMs, made.decision.keepUntilMs);
    const use = key === null ? 'bypass' : 'miss';
    return this.#finish(made, snapshot, request, workload, use, id, startedMs);
  }

  /** Decisions of another snapshot are never found again, and would keep all of it in memory. */
  #turnTo(snapshot: PolicySnapshot | null): void {
    this.#snapshot = snapshot;
    this.#cache.clear();
    this.#recent.clear();
  }

  /** Why the request is not even looked at. */
  #hindrance(bytes: Uint8Array, context: CheckContext, nowMs: number): Reason | null {
    if (!context.peerAllowed) return 'peer_not_allowed';
    if (bytes.length > this.#options.limits.maxMessageBytes) return 'message_too_large';
    return nowMs >= context.deadlineMs ? 'deadline_exceeded' : null;
  }

  #answer(
    decided: Decision,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | null,
    stray: readonly string[],
    id: string,
  ): CachedAnswer & { readonly perDecision: boolean } {
    const shared = this.#shared.find(decided, snapshot, request, stray);
    if (shared !== null) return { decision: decided, ...shared, perDecision: false };
    const made = answer(decided, {
      texts: this.#options.texts,
      decisionId: id,
      snapshot,
      request,
      strayHeaders: stray,
    });
    const encoded = { httpStatus: made.deny?.httpStatus ?? 200, bytes: encodeAnswer(made) };
    if (made.decision === decided) this.#shared.keep(decided, snapshot, request, stray, encoded);
    return { decision: made.decision, ...encoded, perDecision: made.perDecision };
  }

  #refuse(reason: Reason, id: string, startedMs: number): Uint8Array {
    return this.#finish(this.#answer(decision(reason), null, null, [], id), null, null, null, 'bypass', id, startedMs);
  }

  #finish(
    made: CachedAnswer,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | null,
    workload: Workload | null,
    cache: CacheUse,
    id: string,
    startedMs: number,
  ): Uint8Array {
    try {
      this.#options.record({
        id,
        decision: made.decision,
        cache,
        httpStatus: made.httpStatus,
        timeMs: this.#now(),
        durationMs: performance.now() - startedMs,
        request,
        workload,
        revision: snapshot?.revision ?? null,
      });
    } catch (error) {
      // What cannot be recorded is still decided; that the record failed is reported.
      this.#options.onError(error);
    }
    return withDecisionId(made.bytes, id);
  }
}
