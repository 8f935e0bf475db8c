/** Which policies apply to a workload (istio.io/istio pilot/pkg/model/policyattachment.go, DESIGN §6). */
import type { CompiledPolicy, CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { Read } from '../policy/compile/read-set.ts';
import { uniqueReads } from '../policy/compile/compile.ts';
import { toByteString } from '../attributes/bytes.ts';
import { keyedIndex } from './keyed-index.ts';
import { linearScan } from './linear-scan.ts';
import type { RuleIndex } from './rule-index.ts';
import { FOREIGN_ACCOUNT } from '../attributes/workload.ts';
import type { Workload } from '../attributes/workload.ts';

/** The policies of one workload, made ready. */
export interface Scope {
  /** Unlike any other scope's in this process, of older snapshots too: part of cache keys. */
  readonly id: number;
  readonly policies: readonly CompiledPolicy[];
  readonly deny: RuleIndex;
  readonly allow: RuleIndex;
  /** Shadow and dry-run policies: looked at, never obeyed. */
  readonly shadowDeny: RuleIndex;
  readonly shadowAllow: RuleIndex;
  /** Some ALLOW policy applies (in Shadow mode too), so that `defaultAction` is not asked. */
  readonly allowApplies: boolean;
  /** Some Shadow or dry-run policy applies, be it one without rules. */
  readonly hasShadow: boolean;
  /** {@link allowApplies} with dry-run policies counted. */
  readonly allowAppliesInShadow: boolean;
  /** Everything that a decision here may depend on. */
  readonly reads: readonly Read[];
  readonly readsToken: boolean;
  /** A rule, or what it answers with, looks into the token: decisions here live no longer than the token. */
  readonly holdsToken: boolean;
  /** Decisions depend on the clock beyond time windows: never kept. */
  readonly readsClock: boolean;
  /** Milliseconds since the epoch at which some rule's time window begins or ends, ascending. */
  readonly edgesMs: readonly number[];
}

/** Makes an index of rules: {@link keyedIndex}, or {@link linearScan} where the oracle is wanted. */
export type IndexMaker = (rules: readonly CompiledRule[]) => RuleIndex;

/** Does the policy apply? null: it asks for something of the workload that is not known. */
export function policyApplies(policy: CompiledPolicy, workload: Workload, rootNamespace: string): boolean | null {
  const { targetGateways } = policy;
  if (targetGateways !== null && targetGateways.length === 0) return false;
  if (policy.namespace !== rootNamespace || targetGateways !== null) {
    if (workload.namespace === null) return null;
    if (policy.namespace !== workload.namespace) return false;
  }
  let unknown = false;
  if (targetGateways !== null) {
    if (workload.labels === null) return null;
    if (!targetGateways.includes(workload.labels.get(GATEWAY_NAME_LABEL) ?? '')) return false;
  }
  if (policy.matchLabels.size > 0) {
    if (workload.labels === null) unknown = true;
    else
      for (const [name, value] of policy.matchLabels)
        if (workload.labels.get(toByteString(name)) !== toByteString(value)) return false;
  }
  if (policy.serviceAccounts !== null) {
    if (workload.serviceAccount === FOREIGN_ACCOUNT) return false;
    if (workload.serviceAccount === null || workload.namespace === null) unknown = true;
    else if (
      !policy.serviceAccounts.some((a) => a.name === workload.serviceAccount && a.namespace === workload.namespace)
    )
      return false;
  }
  return unknown ? null : true;
}

/** gateway.networking.k8s.io: the label that ties a pod to its Gateway. */
const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

let nextId = 1;

/** null: some policy asks for something of the workload that is not known. */
export function buildScope(
  policies: readonly CompiledPolicy[],
  workload: Workload,
  rootNamespace: string,
  makeIndex: IndexMaker = keyedIndex,
): Scope | null {
  const applying: CompiledPolicy[] = [];
  for (const policy of policies) {
    const applies = policyApplies(policy, workload, rootNamespace);
    if (applies === null) {
      // What decides nothing closes nothing either: neither a dry run nor a DENY in Shadow mode. An ALLOW in Shadow
      // mode does decide something: where it applies, `defaultAction` is not asked.
      if (policy.mode === 'dry-run' || (policy.mode === 'shadow' && policy.action === 'DENY')) continue;
      return null;
    }
    if (applies) applying.push(policy);
  }
  const rulesOf = (action: 'ALLOW' | 'DENY', enforced: boolean): CompiledRule[] =>
    applying.filter((p) => p.action === action && (p.mode === 'enforce') === enforced).flatMap((p) => p.rules);
  const rules = applying.flatMap((policy) => policy.rules);
  const readsToken = rules.some((rule) => rule.readsToken);
  const edges = rules.flatMap((rule) => [rule.valid?.fromMs ?? null, rule.valid?.untilMs ?? null]);
  return {
    id: nextId++,
    policies: applying,
    deny: makeIndex(rulesOf('DENY', true)),
    allow: makeIndex(rulesOf('ALLOW', true)),
    shadowDeny: linearScan(rulesOf('DENY', false)),
    shadowAllow: linearScan(rulesOf('ALLOW', false)),
    // Istio's dry-run policies are not there at all; an AccessPolicy in Shadow mode is, with no rule that allows.
    allowApplies: applying.some((p) => p.action === 'ALLOW' && p.mode !== 'dry-run'),
    hasShadow: applying.some((p) => p.mode !== 'enforce'),
    allowAppliesInShadow: applying.some((p) => p.action === 'ALLOW'),
    reads: uniqueReads([
      ...rules.flatMap((rule) => rule.reads),
      ...(readsToken ? [{ kind: 'tokenPresence' } as const] : []),
    ]),
    readsToken,
    holdsToken: rules.some((rule) => rule.reads.some(isOfToken)),
    readsClock: rules.some((rule) => rule.readsClock),
    edgesMs: [...new Set(edges.filter((edge) => edge !== null))].sort((a, b) => a - b),
  };
}

function isOfToken({ kind }: Read): boolean {
  return kind === 'claim' || kind === 'claims' || kind === 'tokenSubject';
}
