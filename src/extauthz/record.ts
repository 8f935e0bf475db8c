/** One decided check → the counters and, where it is wanted, the decision log. */
import type { DecisionLog } from '../audit/decision-log.ts';
import type { DecisionEntry } from '../audit/entry.ts';
import type { DecidedRule } from '../pdp/decision.ts';
import { ALL_REASONS, reasonFacts } from '../pdp/reason.ts';
import type { Reason } from '../pdp/reason.ts';
import { CACHE_BYPASS, CACHE_HIT, CACHE_MISS } from '../telemetry/metrics.ts';
import type { Metrics, Outcome } from '../telemetry/metrics.ts';
import type { CacheUse, CheckRecord } from './service.ts';

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

export function recordCheck(record: CheckRecord, metrics: Metrics, log: DecisionLog): void {
  const { decision } = record;
  metrics.recordCheck(OUTCOME_INDEX[decision.reason], CACHE_USES[record.cache], record.durationMs / 1000);
  if (decision.shadow !== null) metrics.recordShadowDecision(decision.shadow.allowed, decision.allowed);
  log.record(decision.allowed, record, entryOf);
}

function entryOf(record: CheckRecord): DecisionEntry {
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
