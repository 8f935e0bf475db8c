/** What several processes saw of who calls what, as one. */
import type { Edge, EdgeWorkload, ObservedTraffic } from './observe/questions.ts';
import { seenKey } from './inspect/messages.ts';

export interface TrafficSum {
  readonly sinceMs: number;
  readonly exact: boolean;
  /** Those with most checks first. */
  readonly edges: readonly Edge[];
  readonly other: { readonly allowed: number; readonly denied: number };
}

export function sumTraffic(all: readonly ObservedTraffic[], nowMs: number): TrafficSum {
  const edges = new Map<string, Edge>();
  const other = { allowed: 0, denied: 0 };
  for (const traffic of all) {
    other.allowed += traffic.other.allowed;
    other.denied += traffic.other.denied;
    for (const edge of traffic.edges) {
      const { caller, workload, method, path, kind, policy, rule } = edge;
      const key = JSON.stringify([caller, workload, method, path, kind, policy, rule]);
      const known = edges.get(key);
      edges.set(
        key,
        known === undefined
          ? edge
          : {
              ...edge,
              allowed: known.allowed + edge.allowed,
              denied: known.denied + edge.denied,
              lastSeenMs: Math.max(known.lastSeenMs, edge.lastSeenMs),
            },
      );
    }
  }
  return {
    sinceMs: Math.min(nowMs, ...all.map(({ sinceMs }) => sinceMs)),
    exact: all.every(({ exact }) => exact),
    edges: [...edges.values()].sort((a, b) => b.allowed + b.denied - a.allowed - a.denied),
    other,
  };
}

export function lastSeenOf(edges: readonly Edge[]): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  for (const { kind, policy, rule, lastSeenMs } of edges) {
    if (kind === null || policy === null || rule === null) continue;
    const key = seenKey(kind, policy, rule);
    seen.set(key, Math.max(lastSeenMs, seen.get(key) ?? 0));
  }
  return seen;
}

export function workloadText({ namespace, serviceAccount, labels }: EdgeWorkload): string {
  const shown = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return `${namespace ?? '?'}/${serviceAccount ?? '?'}${shown.length === 0 ? '' : ` (${shown.join(',')})`}`;
}
