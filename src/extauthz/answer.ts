/** From a decision to what Envoy is told: obligations, owned headers, configured denials, metadata. */
import type { Claim, ClaimMap } from '../attributes/claim.ts';
import { toByteString } from '../attributes/bytes.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Authenticated } from '../identity/proof.ts';
import { ruleLabel } from '../pdp/decision.ts';
import { decision as makeDecision } from '../pdp/decision.ts';
import type { Decision, ShadowDecision } from '../pdp/decision.ts';
import { InjectedValueTooLong, NO_OBLIGATIONS, renderObligations } from '../pdp/obligations.ts';
import type { Field, Obligations } from '../pdp/obligations.ts';
import { reasonFacts } from '../pdp/reason.ts';
import type { DenialClass } from '../pdp/reason.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { JUST_REFUSE } from './ask-for-proof.ts';
import type { AskForProof } from './ask-for-proof.ts';
import type { ProofEffects } from './proof-effects.ts';
import { encodeAllow, encodeDeny } from './check-response.ts';
import type { AllowAnswer, DenyAnswer } from './check-response.ts';

/** What is said in denials that no rule answers; null: what the reason says. */
export interface DenialText {
  readonly status: number | null;
  readonly body: string | null;
  readonly headers: ReadonlyMap<string, string>;
}

export type DenialTexts = Readonly<Record<Exclude<DenialClass, 'internal'>, DenialText>>;

export type Answer =
  | { readonly decision: Decision; readonly allow: AllowAnswer; readonly deny: null; readonly perDecision: boolean }
  | { readonly decision: Decision; readonly allow: null; readonly deny: DenyAnswer; readonly perDecision: boolean };

export interface AnswerContext {
  readonly texts: DenialTexts;
  readonly decisionId: string;
  readonly snapshot: PolicySnapshot | null;
  /** null when the request could not be read that far. */
  readonly request: RequestAttributes | null;
  /** Headers of this request to remove besides the owned ones. */
  readonly strayHeaders: readonly string[];
  readonly effects: ProofEffects;
  /** What is wrong with the proof that came; null: nothing, or none came. */
  readonly badProof: BadProof | null;
  /**
   * An outage is told as `error_response`, for Envoy's failure mode to say what becomes of the request. Absent: it is
   * denied. INVARIANT: for nothing else, since whoever can choose a reason would pass under `failure_mode_allow`.
   */
  readonly errorResponse?: boolean;
  /** Absent: by a plain challenge. */
  readonly askForProof?: AskForProof;
}

export interface BadProof extends Pick<
  Extract<Authenticated, { readonly outcome: 'invalid' }>,
  'error' | 'description'
> {
  /** It may stand in the address: whoever comes back to that comes back with it. Absent: it does not. */
  readonly mayBeInAddress?: boolean;
}

/** The decision that comes back can be another than the one given: an answer that cannot be made is a denial. */
export function answer(decision: Decision, context: AnswerContext): Answer {
  const { snapshot, request } = context;
  let obligations: Obligations = NO_OBLIGATIONS;
  if (snapshot !== null && request !== null) {
    try {
      obligations = renderObligations(decision, request, { id: context.decisionId, revision: snapshot.revision });
    } catch (error) {
      if (!(error instanceof InjectedValueTooLong)) throw error;
      return answer(makeDecision('response_too_large', decision.rule, decision.shadow), { ...context, request: null });
    }
  }
  const metadata = decisionMetadata(decision, snapshot);
  const perDecision = decision.rule?.respond?.perDecision === true || dependsOnBrowser(decision, context);
  return decision.allowed
    ? { decision, allow: allowAnswer(obligations, context, metadata), deny: null, perDecision }
    : { decision, allow: null, deny: denyAnswer(decision, obligations, context, metadata), perDecision };
}

/** Whether a browser asks is in no key of what is kept. */
function dependsOnBrowser({ reason }: Decision, { askForProof = JUST_REFUSE }: AnswerContext): boolean {
  return askForProof.sendsToLogin && reasonFacts(reason).denial === 'unauthenticated';
}

export function encodeAnswer(answer: Answer): Buffer {
  return answer.allow === null ? encodeDeny(answer.deny) : encodeAllow(answer.allow);
}

