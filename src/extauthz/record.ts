/** One decided check → the decision log, where it is wanted, and the counters. */
import type { DecisionLog } from '../audit/decision-log.ts';
import type { DecisionEntry } from '../audit/entry.ts';
import type { RecordedFields } from '../audit/recorded-fields.ts';
import type { Claim } from '../attributes/claim.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { DecidedRule } from '../pdp/decision.ts';
import { ALL_REASONS, reasonFacts } from '../pdp/reason.ts';
import type { Reason } from '../pdp/reason.ts';
import { CACHE_BYPASS, CACHE_HIT, CACHE_MISS } from '../telemetry/metrics.ts';
import type { Metrics, Outcome } from '../telemetry/metrics.ts';
import type { RuleHitCounter } from '../telemetry/rule-hits.ts';
import type { SpanIds } from '../telemetry/span.ts';
import { parentOf } from './check-tracer.ts';
import type { CheckTracer } from './check-tracer.ts';
import type { CacheUse, CheckRecord } from './check-record.ts';

/** Every way a check can end, in the order in which {@link recordCheck} counts them. */
export const OUTCOMES: readonly Outcome[] = ALL_REASONS.map((reason) => ({
  decision: reasonFacts(reason).allowed ? 'allow' : 'deny',
  reason,
}));

const OUTCOME_INDEX = Object.fromEntries(ALL_REASONS.map((reason, index) => [reason, index])) as Record<Reason, number>;

const CACHE_USES: Readonly<Record<CacheUse, typeof CACHE_BYPASS | typeof CACHE_HIT | typeof CACHE_MISS>> = {
  bypass: CACHE_BYPASS,
  hit: CACHE_HIT,
  miss: CACHE_MISS,
};

export interface CheckCounters {
  readonly metrics: Metrics;
  readonly rules: RuleHitCounter;
}

export interface RecorderParts {
  /** null: checks are not counted. */
  readonly counters: CheckCounters | null;
  /** null: checks are not traced. */
  readonly tracer: CheckTracer | null;
  readonly log: DecisionLog;
  readonly fields: RecordedFields;
  readonly onError: (error: unknown) => void;
}

/** Records a check and counts it. What it gives back is false when it had to be recorded and could not be. */
export function checkRecorder(parts: RecorderParts): (record: CheckRecord) => boolean {
  const { counters, tracer, log, fields, onError } = parts;
  /** Of the check that is recorded now. */
  let span: SpanIds | null = null;
  const make = (record: CheckRecord): DecisionEntry => entryOf(record, fields, span);
  const isRecorded = (record: CheckRecord): boolean => {
    try {
      const { allowed, rule } = record.decision;
      return log.record(allowed, rule?.policy.audit ?? null, record, make);
    } catch (error) {
      onError(error);
      return !log.required;
    }
  };
  return (record) => {
    const begun = tracer === null ? null : tracer.begin(record);
    span = begun;
    const recorded = isRecorded(record);
    const reason = recorded ? record.decision.reason : 'audit_unavailable';
    if (counters !== null) count(counters, record, reason, begun);
    if (begun !== null) tracer!.end(begun, record, reason);
    return recorded;
  };
}

function count({ metrics, rules }: CheckCounters, record: CheckRecord, reason: Reason, span: SpanIds | null): void {
  const { decision, revision } = record;
  const { rule, shadow } = decision;
  metrics.recordCheck(OUTCOME_INDEX[reason], CACHE_USES[record.cache], record.durationMs / 1000, span);
  if (rule !== null && reason === decision.reason) rules.count(rule, revision);
  if (shadow === null) return;
  metrics.recordShadowDecision(shadow.allowed, decision.allowed);
  if (shadow.rule !== null && shadow.rule.policy.mode !== 'enforce') rules.count(shadow.rule, revision);
}

/** What the decision log says of a check. */
export function entryOf(record: CheckRecord, fields: RecordedFields, span: SpanIds | null = null): DecisionEntry {
  const { decision, request, workload } = record;
  const { shadow } = decision;
  const token = tokenOf(record);
  return {
    timeMs: record.timeMs,
    id: record.id,
    decision: decision.allowed ? 'allow' : 'deny',
    reason: decision.reason,
    httpStatus: record.httpStatus,
    ...ruleOf(decision.rule),
    revision: record.revision,
    principal: request?.peer.uris[0] ?? request?.peer.names[0] ?? null,
    requestPrincipal: token === null ? null : `${token.issuer}/${token.subject}`,
    workload,
    method: request?.method ?? '',
    host: request?.authority ?? '',
    path: request?.source.target ?? '',
    envoyRequestId: requestIdOf(record),
    traceId: span?.traceId ?? parentOf(record.trace, request)?.traceId ?? null,
    spanId: span?.spanId ?? null,
    headers: headersOf(record, fields),
    claims: claimsOf(record, fields),
    durationMicros: Math.round(record.durationMs * 1000),
    cached: record.cache === 'hit',
    shadow:
      shadow === null
        ? null
        : { decision: shadow.allowed ? 'allow' : 'deny', reason: shadow.reason, ...ruleOf(shadow.rule) },
  };
}

/** Claims that no rule looked at may be such as cannot be read: the decision is logged all the same. */
function tokenOf({ request }: CheckRecord): { readonly issuer: string; readonly subject: string } | null {
  try {
    return request?.tokenSubject ?? null;
  } catch {
    return null;
  }
}

function ruleOf(rule: DecidedRule | null): Pick<DecisionEntry, 'policy' | 'rule'> {
  return { policy: rule?.policy.name ?? null, rule: rule === null ? null : (rule.name ?? rule.index) };
}

/** The header, not `http.id`: that one is Envoy's number of the stream. */
function requestIdOf({ request }: CheckRecord): string {
  const lines = request?.header('x-request-id');
  return lines === undefined || lines.form === 'joined' ? '' : (lines.lines[0] ?? '');
}

const NOTHING = new Map<string, never>();

function headersOf({ request }: CheckRecord, { headers, isSecret }: RecordedFields): DecisionEntry['headers'] {
  if (headers.length === 0 || request === null) return NOTHING;
  const found = new Map<string, readonly string[] | null>();
  for (const name of headers) {
    const lines = request.source.header(name);
    const values = lines.form === 'joined' ? [lines.value] : lines.lines;
    if (values.length > 0) found.set(name, isSecret(name) ? null : values);
  }
  return found;
}

function claimsOf({ request }: CheckRecord, { claims }: RecordedFields): DecisionEntry['claims'] {
  if (claims.length === 0 || request === null) return NOTHING;
  const found = new Map<string, Claim>();
  for (const { text, path } of claims) {
    const claim = claimOf(request, path);
    if (claim !== undefined) found.set(text, claim);
  }
  return found;
}

/** As {@link tokenOf}: claims that cannot be read are none. */
function claimOf(request: RequestAttributes, path: readonly string[]): Claim | undefined {
  try {
    return request.claim(path);
  } catch {
    return undefined;
  }
}
