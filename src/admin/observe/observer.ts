/**
 * What a process that answers checks keeps of them for the admin server, and how it answers that. A check that was allowed
 * costs a few comparisons, a denial is kept up to a rate; without an admin server there is none of this.
 */
import type { DecisionEntry } from '../../audit/entry.ts';
import { CheckRequestView } from '../../extauthz/check-request.ts';
import type { CheckRecord } from '../../extauthz/check-record.ts';
import { runStepsInSlices } from '../../lib/steps.ts';
import type { DecidedRule } from '../../pdp/decision.ts';
import { reasonFacts } from '../../pdp/reason.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import { KeptDecisions } from './kept-decisions.ts';
import type { KeptSettings } from './kept-decisions.ts';
import type { Answers, Question } from './questions.ts';
import { Traffic } from './traffic.ts';

/** Denials that are kept in a second: a flood of them costs no more than a millisecond or two of it. */
export const MAX_DENIALS_PER_SECOND = 200;
/** Of allowed checks the first few of each second are kept, and of others one in so many, up to a number. */
const FIRST_ALLOWED = 4;
const ALLOWED_ONE_IN = 64;
const MAX_SAMPLED_PER_SECOND = 10;
const WINDOW_MS = 1000;
/** Between two looks at what is too old to be kept. */
const SWEEP_MS = 60_000;

export interface ObserverOptions {
  readonly recent: KeptSettings;
  /** What the decision log would say of a check. */
  readonly entryOf: (record: CheckRecord) => DecisionEntry;
  /** The rule of the policies in force that decided; null: it is of others. */
  readonly ruleOf: (rule: DecidedRule, revision: string | null) => CompiledRule | null;
  readonly now?: () => number;
}

export class Observer {
  readonly #options: ObserverOptions;
  /** null: none are to be kept. */
  readonly #kept: KeptDecisions | null;
  readonly #traffic: Traffic;
  readonly #timer: NodeJS.Timeout;
  /** Of the check that is looked at. */
  #revision: string | null = null;
  #windowEndMs = 0;
  /** That are left in this second. */
  #denials = 0;
  #firstAllowed = 0;
  #sampled = 0;
  #untilSampled = ALLOWED_ONE_IN;

  constructor(options: ObserverOptions) {
    const { recent, ruleOf, now = Date.now } = options;
    this.#options = options;
    this.#kept = recent.maxEntries === 0 ? null : new KeptDecisions(recent, now);
    this.#traffic = new Traffic((rule) => ruleOf(rule, this.#revision), now());
    this.#timer = setInterval(() => this.#kept?.sweep(), SWEEP_MS).unref();
  }

  /** `recorded`: false when it had to be recorded and could not be, and was denied therefore. */
  see(record: CheckRecord, recorded: boolean): void {
    const { decision } = record;
    const allowed = decision.allowed && recorded;
    if (this.#kept !== null) this.#look(this.#kept, record, recorded, allowed);
    this.#revision = record.revision;
    this.#traffic.see(record, allowed, recorded ? decision.rule : null);
  }

  async answer(question: Exclude<Question, { readonly kind: 'logLevel' }>): Promise<Answers[typeof question.kind]> {
    switch (question.kind) {
      case 'decisions': {
        const { since, filter, limit } = question;
        return this.#kept === null ? null : await runStepsInSlices(this.#kept.page(since, filter, limit));
      }
      case 'decision':
        return this.#kept?.one(question.id) ?? null;
      case 'recall':
        return this.#kept?.recall(question.id) ?? null;
      case 'traffic':
        return this.#traffic.read();
      case 'kept':
        return this.#kept?.size ?? { entries: 0, bytes: 0 };
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(kept: KeptDecisions, record: CheckRecord, recorded: boolean, allowed: boolean): void {
    if (!allowed) kept.countDenial();
    if (!this.#isWanted(allowed, record.timeMs)) return;
    const entry = this.#options.entryOf(record);
    const source = record.request?.source;
    kept.keep({
      entry: recorded ? entry : withoutRecord(entry),
      request: source instanceof CheckRequestView ? source.bytes : null,
      proven: record.request?.proven ?? null,
    });
  }

  #isWanted(allowed: boolean, timeMs: number): boolean {
    // A clock that was set back begins a window, too.
    if (timeMs >= this.#windowEndMs || timeMs < this.#windowEndMs - WINDOW_MS) {
      this.#windowEndMs = timeMs + WINDOW_MS;
      this.#denials = MAX_DENIALS_PER_SECOND;
      this.#firstAllowed = FIRST_ALLOWED;
      this.#sampled = MAX_SAMPLED_PER_SECOND;
    }
    if (!allowed) return this.#denials-- > 0;
    if (this.#firstAllowed > 0) {
      this.#firstAllowed -= 1;
      return true;
    }
    if (--this.#untilSampled > 0) return false;
    this.#untilSampled = ALLOWED_ONE_IN;
    return this.#sampled-- > 0;
  }
}

/** What became of a check that could not be recorded. */
function withoutRecord(entry: DecisionEntry): DecisionEntry {
  const reason = 'audit_unavailable';
  return { ...entry, decision: 'deny', reason, httpStatus: reasonFacts(reason).status, policy: null, rule: null };
}