/** Every allow removes what some rule could have set and this one did not, so that a client's own copy gets nowhere. */
function allowAnswer(obligations: Obligations, context: AnswerContext, metadata: ClaimMap): AllowAnswer {
  const { effects } = context;
  const byRule = new Set([...obligations.setHeaders.map(([name]) => name), ...obligations.removeHeaders]);
  // What a rule says of a header counts before what a token would put there.
  const setHeaders = [...effects.setHeaders.filter(([name]) => !byRule.has(name)), ...obligations.setHeaders];
  const set = new Set(setHeaders.map(([name]) => name));
  const remove = new Set([
    ...(context.snapshot?.ownedHeaders ?? []),
    ...obligations.removeHeaders,
    ...context.strayHeaders,
    ...effects.removeHeaders,
  ]);
  const withoutQuery = context.request === null || context.request.path === '';
  return {
    setHeaders,
    removeHeaders: [...remove].filter((name) => !set.has(name)).sort(),
    responseHeaders: obligations.responseHeaders,
    // A request without a path (CONNECT) has no query, and asking Envoy to change it crashed it (CVE-2026-73547).
    setQuery: withoutQuery ? [] : obligations.setQuery,
    removeQuery: withoutQuery ? [] : [...new Set([...obligations.removeQuery, ...effects.removeQuery])],
    metadata,
  };
}

/** Said of every denial of a class alike: which rule it was stands in the log and the metadata only. */
const DEFAULT_BODIES: Readonly<Record<DenialClass, string>> = {
  forbidden: 'access denied\n',
  unauthenticated: 'authentication required\n',
  malformed: 'malformed request\n',
  overloaded: 'authorization is not available at the moment\n',
  internal: 'internal error\n',
};

/** Seconds; short, since overload and start-up pass quickly. */
const RETRY_AFTER = '1';

function denyAnswer(
  decision: Decision,
  obligations: Obligations,
  context: AnswerContext,
  metadata: ClaimMap,
): DenyAnswer {
  const facts = reasonFacts(decision.reason);
  const denial = facts.denial ?? 'internal';
  const text = denial === 'internal' ? null : context.texts[denial];
  const own = obligations.deny;
  const httpStatus = own?.status ?? text?.status ?? facts.status;
  const headers = new Map<string, string>();
  if (own === null)
    for (const [name, value] of text?.headers ?? []) headers.set(name.toLowerCase(), toByteString(value));
  for (const [name, value] of own?.headers ?? []) headers.set(name, value);
  for (const [name, value] of obligations.responseHeaders) if (!headers.has(name)) headers.set(name, value);
  if (httpStatus === 401 && !headers.has('www-authenticate'))
    headers.set('www-authenticate', challenge(decision, context));
  const login = own === null && httpStatus === 401 && denial === 'unauthenticated' ? loginFor(context) : null;
  if (login !== null) {
    headers.delete('www-authenticate');
    headers.set('location', login);
    headers.set('cache-control', 'no-store');
  }
  if (httpStatus === 503 && !headers.has('retry-after')) headers.set('retry-after', RETRY_AFTER);
  const body = own === null ? (text?.body ?? null) : (own.body ?? null);
  return {
    httpStatus: login === null ? httpStatus : 302,
    headers: [...headers] as Field[],
    body: body === null ? DEFAULT_BODIES[denial] : own === null ? toByteString(body) : body,
    isError: context.errorResponse === true && facts.isOutage,
    metadata,
  };
}

/**
 * RFC 6750 §3: without a token no error code; with one that was not accepted, `invalid_token`. Looks at the
 * request only for the reason for which a token was looked for: else cached answers would depend on more
 * than their keys hold.
 */
function challenge(decision: Decision, { request, badProof, askForProof = JUST_REFUSE }: AnswerContext): string {
  if (badProof !== null) return askForProof.challenge(badProof.error, badProof.description);
  const isUnproven = decision.reason === 'token_required' && request !== null && request.hasAuthorization;
  return askForProof.challenge(isUnproven ? 'invalid_token' : null, null);
}

function loginFor({ request, badProof, askForProof = JUST_REFUSE }: AnswerContext): string | null {
  return request === null || badProof?.mayBeInAddress === true ? null : askForProof.loginFor(request);
}

function decisionMetadata(decision: Decision, snapshot: PolicySnapshot | null): ClaimMap {
  const metadata = new Map<string, Claim>(outcome(decision));
  if (snapshot !== null) metadata.set('revision', snapshot.revision);
  if (decision.shadow !== null) metadata.set('shadow', outcome(decision.shadow));
  return metadata;
}

function outcome({ allowed, reason, rule }: Decision | ShadowDecision): Map<string, Claim> {
  const fields = new Map<string, Claim>([
    ['decision', allowed ? 'allow' : 'deny'],
    ['reason', reason],
  ]);
  if (rule !== null) {
    fields.set('policy', toByteString(rule.policy.name));
    fields.set('rule', toByteString(ruleLabel(rule)));
  }
  return fields;
}
