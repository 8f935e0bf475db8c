import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { RuleMatch } from './match/match-rule.ts';

/** The rules of one action that are in scope for one workload, ready to be asked. */
export interface RuleIndex {
  /** All of them, in report order. */
  readonly rules: readonly CompiledRule[];
  /** The first in report order for which `matches` says yes. `matches` must imply what the rule's fields say. */
  first(request: RequestAttributes, nowMs: number, matches: RuleMatch): CompiledRule | null;
  /** How the rules are filed, for people. */
  print(): string;
}
