import type { CompiledPolicy, CompiledRule } from '../policy/compile/compiled-rule.ts';
import { reasonFacts } from './reason.ts';
import type { Reason } from './reason.ts';

declare const brand: unique symbol;

/** What is kept of the rule that decided: enough to answer and to tell of it, without what it compares. */
export interface DecidedRule extends Pick<CompiledRule, 'ordinal' | 'index' | 'name' | 'respond'> {
  readonly policy: CompiledPolicy;
}

/** What was decided. Only this folder makes one. */
export interface Decision {
  readonly [brand]: true;
  readonly allowed: boolean;
  readonly reason: Reason;
  /** The rule that decided, or null. */
  readonly rule: DecidedRule | null;
  /** What would have been decided with shadow and dry-run policies obeyed; null when none is in scope. */
  readonly shadow: ShadowDecision | null;
  /** Milliseconds since the epoch until which the decision may be reused; 0: not at all. */
  readonly keepUntilMs: number;
}

export interface ShadowDecision {
  readonly allowed: boolean;
  readonly reason: Reason;
  readonly rule: DecidedRule | null;
}

export function decision(
  reason: Reason,
  rule: DecidedRule | null = null,
  shadow: ShadowDecision | null = null,
  keepUntilMs = 0,
): Decision {
  const decided: Omit<Decision, typeof brand> = {
    allowed: reasonFacts(reason).allowed,
    reason,
    rule: rule === null ? null : decidedRule(rule),
    shadow,
    keepUntilMs,
  };
  return decided as Decision;
}

/** Decisions are kept by the thousand: they must not hold the rules themselves. */
export function decidedRule({ ordinal, policy, index, name, respond }: DecidedRule): DecidedRule {
  return { ordinal, policy, index, name, respond };
}

/** Istio's name of a rule in Envoy's RBAC filter (pilot/pkg/security/authz/builder, policyName). One for AccessPolicies too. */
export function ruleId({ policy, index }: Pick<DecidedRule, 'policy' | 'index'>): string {
  const { namespace, name } = policy;
  return `ns[${namespace}]-policy[${name.slice(namespace.length + 1)}]-rule[${index}]`;
}

/** What reports call a rule: its name, or its number. */
export function ruleLabel(rule: Pick<DecidedRule, 'name' | 'index'>): string {
  return rule.name ?? String(rule.index);
}
