/** What the admin server and the thread that looks into policies for it say to each other. */
import type { ClaimMap } from '../../attributes/claim.ts';
import type { DenialTexts } from '../../extauthz/answer.ts';
import type { AskForProofSettings } from '../../extauthz/ask-for-proof.ts';
import type { HeaderLimits } from '../../extauthz/evaluate.ts';
import type { DecisionSettings } from '../../policy-index/settings.ts';
import type { ShownDecision } from '../observe/questions.ts';

/** What decides, besides policies. */
export interface InspectorSettings {
  readonly decisions: DecisionSettings;
  readonly limits: HeaderLimits;
  readonly texts: DenialTexts;
  readonly askForProof: AskForProofSettings;
}

/** Of a list: from which number on, how many, of which namespace. */
export interface PageOf {
  readonly after: number;
  readonly limit: number;
  readonly namespace: string | null;
}

/** When which rule was last seen to decide, by {@link seenKey}. */
export type LastSeen = ReadonlyMap<string, number>;

export function seenKey(kind: string, policy: string, rule: string | number): string {
  return `${kind} ${policy} ${rule}`;
}

/** The workload as the query describes it; null: all rules. */
export interface AskedWorkload {
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
  readonly labels: ReadonlyMap<string, string> | null;
}

/** Beside the counts of processes, which go into the answer as they are. */
interface Counted {
  readonly lastSeen: LastSeen;
  readonly countedSince: string;
  readonly processes: { readonly asked: number; readonly answered: number };
}

export type Task =
  | ({ readonly kind: 'policies'; readonly page: PageOf; readonly unused: boolean } & Counted)
  | ({
      readonly kind: 'rules';
      readonly page: PageOf;
      readonly policy: string | null;
      readonly unused: boolean | null;
    } & Counted)
  | ({ readonly kind: 'callers'; readonly page: PageOf } & Counted)
  | { readonly kind: 'index'; readonly workload: AskedWorkload | null }
  /** JSON, not read yet. */
  | { readonly kind: 'explainPosted'; readonly body: Uint8Array; readonly nowMs: number }
  | {
      readonly kind: 'explainKept';
      readonly shown: ShownDecision;
      readonly request: Uint8Array;
      readonly proven: ClaimMap | null;
      readonly nowMs: number;
      /** Of the policies that decided; null when there were none. */
      readonly revision: string | null;
    };

/** By the key of a rule (telemetry/rule-hits.ts) how often it decided. */
export type HitPart = readonly (readonly [key: string, hits: number])[];

export type ToThread =
  /** A snapshot that follows the one before. */
  | { readonly kind: 'snapshot'; readonly buffer: SharedArrayBuffer }
  /** Some of the counts, all in all before the task that needs them. */
  | { readonly kind: 'hits'; readonly part: HitPart; readonly first: boolean }
  | { readonly kind: 'task'; readonly task: Task };

export type FromThread =
  /** JSON. */
  | { readonly kind: 'done'; readonly status: number; readonly body: Uint8Array }
  /** A mistake of the one who asked. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly message: string };
