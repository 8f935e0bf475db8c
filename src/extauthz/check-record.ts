/** Everything about one decided check, for metrics and the decision log. */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { CallTrace } from '../attributes/trace-context.ts';
import type { Workload } from '../attributes/workload.ts';
import type { Decision } from '../pdp/decision.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { CheckRequestView } from './check-request.ts';
import { attributesOf } from './evaluate.ts';

export type CacheUse = 'bypass' | 'miss' | 'hit';

/** Valid only during the call that it is handed to. */
export interface CheckRecord {
  readonly id: string;
  /** Which trace the call says that it belongs to; null: none. */
  readonly trace: CallTrace | null;
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

/** What every record needs at once. */
type Facts = Omit<CheckRecord, 'id' | 'request' | 'revision'>;

/**
 * Most checks are only counted: their id, and the request as policies see it, are made when somebody asks.
 */
export class DecidedCheck implements CheckRecord {
  readonly trace: CallTrace | null;
  readonly decision: Decision;
  readonly cache: CacheUse;
  readonly httpStatus: number;
  readonly timeMs: number;
  readonly durationMs: number;
  readonly workload: Workload | null;
  readonly #snapshot: PolicySnapshot | null;
  readonly #makeId: (number: number) => string;
  readonly #number: number;
  #request: RequestAttributes | CheckRequestView | null;

  /** `request`: as it was decided on, or, where nothing had to be made out, as it came. */
  constructor(
    facts: Facts,
    snapshot: PolicySnapshot | null,
    request: RequestAttributes | CheckRequestView | null,
    makeId: (number: number) => string,
    number: number,
  ) {
    this.trace = facts.trace;
    this.decision = facts.decision;
    this.cache = facts.cache;
    this.httpStatus = facts.httpStatus;
    this.timeMs = facts.timeMs;
    this.durationMs = facts.durationMs;
    this.workload = facts.workload;
    this.#snapshot = snapshot;
    this.#request = request;
    this.#makeId = makeId;
    this.#number = number;
  }

  get id(): string {
    return this.#makeId(this.#number);
  }

  get revision(): string | null {
    return this.#snapshot?.revision ?? null;
  }

  get request(): RequestAttributes | null {
    if (!(this.#request instanceof CheckRequestView)) return this.#request;
    const request = attributesOf(this.#request, this.#snapshot!);
    if (this.workload !== null) request.workload = this.workload;
    return (this.#request = request);
  }
}
