/** A policy and its rules as the engine holds them: plain data but for the CEL program. */
import type { CelProgram } from '../cel/program.ts';
import type { Action, AuditMode, Mode, PolicyKind, ServiceAccountRef, ValidWindow } from '../model.ts';
import type { Predicate } from './predicate.ts';
import type { CompiledRespond } from './respond.ts';

export interface CompiledPolicy {
  readonly kind: PolicyKind;
  /** `namespace/name`; one AccessPolicy and one AuthorizationPolicy may share it. */
  readonly name: string;
  readonly namespace: string;
  readonly action: Action;
  readonly mode: Mode;
  /** null: the policy does not say. */
  readonly audit: AuditMode | null;
  readonly matchLabels: ReadonlyMap<string, string>;
  readonly serviceAccounts: readonly ServiceAccountRef[] | null;
  readonly targetGateways: readonly string[] | null;
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRule {
  /** Position in report order over the whole snapshot: lower comes first. */
  readonly ordinal: number;
  readonly policy: CompiledPolicy;
  readonly index: number;
  /** As given in the file, or null. */
  readonly name: string | null;
  /** Any of the alternatives, each all of its predicates; null: any source. */
  readonly from: readonly (readonly Predicate[])[] | null;
  readonly to: readonly (readonly Predicate[])[] | null;
  readonly when: readonly Predicate[];
  readonly cel: CelProgram | null;
  readonly valid: ValidWindow | null;
  readonly respond: CompiledRespond | null;
  /** Some field looks at the token: a valid one could change what the rule says. */
  readonly readsToken: boolean;
}
