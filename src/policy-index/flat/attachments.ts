/**
 * Policies that apply to the same workloads and do the same: what a workload's scope is put together from.
 * They are found by the namespace and by one label or account that the workload must have.
 */
import { toByteString } from '../../attributes/bytes.ts';
import type { Workload } from '../../attributes/workload.ts';
import type { CompiledPolicy } from '../../policy/compile/compiled-rule.ts';
import { readKey } from '../../policy/compile/read-set.ts';
import { ruleReads } from '../../policy/compile/rule-reads.ts';
import type { Read } from '../../policy/compile/read-set.ts';
import type { Policy } from '../../policy/model.ts';
import { NOWHERE, policyOf, policyValue } from './model-values.ts';
import type { Value } from './values.ts';

/** Pattern tables in which attachments are found. */
export const ATTACHMENTS = {
  /** By namespace, all of them. */
  namespace: 40,
  /** By namespace, those that no label or account narrows. */
  plain: 41,
  label: 42,
  account: 43,
  /** By namespace, those that only an account narrows. */
  anyAccount: 44,
} as const;

export interface Attachment {
  /** One of its policies: where it applies and what it does is the same for all. */
  readonly policy: Policy;
  /** References of postings: its policies by number, its entries, the patterns that its rules compare with. */
  readonly policies: number;
  readonly entries: number;
  readonly patterns: number;
  readonly reads: readonly Read[];
  readonly exactReads: readonly Read[];
  readonly readsToken: boolean;
  readonly readsClock: boolean;
  readonly edgesMs: readonly number[];
}

/** What decides whether a policy applies, and what it does: equal keys, one attachment. */
export function attachmentKey(policy: Policy): string {
  const { namespace, action, mode, matchLabels, serviceAccounts, targetGateways } = policy;
  return JSON.stringify([
    namespace,
    action,
    mode,
    [...matchLabels].sort(([a], [b]) => (a < b ? -1 : 1)),
    serviceAccounts?.map((account) => `${account.namespace}/${account.name}`).sort(),
    targetGateways,
  ]);
}

/** Gathers what the rules of an attachment read. */
export class AttachmentDraft {
  readonly policy: Policy;
  readonly policies: number[] = [];
  readonly entries: number[] = [];
  readonly patterns = new Set<number>();
  readonly #reads = new Map<string, Read>();
  readonly #exactReads = new Map<string, Read>();
  readonly #edges = new Set<number>();
  #readsToken = false;
  #readsClock = false;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  add(rule: CompiledPolicy['rules'][number]): void {
    const { reads, exactReads, readsClock } = ruleReads(rule);
    for (const read of reads) this.#reads.set(readKey(read), read);
    for (const read of exactReads) this.#exactReads.set(readKey(read), read);
    this.#readsToken ||= rule.readsToken;
    this.#readsClock ||= readsClock;
    for (const edge of [rule.valid?.fromMs, rule.valid?.untilMs]) if (edge != null) this.#edges.add(edge);
  }

  value(write: (entries: readonly number[]) => number): Value {
    return [
      policyValue(this.policy),
      write(this.policies),
      write(this.entries),
      write([...this.patterns].sort((a, b) => a - b)),
      [...this.#reads.values()].map(readValue),
      [...this.#exactReads.values()].map(readValue),
      this.#readsToken,
      this.#readsClock,
      [...this.#edges].sort((a, b) => a - b),
    ];
  }
}

export function attachmentOf(value: Value): Attachment {
  const [policy, policies, entries, patterns, reads, exactReads, readsToken, readsClock, edgesMs] =
    value as readonly Value[];
  return {
    policy: policyOf(policy!, NOWHERE),
    policies: policies as number,
    entries: entries as number,
    patterns: patterns as number,
    reads: (reads as readonly Value[]).map(readOf),
    exactReads: (exactReads as readonly Value[]).map(readOf),
    readsToken: readsToken as boolean,
    readsClock: readsClock as boolean,
    edgesMs: edgesMs as readonly number[],
  };
}

function readValue(read: Read): Value {
  switch (read.kind) {
    case 'header':
      return [read.kind, read.name];
    case 'claim':
      return [read.kind, ...read.path];
    case 'metadata':
      return [read.kind, read.filter, ...read.path];
    default:
      return [read.kind];
  }
}

function readOf(value: Value): Read {
  const [kind, ...rest] = value as readonly string[];
  switch (kind) {
    case 'header':
      return { kind, name: rest[0]! };
    case 'claim':
      return { kind, path: rest };
    case 'metadata':
      return { kind, filter: rest[0]!, path: rest.slice(1) };
    default:
      return { kind } as Read;
  }
}

export function labelText(namespace: string, name: string, value: string): string {
  return `${namespace.length}:${namespace}${name.length}:${name}${value}`;
}

export function accountText(namespace: string, account: string): string {
  return `${namespace.length}:${namespace}${account}`;
}

/** By label (of {@link labelText}): how many attachments ask for it. */
export function labelCounts(policies: Iterable<Policy>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { namespace, matchLabels } of policies)
    for (const [name, value] of matchLabels) {
      const text = labelText(namespace, name, value);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  return counts;
}

/** Under which texts of which tables an attachment is found. */
export function placesOf(policy: Policy, counts: ReadonlyMap<string, number>): readonly (readonly [number, string])[] {
  const { namespace, matchLabels, serviceAccounts } = policy;
  const places: (readonly [number, string])[] = [[ATTACHMENTS.namespace, toByteString(namespace)]];
  const [rarest] = [...matchLabels]
    .map(([name, value]) => labelText(namespace, name, value))
    .sort((a, b) => counts.get(a)! - counts.get(b)!);
  if (rarest !== undefined) {
    const [name, value] = [...matchLabels].find(([n, v]) => labelText(namespace, n, v) === rarest)!;
    places.push([ATTACHMENTS.label, labelText(toByteString(namespace), toByteString(name), toByteString(value))]);
  } else if (serviceAccounts !== null) {
    places.push([ATTACHMENTS.anyAccount, toByteString(namespace)]);
    for (const account of serviceAccounts)
      places.push([ATTACHMENTS.account, accountText(namespace, `${account.namespace}/${account.name}`)]);
  } else places.push([ATTACHMENTS.plain, toByteString(namespace)]);
  return places;
}

/** Where to look for what applies to a workload, or cannot be told to. null: among all attachments. */
export function placesFor(
  { namespace, serviceAccount, labels }: Workload,
  rootNamespace: string,
): readonly (readonly [number, string])[] | null {
  if (namespace === null) return null;
  return [...new Set([toByteString(rootNamespace), namespace])].flatMap((holder): (readonly [number, string])[] =>
    labels === null
      ? [[ATTACHMENTS.namespace, holder]]
      : [
          [ATTACHMENTS.plain, holder],
          ...[...labels].map(([name, value]) => [ATTACHMENTS.label, labelText(holder, name, value)] as const),
          serviceAccount === null
            ? [ATTACHMENTS.anyAccount, holder]
            : [ATTACHMENTS.account, accountText(holder, `${namespace}/${serviceAccount}`)],
        ],
  );
}
