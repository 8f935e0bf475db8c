/**
 * Who may call what, as links: a caller, a workload, an operation, and what is known of the three together. Permissions come
 * from the rules; what was seen is laid over them, and stands beside them where no rule speaks of it.
 */
import type { CalledWorkload, Caller, Grant, Operation, Selector, TrafficEdge } from '../api/answers.ts';
import { callerName } from '../parts/grant-text.ts';
import { workloadText } from '../parts/identity-text.ts';

export type Column = 'caller' | 'workload' | 'operation';

export interface GraphNode {
  readonly id: string;
  readonly column: Column;
  /** Short. */
  readonly text: string;
  /** Whole, where that says more. */
  readonly detail: string;
}

export type LinkState =
  /** Allowed, and seen. */
  | 'used'
  /** Allowed, and not seen yet. */
  | 'unused'
  /** Seen, and denied. */
  | 'denied'
  /** A DENY rule. */
  | 'forbidden';

export interface Link {
  readonly caller: string;
  readonly workload: string;
  readonly operation: string;
  readonly state: LinkState;
  /** Checks that were seen. */
  readonly count: number;
  /** The rule that says so; null: none does. */
  readonly policy: string | null;
  readonly rule: string | number | null;
  /** What has to hold besides. */
  readonly conditions: readonly string[];
}

export interface Graph {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly links: readonly Link[];
  /** Of workloads that policies name, what they say. */
  readonly selectors: ReadonlyMap<string, Selector>;
}

interface DraftLink {
  readonly link: Omit<Link, 'state' | 'count'>;
  readonly isForbidden: boolean;
  readonly caller: Caller;
  readonly operation: Operation;
  seen: number;
}

export function graphOf(
  grants: readonly Grant[],
  workloads: ReadonlyMap<string, Selector>,
  traffic: readonly TrafficEdge[],
): Graph {
  const nodes = new Map<string, GraphNode>();
  const node = (column: Column, key: string, text: string, detail: string): string => {
    const id = `${column} ${key}`;
    if (!nodes.has(id)) nodes.set(id, { id, column, text, detail });
    return id;
  };
  const selectors = new Map<string, Selector>();
  const workloadNode = (selector: Selector): string => {
    const id = node('workload', selector.id, selectorText(selector), selector.text);
    selectors.set(id, selector);
    return id;
  };
  const callerNode = (caller: Caller): string =>
    node('caller', `${caller.kind} ${bare(caller.value)}`, callerName(caller), `${caller.kind}: ${bare(caller.value)}`);

  const drafts = new Map<string, DraftLink[]>();
  for (const grant of grants) {
    const selector = workloads.get(grant.workload);
    // What is not obeyed permits nothing, and what applies to no workload neither.
    if (grant.mode !== 'enforce' || selector === undefined || selector.gateways?.length === 0) continue;
    const workload = workloadNode(selector);
    const { policy, rule } = grant;
    const made = grant.from.flatMap(({ callers, limits }) =>
      callers.flatMap((caller) =>
        grant.to.flatMap(singly).map((operation): DraftLink => {
          const conditions = [...limits, ...operation.limits, ...grant.conditions];
          const target = node('operation', `${workload} ${operationText(operation)}`, operationText(operation), '');
          const link = { caller: callerNode(caller), workload, operation: target, policy, rule, conditions };
          return { link, isForbidden: grant.action === 'DENY', caller, operation, seen: 0 };
        }),
      ),
    );
    drafts.set(ruleKey(grant), made);
  }

  const seenOnly = new Map<string, Link>();
  const see = (edge: TrafficEdge, state: 'used' | 'denied', count: number): void => {
    const { policy, rule } = edge;
    const caller = callerNode({ kind: 'principals', value: edge.caller ?? '' });
    const workload = calledNode(edge.workload, workloads.values(), workloadNode, node);
    const text = `${edge.method} ${edge.path}`;
    const operation = node('operation', `${workload} ${text}`, text, '');
    const key = [caller, operation, state, policy, rule].join('\n');
    const before = seenOnly.get(key)?.count ?? 0;
    seenOnly.set(key, { caller, workload, operation, state, count: count + before, policy, rule, conditions: [] });
  };
  for (const edge of traffic) {
    if (edge.denied > 0) see(edge, 'denied', edge.denied);
    if (edge.allowed === 0) continue;
    const draft = permissionOf(edge, drafts.get(ruleKey(edge)) ?? []);
    if (draft === null) see(edge, 'used', edge.allowed);
    else draft.seen += edge.allowed;
  }
  for (const grant of grants) {
    const [only, ...others] = drafts.get(ruleKey(grant)) ?? [];
    // Of a single permission the rule's own count is the whole one, also where traffic was only sampled.
    if (only !== undefined && others.length === 0) only.seen = Math.max(only.seen, grant.hits);
  }
  const permissions = [...drafts.values()].flat().map(({ link, isForbidden, seen }): Link => ({
    ...link,
    state: isForbidden ? 'forbidden' : seen > 0 ? 'used' : 'unused',
    count: isForbidden ? 0 : seen,
  }));
  return { nodes, links: [...permissions, ...seenOnly.values()], selectors };
}

