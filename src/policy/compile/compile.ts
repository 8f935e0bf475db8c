/** A validated set → compiled policies, in report order. */
import type { Diagnostic } from '../../lib/diagnostic.ts';
import type { Steps } from '../../lib/steps.ts';
import { compileCel } from '../cel/compile.ts';
import type { CelProgram } from '../cel/program.ts';
import type { PolicySet, Rule } from '../model.ts';
import { compareReportOrder } from '../report-order.ts';
import { celReads } from './cel-reads.ts';
import { compilePredicates } from './compile-rule.ts';
import type { RuleContext } from './compile-rule.ts';
import type { CompiledPolicy, CompiledRule } from './compiled-rule.ts';
import { compileGroups } from './group.ts';
import { predicateReads, predicateReadsToken, readKey } from './read-set.ts';
import type { Read } from './read-set.ts';
import { compileRespond, respondReads } from './respond.ts';
import { trustDomains } from './trust-domain.ts';

export interface CompileOptions {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
}

export interface CompiledSet {
  readonly policies: readonly CompiledPolicy[];
  /** Problems with CEL conditions; with any error the set must not be served. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A step for each rule. */
export function* compilePolicies(set: PolicySet, options: CompileOptions): Steps<CompiledSet> {
  const domains = trustDomains(options.trustDomain, options.trustDomainAliases);
  const groups = yield* compileGroups(set.groups, domains);
  const diagnostics: Diagnostic[] = [];
  let ordinal = 0;
  const policies: CompiledPolicy[] = [];
  for (const policy of [...set.policies].sort(compareReportOrder)) {
    const context: RuleContext = {
      policy,
      dialect: policy.kind === 'AccessPolicy' ? 'access' : 'istio',
      trustDomains: domains,
      groups,
    };
    const rules: CompiledRule[] = [];
    const compiled: CompiledPolicy = {
      kind: policy.kind,
      name: `${policy.namespace}/${policy.name}`,
      namespace: policy.namespace,
      action: policy.action,
      mode: policy.mode,
      matchLabels: policy.matchLabels,
      serviceAccounts: policy.serviceAccounts,
      targetGateways: policy.targetGateways,
      rules,
    };
    for (const rule of policy.rules) {
      yield;
      rules.push(compileRule(rule, ordinal++, compiled, context, diagnostics));
    }
    policies.push(compiled);
  }
  return { policies, diagnostics };
}

function compileRule(
  rule: Rule,
  ordinal: number,
  policy: CompiledPolicy,
  context: RuleContext,
  diagnostics: Diagnostic[],
): CompiledRule {
  const { from, to, when } = compilePredicates(rule, context);
  const cel = compileCondition(rule, diagnostics);
  const respond = rule.respond === null ? null : compileRespond(rule.respond);
  const predicates = [...(from?.flat() ?? []), ...(to?.flat() ?? []), ...when];
  const celRead = cel === null ? [] : celReads(cel);
  const reads = uniqueReads([
    ...predicates.flatMap(predicateReads),
    ...celRead,
    ...(respond === null ? [] : respondReads(respond)),
  ]);
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
    reads,
    readsToken:
      predicates.some(predicateReadsToken) ||
      celRead.some(({ kind }) => kind === 'claims' || kind === 'claim' || kind === 'tokenSubject'),
    readsClock: cel !== null && cel.readsNow,
  };
}

function compileCondition(rule: Rule, diagnostics: Diagnostic[]): CelProgram | null {
  if (rule.condition === null) return null;
  const { program, problems } = compileCel(rule.condition.text);
  const { position } = rule.condition;
  for (const { message, hint } of problems)
    diagnostics.push({ severity: 'error', code: 'bad-condition', message, hint, position });
  return program;
}

export function uniqueReads(reads: readonly Read[]): readonly Read[] {
  return [...new Map(reads.map((read) => [readKey(read), read])).values()];
}
