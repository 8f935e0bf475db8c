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
}

export type BadProof = Pick<Extract<Authenticated, { readonly outcome: 'invalid' }>, 'error' | 'description'>;

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
  const perDecision = decision.rule?.respond?.perDecision === true;
  return decision.allowed
    ? { decision, allow: allowAnswer(obligations, context, metadata), deny: null, perDecision }
    : { decision, allow: null, deny: denyAnswer(decision, obligations, context, metadata), perDecision };
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
  if (httpStatus === 503 && !headers.has('retry-after')) headers.set('retry-after', RETRY_AFTER);
  const body = own === null ? (text?.body ?? null) : (own.body ?? null);
  return {
    httpStatus,
    headers: [...headers] as Field[],
    body: body === null ? DEFAULT_BODIES[denial] : own === null ? toByteString(body) : body,
    metadata,
  };
}

/**
 * RFC 6750 §3: without a token no error code; with one that was not accepted, `invalid_token`. Looks at the
 * request only for the reason for which a token was looked for: else cached answers would depend on more
 * than their keys hold.
 */
function challenge(decision: Decision, { request, badProof }: AnswerContext): string {
  const realm = 'Bearer realm="portcullis"';
  if (badProof !== null)
    return `${realm}, error="${badProof.error}", error_description="${quotable(badProof.description)}"`;
  return decision.reason === 'token_required' && request !== null && request.hasAuthorization
    ? `${realm}, error="invalid_token"`
    : realm;
}

/** RFC 6750 §3: printable ASCII without quotes and backslashes. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ').slice(0, 200);
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
