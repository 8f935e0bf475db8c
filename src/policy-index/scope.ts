/** Which policies apply to a workload (istio.io/istio pilot/pkg/model/policyattachment.go, DESIGN §6). */
import { toByteString } from '../attributes/bytes.ts';
import { FOREIGN_ACCOUNT } from '../attributes/workload.ts';
import type { Workload } from '../attributes/workload.ts';
import type { CompiledPolicy, CompiledRule } from '../policy/compile/compiled-rule.ts';
import { readKey, uniqueReads } from '../policy/compile/read-set.ts';
import type { Read } from '../policy/compile/read-set.ts';
import type { Authentication } from '../policy/identity-model.ts';
import type { Action, Policy } from '../policy/model.ts';
import { flatRules } from './flat-rules.ts';
import type { Attachment } from './flat/attachments.ts';
import type { FlatSnapshot } from './flat/flat-snapshot.ts';
import type { KeyRead } from './key-read.ts';
import type { RuleIndex } from './rule-index.ts';
import { ValueClasses } from './value-classes.ts';

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
  readonly keyReads: readonly KeyRead[];
  /** What the rules here can tell apart of values that they only compare with patterns. */
  readonly classes: ValueClasses;
  /** By which proofs callers say who they are; the same list for all workloads to which the same apply. */
  readonly authentications: readonly Authentication[];
  readonly readsToken: boolean;
  /** A rule, or what it answers with, looks into the token: decisions here live no longer than the token. */
  readonly holdsToken: boolean;
  /** Decisions depend on the clock beyond time windows: never kept. */
  readonly readsClock: boolean;
  /** Milliseconds since the epoch at which some rule's time window begins or ends, ascending. */
  readonly edgesMs: readonly number[];
}

/** Makes an index of rules in place of the snapshot's own: {@link linearScan}, where the oracle is wanted. */
export type IndexMaker = (rules: readonly CompiledRule[]) => RuleIndex;

type Attached = Pick<Policy, 'namespace' | 'targetGateways' | 'matchLabels' | 'serviceAccounts'>;

/** Does the policy apply? null: it asks for something of the workload that is not known. */
export function policyApplies(policy: Attached, workload: Workload, rootNamespace: string): boolean | null {
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
  flat: FlatSnapshot,
  workload: Workload,
  rootNamespace: string,
  makeIndex: IndexMaker | null,
): Scope | null {
  const applying: Attachment[] = [];
  for (const attachment of flat.attachments(workload, rootNamespace)) {
    const { policy } = attachment;
    const applies = policyApplies(policy, workload, rootNamespace);
    if (applies === null) {
      // What decides nothing closes nothing either: neither a dry run nor a DENY in Shadow mode. An ALLOW in Shadow
      // mode does decide something: where it applies, `defaultAction` is not asked.
      if (policy.mode === 'dry-run' || (policy.mode === 'shadow' && policy.action === 'DENY')) continue;
      return null;
    }
    if (applies) applying.push(attachment);
  }
  const authentications = authenticationsOf(flat, workload, rootNamespace);
  if (authentications === null) return null;
  const indexOf = (action: Action, enforced: boolean): RuleIndex => {
    const references = applying
      .filter(({ policy }) => policy.action === action && (policy.mode === 'enforce') === enforced)
      .map(({ entries }) => entries);
    const index = flatRules(flat, action, references);
    return makeIndex === null ? index : makeIndex(index.rules);
  };
  const policies = applying.map((attachment) => attachment.policies);
  const readsToken = applying.some((attachment) => attachment.readsToken);
  const exact = new Set(applying.flatMap(({ exactReads }) => exactReads.map(readKey)));
  const reads = uniqueReads([
    ...applying.flatMap((attachment) => attachment.reads),
    ...(readsToken ? [{ kind: 'tokenPresence' } as const] : []),
  ]);
  return {
    id: nextId++,
    get policies() {
      const numbers = policies.flatMap((reference) => flat.postings.entries(reference));
      return numbers.sort((a, b) => a - b).map((number) => flat.policy(number));
    },
    deny: indexOf('DENY', true),
    allow: indexOf('ALLOW', true),
    shadowDeny: indexOf('DENY', false),
    shadowAllow: indexOf('ALLOW', false),
    // Istio's dry-run policies are not there at all; an AccessPolicy in Shadow mode is, with no rule that allows.
    allowApplies: applying.some(({ policy }) => policy.action === 'ALLOW' && policy.mode !== 'dry-run'),
    hasShadow: applying.some(({ policy }) => policy.mode !== 'enforce'),
    allowAppliesInShadow: applying.some(({ policy }) => policy.action === 'ALLOW'),
    keyReads: flat.sameReads(reads.map((read) => ({ read, exact: exact.has(readKey(read)) }))),
    classes: new ValueClasses(
      flat,
      applying.map(({ patterns }) => patterns),
    ),
    authentications,
    readsToken,
    holdsToken: reads.some(isOfToken),
    readsClock: applying.some((attachment) => attachment.readsClock),
    edgesMs: [...new Set(applying.flatMap(({ edgesMs }) => edgesMs))].sort((a, b) => a - b),
  };
}

/** null: one of them asks for something of the workload that is not known. */
function authenticationsOf(
  flat: FlatSnapshot,
  workload: Workload,
  rootNamespace: string,
): readonly Authentication[] | null {
  const applying: Authentication[] = [];
  for (const each of flat.authentications) {
    const applies = policyApplies({ ...each, serviceAccounts: null }, workload, rootNamespace);
    if (applies === null) return null;
    if (applies) applying.push(each);
  }
  return flat.sameList(applying);
}

function isOfToken({ kind }: Read): boolean {
  return kind === 'claim' || kind === 'claims' || kind === 'tokenSubject';
}
