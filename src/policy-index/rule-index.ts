import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';

/** Deciding asks whether a rule matches, and where a token is missing whether the best of tokens would help. */
export type TokenView = 'as it is' | 'the best there could be';

/** The rules of one action that are in scope for one workload, ready to be asked. */
export interface RuleIndex {
  /** All of them, in report order. Made when asked for. */
  readonly rules: readonly CompiledRule[];
  /** The first that matches, in report order. */
  first(request: RequestAttributes, nowMs: number, token: TokenView): CompiledRule | null;
  /** How the rules are filed, for people. */
  print(): string;
}
