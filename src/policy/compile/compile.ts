/** A validated policy → predicates, conditions and obligations. */
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { compileCel } from '../cel/compile.ts';
import type { CelProgram } from '../cel/program.ts';
import type { CelSource, Policy, Rule } from '../model.ts';
import { celReads } from './cel-reads.ts';
import { compilePredicates } from './compile-rule.ts';
import type { CompiledPolicy, CompiledRule } from './compiled-rule.ts';
import { compileGroup } from './group.ts';
import type { CompiledGroup, GroupSource } from './group.ts';
import { predicateReadsToken } from './read-set.ts';
import { compileRespond } from './respond.ts';
import { trustDomains } from './trust-domain.ts';
import type { TrustDomains } from './trust-domain.ts';

export interface CompileOptions {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
}

/** Compiles policies and rules one by one, in any order. Groups and conditions are compiled once. */
export class Compiler {
  /** Problems with CEL conditions so far; with any error the set must not be served. */
  readonly diagnostics: Diagnostic[] = [];
  readonly #groups: GroupSource;
  readonly #trustDomains: TrustDomains;
  readonly #compiledGroups = new Map<string, CompiledGroup>();
  readonly #programs = new Map<string, CelProgram>();

  constructor(groups: GroupSource, { trustDomain, trustDomainAliases }: CompileOptions) {
    this.#groups = groups;
    this.#trustDomains = trustDomains(trustDomain, trustDomainAliases);
  }

  /** `compiled.policy` is what {@link policyHead} made of `policy`. */
  rule(rule: Rule, ordinal: number, policy: CompiledPolicy): CompiledRule {
    const { from, to, when } = compilePredicates(rule, {
      namespace: policy.namespace,
      dialect: policy.kind === 'AccessPolicy' ? 'access' : 'istio',
      trustDomains: this.#trustDomains,
      groupNamed: (name) => this.#groupNamed(name, policy.namespace),
    });
    const cel = rule.condition === null ? null : this.condition(rule.condition);
    const respond = rule.respond === null ? null : compileRespond(rule.respond);
    return {
      ordinal,
      policy,
      index: rule.index,
      name: rule.name,
      from,
      to,
      when,
      cel,
      valid: rule.valid,
      respond,
      readsToken: readsToken(from) || readsToken(to) || when.some(predicateReadsToken) || celReadsToken(cel),
    };
  }

  #groupNamed(name: string, namespace: string): CompiledGroup {
    const key = name.includes('/') ? name : `${namespace}/${name}`;
    let group = this.#compiledGroups.get(key);
    if (group === undefined) {
      group = compileGroup(key, this.#groups, this.#trustDomains);
      this.#compiledGroups.set(key, group);
    }
    return group;
  }

  /** null: it does not compile, and {@link diagnostics} tell why. */
  condition({ text, position }: CelSource): CelProgram | null {
    const known = this.#programs.get(text);
    if (known !== undefined) return known;
    const { program, problems } = compileCel(text);
    for (const { message, hint } of problems)
      this.diagnostics.push({ severity: 'error', code: 'bad-condition', message, hint, position });
    if (program !== null) this.#programs.set(text, program);
    return program;
  }
}

/** `rulesOf`: how its rules are come by when they are asked for. */
export function policyHead(
  policy: Policy,
  rulesOf: (compiled: CompiledPolicy) => readonly CompiledRule[],
): CompiledPolicy {
  return {
    kind: policy.kind,
    name: `${policy.namespace}/${policy.name}`,
    namespace: policy.namespace,
    action: policy.action,
    mode: policy.mode,
    audit: policy.audit ?? null,
    matchLabels: policy.matchLabels,
    serviceAccounts: policy.serviceAccounts,
    targetGateways: policy.targetGateways,
    get rules() {
      return rulesOf(this);
    },
  };
}

function readsToken(alternatives: CompiledRule['from']): boolean {
  return alternatives !== null && alternatives.some((predicates) => predicates.some(predicateReadsToken));
}

function celReadsToken(cel: CelProgram | null): boolean {
  return (
    cel !== null && celReads(cel).some(({ kind }) => kind === 'claims' || kind === 'claim' || kind === 'tokenSubject')
  );
}
