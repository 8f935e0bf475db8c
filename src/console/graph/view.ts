/** What of the graph is shown: what is asked for, and not more than can be read. */
import { covers } from './model.ts';
import type { Column, Graph, GraphNode, Link, LinkState } from './model.ts';

export interface GraphFilter {
  /** Of a node: only what is linked with it. Empty: all. */
  readonly focus: string;
  readonly text: string;
  readonly states: ReadonlySet<LinkState>;
}

export interface GraphView {
  readonly links: readonly Link[];
  readonly nodes: Readonly<Record<Column, readonly GraphNode[]>>;
  /** For which there was no room, by column. */
  readonly left: Readonly<Record<Column, number>>;
}

export const COLUMNS: readonly Column[] = ['caller', 'workload', 'operation'];

/** In one column: more of them nobody reads, and lines between more are a grey sheet. */
const MOST = 64;

/** All links that are asked for. */
export function linksOf({ nodes, links, selectors }: Graph, { focus, text, states }: GraphFilter): readonly Link[] {
  const wanted = text.trim().toLowerCase();
  const focused = selectors.get(focus);
  const isFocused = ({ caller, workload, operation }: Link): boolean => {
    if (focus === '' || caller === focus || workload === focus || operation === focus) return true;
    // Who may call a workload, may by the policies of its whole namespace, too.
    const wide = focused === undefined ? undefined : selectors.get(workload);
    return wide !== undefined && focused !== undefined && covers(wide, focused);
  };
  const says = (id: string): boolean => {
    const node = nodes.get(id);
    return node !== undefined && `${node.text} ${node.detail}`.toLowerCase().includes(wanted);
  };
  return links.filter(
    (link) =>
      states.has(link.state) &&
      isFocused(link) &&
      (wanted === '' ||
        says(link.caller) ||
        says(link.workload) ||
        says(link.operation) ||
        link.policy?.toLowerCase().includes(wanted) === true),
  );
}

/** Of these links what fits into a picture: nodes with most traffic first, then those with most links. */
export function viewOf({ nodes }: Graph, links: readonly Link[], focus: string): GraphView {
  const weights = new Map<string, number>();
  for (const { caller, workload, operation, count } of links)
    for (const id of [caller, workload, operation]) weights.set(id, (weights.get(id) ?? 0) + 1 + count * 1000);
  weights.set(focus, Infinity);
  const left: Record<Column, number> = { caller: 0, workload: 0, operation: 0 };
  let shown = links;
  for (const column of ['workload', 'caller', 'operation'] as const) {
    const ids = [...new Set(shown.map((link) => link[column]))];
    const kept = new Set(ids.toSorted((one, other) => weights.get(other)! - weights.get(one)!).slice(0, MOST));
    left[column] = ids.length - kept.size;
    shown = shown.filter((link) => kept.has(link[column]));
  }
  const nodesOf = (column: Column): readonly GraphNode[] =>
    [...new Set(shown.map((link) => link[column]))].flatMap((id) => nodes.get(id) ?? []);
  return {
    links: shown,
    nodes: { caller: nodesOf('caller'), workload: nodesOf('workload'), operation: nodesOf('operation') },
    left,
  };
}
