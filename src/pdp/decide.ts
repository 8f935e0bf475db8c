/** Combining (DESIGN §6): DENY overrides; without an ALLOW policy the default; else an ALLOW has to match. */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { Scope } from '../policy-index/scope.ts';
import type { RuleIndex } from '../policy-index/rule-index.ts';
import type { DecisionSettings } from '../policy-index/settings.ts';
import { decidedRule, decision } from './decision.ts';
import type { Decision, ShadowDecision } from './decision.ts';
import type { Reason } from './reason.ts';

export interface DecideOptions {
  readonly nowMs: number;
  /** How long a decision may be reused at most. */
  readonly ttlMs: number;
  /** Until when the proof of who asks is good; absent: there is none that ends. */
  readonly proofUntilMs?: number;
}

export function decide(
  scope: Scope,
  settings: DecisionSettings,
  request: RequestAttributes,
  options: DecideOptions,
): Decision {
  const { nowMs } = options;
  const [reason, rule] = combine(scope, settings, request, nowMs);
  return decision(reason, rule, shadowDecision(scope, settings, request, nowMs), keepUntil(scope, request, options));
}

type Outcome = readonly [Reason, CompiledRule | null];

function combine(scope: Scope, settings: DecisionSettings, request: RequestAttributes, nowMs: number): Outcome {
  const denying = scope.deny.first(request, nowMs, 'as it is');
  if (denying !== null) {
    // A rule that says itself what to answer is not second-guessed.
    const answersItself = denying.respond?.deny != null;
    return !answersItself && tokenCouldHelp(scope, settings, request, nowMs)
      ? ['token_required', denying]
      : ['deny_rule', denying];
  }
  if (!scope.allowApplies) return [settings.defaultAction === 'ALLOW' ? 'default_allow' : 'default_deny', null];
  const allowing = scope.allow.first(request, nowMs, 'as it is');
  if (allowing !== null) return ['allow_rule', allowing];
  return [tokenCouldHelp(scope, settings, request, nowMs) ? 'token_required' : 'no_rule_matched', null];
}

/** No token was proven, tokens can be, and the best of tokens would be let in. */
function tokenCouldHelp(scope: Scope, settings: DecisionSettings, request: RequestAttributes, nowMs: number): boolean {
  const canBeProven = settings.jwtMetadata !== '' || scope.authentications.length > 0;
  if (!scope.readsToken || !canBeProven || request.claims !== null) return false;
  if (scope.deny.first(request, nowMs, 'the best there could be') !== null) return false;
  if (!scope.allowApplies) return settings.defaultAction === 'ALLOW';
  return scope.allow.first(request, nowMs, 'the best there could be') !== null;
}

function shadowDecision(
  scope: Scope,
  settings: DecisionSettings,
  request: RequestAttributes,
  nowMs: number,
): ShadowDecision | null {
  if (!scope.hasShadow) return null;
  const denying = first(scope.deny, scope.shadowDeny, request, nowMs);
  if (denying !== null) return { allowed: false, reason: 'deny_rule', rule: decidedRule(denying) };
  const allowing = first(scope.allow, scope.shadowAllow, request, nowMs);
  if (allowing !== null) return { allowed: true, reason: 'allow_rule', rule: decidedRule(allowing) };
  if (scope.allowAppliesInShadow) return { allowed: false, reason: 'no_rule_matched', rule: null };
  const allowed = settings.defaultAction === 'ALLOW';
  return { allowed, reason: allowed ? 'default_allow' : 'default_deny', rule: null };
}

function first(enforced: RuleIndex, shadow: RuleIndex, request: RequestAttributes, nowMs: number): CompiledRule | null {
  const a = enforced.first(request, nowMs, 'as it is');
  const b = shadow.first(request, nowMs, 'as it is');
  if (a === null || b === null) return a ?? b;
  return a.ordinal < b.ordinal ? a : b;
}

/** min(TTL, the next edge of a time window, the token's end); 0 where the clock itself was read. */
function keepUntil(scope: Scope, request: RequestAttributes, { nowMs, ttlMs, proofUntilMs }: DecideOptions): number {
  if (scope.readsClock || ttlMs <= 0) return 0;
  let until = Math.min(nowMs + ttlMs, proofUntilMs ?? Number.POSITIVE_INFINITY);
  const edge = scope.edgesMs.find((edgeMs) => edgeMs > nowMs);
  if (edge !== undefined) until = Math.min(until, edge);
  if (scope.holdsToken) {
    const expiry = request.claims?.get('exp');
    if (typeof expiry === 'number') until = Math.min(until, expiry * 1000);
  }
  return until > nowMs ? until : 0;
}
