/** Does a rule match? The one evaluator: serving, the linear scan and explanations all ask here. */
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { Action } from '../../policy/model.ts';
import { celHolds } from './cel-holds.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import { holds } from './holds.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';
import type { TokenView } from '../rule-index.ts';
import { predicateReadsToken } from '../../policy/compile/read-set.ts';

/** What an index asks of each candidate. */
export type RuleMatch = (rule: CompiledRule, request: RequestAttributes, nowMs: number) => boolean;

export function ruleMatch(token: TokenView): RuleMatch {
  return token === 'as it is' ? matchRule : matchRuleWithBestToken;
}

export function matchRule(rule: CompiledRule, request: RequestAttributes, nowMs: number): boolean {
  const { action } = rule.policy;
  return (
    isValidAt(rule, nowMs) &&
    (rule.from === null || someAlternative(rule.from, request, action)) &&
    (rule.to === null || someAlternative(rule.to, request, action)) &&
    allHold(rule.when, request, action) &&
    (rule.cel === null || celHolds(rule.cel, request, action, nowMs))
  );
}

/**
 * Would the rule help with the best of tokens? For an ALLOW: could it match; for a DENY: can it not be
 * avoided. Tells 401 (bring a token) from 403.
 */
function matchRuleWithBestToken(rule: CompiledRule, request: RequestAttributes, nowMs: number): boolean {
  if (!rule.readsToken) return matchRule(rule, request, nowMs);
  const { action } = rule.policy;
  const best = action === 'ALLOW';
  const hold = (predicate: Predicate): boolean =>
    predicateReadsToken(predicate) ? best : holds(predicate, request, action);
  const some = (alternatives: readonly (readonly Predicate[])[] | null): boolean =>
    alternatives === null || alternatives.some((predicates) => predicates.every(hold));
  return (
    isValidAt(rule, nowMs) &&
    some(rule.from) &&
    some(rule.to) &&
    rule.when.every(hold) &&
    (rule.cel === null ||
      (rule.cel.reads.some((read) => readsTokenVariable(read)) ? best : celHolds(rule.cel, request, action, nowMs)))
  );
}

function readsTokenVariable(read: { readonly variable: string; readonly path: readonly string[] }): boolean {
  return (
    read.variable === 'claims' || (read.variable === 'request' && (read.path.length === 0 || read.path[0] === 'auth'))
  );
}

export function isValidAt(rule: CompiledRule, nowMs: number): boolean {
  const { valid } = rule;
  if (valid === null) return true;
  return (valid.fromMs === null || nowMs >= valid.fromMs) && (valid.untilMs === null || nowMs < valid.untilMs);
}

function someAlternative(
  alternatives: readonly (readonly Predicate[])[],
  request: RequestAttributes,
  action: Action,
): boolean {
  for (const predicates of alternatives) if (allHold(predicates, request, action)) return true;
  return false;
}

function allHold(predicates: readonly Predicate[], request: RequestAttributes, action: Action): boolean {
  for (const predicate of predicates) if (!holds(predicate, request, action)) return false;
  return true;
}
