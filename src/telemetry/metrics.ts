/**
 * The counters of the service. Recording adds to a cell of a typed array and allocates nothing;
 * names, attributes and OpenTelemetry's data model come in only when someone collects.
 */
import { DurationHistogram } from './histogram.ts';
import type { IdentityState } from './identity-points.ts';
import type { RuleHitsReading } from './rule-hits.ts';
import type { SpanIds } from './span.ts';
import type { SpanCounts } from './span-queue.ts';
import type { TransportState } from './transport-state.ts';

/** One way a check can end; `reason` belongs to exactly one decision. */
export interface Outcome {
  readonly decision: 'allow' | 'deny';
  readonly reason: string;
}

/** What the decision cache had to do with a check: not asked, or asked and what it said. */
export const CACHE_BYPASS = 0;
export const CACHE_HIT = 1;
export const CACHE_MISS = 2;
export type CacheUse = typeof CACHE_BYPASS | typeof CACHE_HIT | typeof CACHE_MISS;

/** The state of the policies, asked for at collection. */
export interface PolicyState {
  readonly ready: boolean;
  /** The newest set had errors; an older one is in force. */
  readonly stale: boolean;
  /** null before the first good set. */
  readonly revision: string | null;
  readonly policies: number;
  readonly rules: number;
  /** Seconds since the epoch; null before the first good set. */
  readonly lastReloadSeconds: number | null;
  /** Rules of DENY policies whose window is over at this moment. */
  readonly expiredDenyRules: number;
}

/** How much work is in hand, and what was refused because it was too much. */
export interface LoadState {
  /** Checks whose answers wait for a proof to be verified. */
  readonly waiting: number;
  /** Checks that were refused, by what there was too much of. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What the decision log counts of itself: src/audit/outlet.ts says what is what. */
export type DecisionLogState = Readonly<
  Record<'written' | 'dropped' | 'spilled' | 'gaps' | 'errors' | 'queueBytes' | 'spillBytes' | 'stalledMs', number>
>;

/** Sendings of metrics, and those of them that failed. */
export interface MetricPushState {
  readonly sendings: number;
  readonly failures: number;
}

/** The processes that answer checks, where there are several. */
export interface WorkersState {
  readonly serving: number;
  /** Started in the place of one that ended, since the start. */
  readonly replaced: number;
}

/** What others count and the metrics only report; asked for at collection. What is absent is not reported. */
export interface Observed {
  readonly policy?: (() => PolicyState) | undefined;
  readonly cache?: (() => { readonly entries: number; readonly evictions: number }) | undefined;
  readonly load?: (() => LoadState) | undefined;
  readonly workers?: (() => WorkersState) | undefined;
  readonly transport?: (() => TransportState) | undefined;
  readonly decisionLog?: (() => DecisionLogState) | undefined;
  readonly logDroppedLines?: (() => number) | undefined;
  readonly identity?: (() => IdentityState) | undefined;
  readonly rules?: (() => RuleHitsReading) | undefined;
  readonly spans?: (() => SpanCounts) | undefined;
  readonly metricPush?: (() => MetricPushState) | undefined;
}

export class Metrics {
  /** In the order given: `recordCheck` takes an index into it. */
  readonly outcomes: readonly Outcome[];
  readonly startTimeMs: number = Date.now();

  readonly #checks: Float64Array;
  readonly #denies: Uint8Array;
  readonly #allowDurations = new DurationHistogram();
  readonly #denyDurations = new DurationHistogram();
  /** Indexed by {@link CacheUse}. */
  readonly #cacheUses = new Float64Array(3);
  /** Reload successes, reload failures. */
  readonly #reloads = new Float64Array(2);
  /** Shadow × enforced, allow first. */
  readonly #shadow = new Float64Array(4);
  #observed: Observed = {};

