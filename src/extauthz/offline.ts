/** Deciding outside the service, with the very stages that serve: for the command line and for policy tests. */
import { isClaimMap } from '../attributes/claim.ts';
import type { ClaimMap } from '../attributes/claim.ts';
import { toText } from '../attributes/bytes.ts';
import { findAmbiguity } from '../attributes/path.ts';
import { ruleId } from '../pdp/decision.ts';
import type { DecidedRule } from '../pdp/decision.ts';
import { decide } from '../pdp/decide.ts';
import { explainScope } from '../pdp/explain.ts';
import type { PolicyExplanation } from '../pdp/explain.ts';
import type { Field } from '../pdp/obligations.ts';
import { reasonFacts } from '../pdp/reason.ts';
import type { Reason } from '../pdp/reason.ts';
import { describeWorkload } from '../pdp/resolve-workload.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { answer } from './answer.ts';
import type { DenialTexts } from './answer.ts';
import { JUST_REFUSE } from './ask-for-proof.ts';
import type { AskForProof } from './ask-for-proof.ts';
import { readCheckRequest } from './check-request.ts';
import { pose, strayHeaders } from './evaluate.ts';
import { NO_EFFECTS } from './proof-effects.ts';
import { carriesProof } from './proofs.ts';
import type { HeaderLimits, Question } from './evaluate.ts';

export interface OfflineOptions {
  readonly snapshot: PolicySnapshot;
  readonly limits: HeaderLimits;
  readonly texts: DenialTexts;
  /** Absent: by a plain challenge. */
  readonly askForProof?: AskForProof;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /**
   * Metadata namespace whose `payload` stands for claims that the service itself would have verified. Proofs are not
   * verified here: without it the request comes from nobody, whatever token it carries.
   */
  readonly provenIn?: string;
  /** Claims of a proof that the service has verified itself. */
  readonly proven?: ClaimMap;
}

/** What the service would answer. All strings are text. */
export interface OfflineDecision {
  readonly decision: 'allow' | 'deny';
  /** 200 on allow. */
  readonly httpStatus: number;
  readonly reason: Reason;
  /** `namespace/name`, or null. */
  readonly policy: string | null;
  /** The rule's name, or its index, or null. */
  readonly rule: string | number | null;
  /** `ns[shop]-policy[orders]-rule[0]`, as Istio names it in Envoy, or null. */
  readonly ruleId: string | null;
  readonly revision: string;
  readonly headersSet: readonly Field[];
  readonly headersRemoved: readonly string[];
  readonly querySet: readonly Field[];
  readonly queryRemoved: readonly string[];
  readonly responseHeaders: readonly Field[];
  /** null on allow. */
  readonly body: string | null;
  /** What shadow and dry-run policies would have done; null when none is in scope. */
  readonly shadow: {
    readonly decision: 'allow' | 'deny';
    readonly policy: string | null;
    readonly rule: string | number | null;
  } | null;
}

export interface Explanation extends OfflineDecision {
  /** The reason in a sentence. */
  readonly meaning: string;
  /** `namespace/account (labels)`; null when the request was refused before that mattered. */
  readonly workload: string | null;
  /** From which source the workload is known. */
  readonly workloadSource: string | null;
  /** The request carries what may be a proof of who asks. It is not verified here: it was decided as if there were none. */
  readonly unverifiedProof: boolean;
  /** What is wrong with a request that was refused before any rule was asked. */
  readonly refusal: string | null;
  /** In the order in which they are asked; empty when none was. */
  readonly policies: readonly PolicyExplanation[];
}

/** Stands for the id that the service would draw. */
const OFFLINE_ID = 'offline';

/** null: the bytes are no CheckRequest. */
export function decideOffline(bytes: Uint8Array, options: OfflineOptions): OfflineDecision | null {
  return decided(bytes, options)?.decision ?? null;
}

/** null: the bytes are no CheckRequest. */
export function explainOffline(bytes: Uint8Array, options: OfflineOptions): Explanation | null {
  const outcome = decided(bytes, options);
  if (outcome === null) return null;
  const { question, decision } = outcome;
  const { request, workload } = question;
  return {
    ...decision,
    meaning: reasonFacts(decision.reason).meaning,
    workload: workload === null ? null : describeWorkload(workload),
    workloadSource: workload?.source ?? null,
    unverifiedProof: question.refused === null && request.proven === null && carriesProof(request, question.scope),
    refusal: decision.reason === 'malformed_path' ? findAmbiguity(request.source.target) : null,
    policies: question.refused === null ? explainScope(question.scope, request, options.nowMs) : [],
  };
}

function decided(
  bytes: Uint8Array,
  options: OfflineOptions,
): { readonly question: Question; readonly decision: OfflineDecision } | null {
  const view = readCheckRequest(bytes);
  if (view === null) return null;
  const { snapshot, nowMs } = options;
  const question = pose(view, snapshot, options.limits);
  const { request } = question;
  const proven =
    options.proven ?? (options.provenIn === undefined ? undefined : view.metadata(options.provenIn)?.get('payload'));
  if (isClaimMap(proven)) request.proven = proven;
  const { decision, allow, deny } = answer(
    question.refused ?? decide(question.scope, snapshot.settings, request, { nowMs, ttlMs: 0 }),
    {
      texts: options.texts,
      askForProof: options.askForProof ?? JUST_REFUSE,
      decisionId: OFFLINE_ID,
      snapshot,
      request,
      strayHeaders: strayHeaders(view, snapshot),
      effects: NO_EFFECTS,
      badProof: null,
    },
  );
  const { shadow } = decision;
  return {
    question,
    decision: {
      decision: decision.allowed ? 'allow' : 'deny',
      httpStatus: deny?.httpStatus ?? 200,
      reason: decision.reason,
      ...ruleOf(decision.rule),
      ruleId: decision.rule === null ? null : ruleId(decision.rule),
      revision: snapshot.revision,
      headersSet: texts(allow?.setHeaders),
      headersRemoved: (allow?.removeHeaders ?? []).map(toText),
      querySet: texts(allow?.setQuery),
      queryRemoved: (allow?.removeQuery ?? []).map(toText),
      responseHeaders: texts(allow?.responseHeaders ?? deny?.headers),
      body: deny === null ? null : toText(deny.body),
      shadow: shadow === null ? null : { decision: shadow.allowed ? 'allow' : 'deny', ...ruleOf(shadow.rule) },
    },
  };
}

function ruleOf(rule: DecidedRule | null): {
  readonly policy: string | null;
  readonly rule: string | number | null;
} {
  return { policy: rule?.policy.name ?? null, rule: rule === null ? null : (rule.name ?? rule.index) };
}

function texts(fields: readonly Field[] | undefined): readonly Field[] {
  return (fields ?? []).map(([name, value]) => [toText(name), toText(value)] as const);
}