function ruleKey({ kind, policy, rule }: Pick<TrafficEdge, 'kind' | 'policy' | 'rule'>): string {
  return `${kind ?? ''} ${policy ?? ''} ${String(rule)}`;
}

/** Of the permissions of the rule that decided, the one that was used. null: none of them is known. */
function permissionOf(edge: TrafficEdge, drafts: readonly DraftLink[]): DraftLink | null {
  const rank = ({ caller, operation }: DraftLink): number =>
    (isCaller(caller, edge.caller) ? 4 : caller.kind === 'principals' ? 0 : 2) +
    (operation.paths === null || operation.paths[0] === edge.path ? 1 : 0);
  return drafts.reduce<DraftLink | null>(
    (best, each) => (best === null || rank(each) > rank(best) ? each : best),
    null,
  );
}

function isCaller({ kind, value }: Caller, principal: string | null): boolean {
  return kind === 'principals' && principal !== null && bare(value) === bare(principal);
}

function bare(principal: string): string {
  return principal.replace(/^spiffe:\/\//, '');
}

/** Each path on its own: that is what people look for. */
function singly(operation: Operation): readonly Operation[] {
  return operation.paths === null ? [operation] : operation.paths.map((path) => ({ ...operation, paths: [path] }));
}

function operationText({ methods, paths, ports, hosts }: Operation): string {
  const words = [
    methods === null ? 'any' : methods.join(', '),
    paths === null ? 'path' : paths[0]!,
    ...(ports === null ? [] : [`port ${ports.join(', ')}`]),
    ...(hosts === null ? [] : [`at ${hosts.join(', ')}`]),
  ];
  return methods === null && paths === null && words.length === 2 ? 'anything' : words.join(' ');
}

/** `shop/orders` where that says enough. */
export function selectorText({ text, namespace, labels, serviceAccounts }: Selector): string {
  const entries = Object.entries(labels);
  if (namespace !== null && serviceAccounts === null && entries.length === 1 && entries[0]![0] === 'app')
    return `${namespace}/${entries[0]![1]}`;
  if (serviceAccounts?.length === 1 && entries.length === 0) return serviceAccounts[0]!;
  if (entries.length === 0 && serviceAccounts === null)
    return namespace === null ? 'the whole mesh' : `all of ${namespace}`;
  return text;
}

const UNRESOLVED_KEY = 'unresolved';

/** The node of calls whose workload is not known. */
export const UNRESOLVED = `workload ${UNRESOLVED_KEY}`;

type MakeNode = (column: Column, key: string, text: string, detail: string) => string;

/** The called workload of a check: what policies say most closely of it, or itself when none names it. */
function calledNode(
  called: (CalledWorkload & { readonly text: string }) | null,
  known: Iterable<Selector>,
  workloadNode: (selector: Selector) => string,
  node: MakeNode,
): string {
  if (called === null)
    return node('workload', UNRESOLVED_KEY, 'not resolved', 'which workload was called is not known');
  let closest: Selector | null = null;
  for (const selector of known)
    if (selects(selector, called) && (closest === null || closeness(selector) > closeness(closest))) closest = selector;
  if (closest !== null && closeness(closest) > 1) return workloadNode(closest);
  return node('workload', `called ${called.text}`, workloadText(called), called.text);
}

function selects({ namespace, labels, serviceAccounts, gateways }: Selector, called: CalledWorkload): boolean {
  return (
    gateways === null &&
    (namespace === null || namespace === called.namespace) &&
    Object.entries(labels).every(([name, value]) => called.labels?.[name] === value) &&
    (serviceAccounts === null || serviceAccounts.includes(`${called.namespace ?? ''}/${called.serviceAccount ?? ''}`))
  );
}

/** How much it says: 0 the whole mesh, 1 a namespace, more with labels and accounts. */
function closeness({ namespace, labels, serviceAccounts }: Selector): number {
  return (namespace === null ? 0 : 1) + 2 * Object.keys(labels).length + (serviceAccounts === null ? 0 : 2);
}

/** Whether every workload of `narrow` is one of `wide`, as far as labels and names can tell. */
export function covers(wide: Selector, narrow: Selector): boolean {
  return (
    wide.gateways === null &&
    (wide.namespace === null || wide.namespace === narrow.namespace) &&
    Object.entries(wide.labels).every(([name, value]) => narrow.labels[name] === value) &&
    (wide.serviceAccounts === null ||
      (narrow.serviceAccounts?.every((account) => wide.serviceAccounts!.includes(account)) ?? false))
  );
}
