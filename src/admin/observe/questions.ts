/** What the admin server asks the processes that answer checks, each by itself: plain data both ways. */
import type { ClaimMap } from '../../attributes/claim.ts';
import type { LogLevel } from '../../telemetry/logger.ts';
import type { PolicyKind } from '../../policy/model.ts';

export type Question =
  | { readonly kind: 'decisions'; readonly since: Cursor; readonly filter: DecisionFilter; readonly limit: number }
  | { readonly kind: 'decision'; readonly id: string }
  /** What explains a decision. It has secrets in it, and stays in the service. */
  | { readonly kind: 'recall'; readonly id: string }
  | { readonly kind: 'traffic' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'logLevel'; readonly level: LogLevel };

/** null: this process does not keep such things, or has nothing of that name. */
export interface Answers {
  readonly decisions: KeptPage | null;
  readonly decision: ShownDecision | null;
  readonly recall: Recalled | null;
  readonly traffic: ObservedTraffic | null;
  readonly kept: { readonly entries: number; readonly bytes: number } | null;
  readonly logLevel: true;
}

export type QuestionOf<Kind extends Question['kind']> = Extract<Question, { readonly kind: Kind }>;

/** What came of a question. */
export interface Asked<Kind extends Question['kind']> {
  readonly answers: readonly Answers[Kind][];
  /** Processes that there are; those that did not answer in time are not among `answers`. */
  readonly asked: number;
}

export type Ask = <Kind extends Question['kind']>(question: QuestionOf<Kind>) => Promise<Asked<Kind>>;

/** Up to where an earlier answer went, by process. */
export type Cursor = ReadonlyMap<string, CursorPlace>;

export interface CursorPlace {
  /** Number of the last decision that was kept. */
  readonly seq: number;
  /** Denials until then, kept or not. */
  readonly denials: number;
}

export interface DecisionFilter {
  readonly decision: 'allow' | 'deny' | null;
  readonly reason: string | null;
  readonly policy: string | null;
}

export interface KeptPage {
  /** Unlike that of any other process, of earlier ones too. */
  readonly origin: string;
  readonly place: CursorPlace;
  /** Newest first. */
  readonly decisions: readonly ShownDecision[];
  readonly missed: number;
}

/** As the API tells of it: masked, every text visible. */
export interface ShownDecision {
  /** ISO 8601, UTC, to the millisecond: sorts as text. */
  readonly time: string;
  readonly [field: string]: unknown;
}

export interface Recalled {
  readonly shown: ShownDecision;
  readonly timeMs: number;
  readonly revision: string | null;
  /** The CheckRequest; null: it was not kept, for `why`. */
  readonly request: Uint8Array | null;
  readonly why: string | null;
  /** Claims of the proof that was verified then. */
  readonly proven: ClaimMap | null;
}

export interface Edge {
  readonly caller: string | null;
  readonly workload: EdgeWorkload | null;
  readonly method: string;
  readonly path: string;
  readonly policy: string | null;
  readonly kind: PolicyKind | null;
  readonly rule: string | number | null;
  readonly allowed: number;
  readonly denied: number;
  readonly lastSeenMs: number;
}

export interface EdgeWorkload {
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
}

export interface ObservedTraffic {
  readonly sinceMs: number;
  /** False: some counts are estimates. */
  readonly exact: boolean;
  readonly edges: readonly Edge[];
  /** Checks for whose edges there was no room. */
  readonly other: { readonly allowed: number; readonly denied: number };
}
