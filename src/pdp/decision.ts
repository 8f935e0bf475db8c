import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import { reasonFacts } from './reason.ts';
import type { Reason } from './reason.ts';

declare const brand: unique symbol;

/** What was decided. Only this folder makes one. */
export interface Decision {
  readonly [brand]: true;
  readonly allowed: boolean;
  readonly reason: Reason;
  /** The rule that decided, or null. */
  readonly rule: CompiledRule | null;
  /** What would have been decided with shadow and dry-run policies obeyed; null when none is in scope. */
  readonly shadow: ShadowDecision | null;
  /** Milliseconds since the epoch until which the decision may be reused; 0: not at all. */
  readonly keepUntilMs: number;
}

export interface ShadowDecision {
  readonly allowed: boolean;
  readonly reason: Reason;
  readonly rule: CompiledRule | null;
}

export function decision(
  reason: Reason,
  rule: CompiledRule | null = null,
  shadow: ShadowDecision | null = null,
  keepUntilMs = 0,
): Decision {
  return { allowed: reasonFacts(reason).allowed, reason, rule, shadow, keepUntilMs } as Decision;
}

/** What reports call a rule: its name, or its number. */
export function ruleLabel(rule: CompiledRule): string {
  return rule.name ?? String(rule.index);
}