  /** Reasons must be distinct (they are the series of one counter). */
  constructor(outcomes: readonly Outcome[]) {
    if (new Set(outcomes.map(({ reason }) => reason)).size !== outcomes.length) {
      throw new Error('two outcomes have the same reason');
    }
    this.outcomes = Object.freeze([...outcomes]);
    this.#checks = new Float64Array(outcomes.length);
    this.#denies = Uint8Array.from(outcomes, ({ decision }) => (decision === 'deny' ? 1 : 0));
  }

  /** Names more of what others count; later calls add to earlier ones. */
  observe(observed: Observed): void {
    this.#observed = { ...this.#observed, ...observed };
  }

  /**
   * Counts one answered check. `outcome` is an index into {@link outcomes}; an index out of range
   * counts nothing but its duration. `seconds` is from the bytes of the check to those of the answer; `span` is null where it
   * is not traced.
   */
  recordCheck(outcome: number, cacheUse: CacheUse, seconds: number, span: SpanIds | null = null): void {
    this.#checks[outcome]! += 1;
    this.#cacheUses[cacheUse]! += 1;
    (this.#denies[outcome] === 1 ? this.#denyDurations : this.#allowDurations).record(seconds, span);
  }

  recordReload(succeeded: boolean): void {
    this.#reloads[succeeded ? RELOAD_SUCCESSES : RELOAD_FAILURES]! += 1;
  }

  /** Policies in Shadow mode had a say: what the check would have been with them enforced, and what it was. */
  recordShadowDecision(shadowAllows: boolean, allowed: boolean): void {
    this.#shadow[(shadowAllows ? 0 : 2) + (allowed ? 0 : 1)]! += 1;
  }

  /** Everything counted so far, for one collection. */
  read(): MetricsReading {
    const { policy, cache, load, workers, transport, decisionLog, logDroppedLines, identity } = this.#observed;
    const { rules, spans, metricPush } = this.#observed;
    return {
      checks: this.outcomes.map((outcome, index) => ({ ...outcome, count: this.#checks[index]! })),
      durations: { allow: this.#allowDurations.read(), deny: this.#denyDurations.read() },
      cacheHits: this.#cacheUses[CACHE_HIT]!,
      cacheMisses: this.#cacheUses[CACHE_MISS]!,
      reloadSuccesses: this.#reloads[RELOAD_SUCCESSES]!,
      reloadFailures: this.#reloads[RELOAD_FAILURES]!,
      shadow: SHADOW_CELLS.map((cell, index) => ({ ...cell, count: this.#shadow[index]! })),
      policy: policy?.() ?? null,
      cache: cache?.() ?? null,
      load: load?.() ?? null,
      workers: workers?.() ?? null,
      transport: transport?.() ?? null,
      decisionLog: decisionLog?.() ?? null,
      logDroppedLines: logDroppedLines?.() ?? null,
      identity: identity?.() ?? null,
      rules: rules?.() ?? null,
      spans: spans?.() ?? null,
      metricPush: metricPush?.() ?? null,
    };
  }
}

const RELOAD_SUCCESSES = 0;
const RELOAD_FAILURES = 1;

const SHADOW_CELLS = [
  { shadowDecision: 'allow', decision: 'allow' },
  { shadowDecision: 'allow', decision: 'deny' },
  { shadowDecision: 'deny', decision: 'allow' },
  { shadowDecision: 'deny', decision: 'deny' },
] as const;

export interface MetricsReading {
  readonly checks: readonly (Outcome & { readonly count: number })[];
  readonly durations: Readonly<Record<'allow' | 'deny', ReturnType<DurationHistogram['read']>>>;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly reloadSuccesses: number;
  readonly reloadFailures: number;
  readonly shadow: readonly { shadowDecision: string; decision: string; count: number }[];
  readonly policy: PolicyState | null;
  readonly cache: { readonly entries: number; readonly evictions: number } | null;
  readonly load: LoadState | null;
  readonly workers: WorkersState | null;
  readonly transport: TransportState | null;
  readonly decisionLog: DecisionLogState | null;
  readonly logDroppedLines: number | null;
  readonly identity: IdentityState | null;
  readonly rules: RuleHitsReading | null;
  readonly spans: SpanCounts | null;
  readonly metricPush: MetricPushState | null;
}
