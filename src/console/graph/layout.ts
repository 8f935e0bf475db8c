/**
 * Where nodes stand. Operations are stacked beside their workloads, workloads stand in the middle of their operations, and
 * callers in the middle of what they call: lines are short and cross little.
 */
import { UNRESOLVED } from './model.ts';
import type { Column, Link, LinkState } from './model.ts';
import type { GraphView } from './view.ts';

/** From one node to the next. */
const ROW = 50;
/** Between the operations of two workloads. */
const GROUP_GAP = 14;

export interface Line {
  readonly from: string;
  readonly to: string;
  readonly state: LinkState;
  readonly count: number;
}

export interface Layout {
  /** Middle of each node, from the top. */
  readonly y: ReadonlyMap<string, number>;
  readonly height: number;
  readonly lines: readonly Line[];
  /** In the order from top to bottom. */
  readonly order: Readonly<Record<Column, readonly string[]>>;
}

export function layoutOf({ links, nodes }: GraphView): Layout {
  const y = new Map<string, number>();
  const text = new Map([...nodes.workload, ...nodes.caller, ...nodes.operation].map((node) => [node.id, node.text]));
  const byText = (one: string, other: string): number => {
    // What is not known of comes last.
    if ((one === UNRESOLVED) !== (other === UNRESOLVED)) return one === UNRESOLVED ? 1 : -1;
    return text.get(one)! < text.get(other)! ? -1 : 1;
  };

  const operations = new Map<string, string[]>();
  for (const { workload, operation } of links) {
    const own = operations.get(workload) ?? [];
    if (!own.includes(operation)) own.push(operation);
    operations.set(workload, own);
  }
  let end = 0;
  for (const workload of [...operations.keys()].sort(byText)) {
    for (const operation of operations.get(workload)!.sort(byText)) {
      y.set(operation, end + ROW / 2);
      end += ROW;
    }
    end += GROUP_GAP;
  }
  const height = Math.max(end - GROUP_GAP, ROW * nodes.caller.length, ROW * nodes.workload.length, ROW);
  // With few operations these are stretched over the height of the longest column.
  const scale = end > GROUP_GAP ? height / (end - GROUP_GAP) : 1;
  for (const [id, at] of y) y.set(id, at * scale);

  const place = (ids: readonly string[], beside: (id: string) => readonly string[]): void => {
    const wanted = ids.map((id): [string, number] => [id, middle(beside(id).map((other) => y.get(other) ?? 0))]);
    for (const [id, at] of spread(wanted, height)) y.set(id, at);
  };
  place(
    nodes.workload.map(({ id }) => id),
    (id) => operations.get(id) ?? [],
  );
  const calls = (id: string): readonly string[] =>
    links.filter(({ caller }) => caller === id).map((link) => link.workload);
  place(
    nodes.caller.map(({ id }) => id),
    calls,
  );
  const inOrder = (column: Column): readonly string[] =>
    nodes[column].map(({ id }) => id).toSorted((one, other) => y.get(one)! - y.get(other)!);
  const order = { caller: inOrder('caller'), workload: inOrder('workload'), operation: inOrder('operation') };
  return { y, height, lines: linesOf(links), order };
}

function middle(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** As near to where each wants to be as there is room: none closer than a row to the next, none outside. */
export function spread(wanted: readonly (readonly [string, number])[], height: number): readonly [string, number][] {
  const sorted = wanted.map(([id, at]): [string, number] => [id, at]).sort(([, one], [, other]) => one - other);
  let least = ROW / 2;
  for (const each of sorted) {
    each[1] = Math.max(each[1], least);
    least = each[1] + ROW;
  }
  let most = height - ROW / 2;
  for (const each of sorted.toReversed()) {
    each[1] = Math.min(each[1], most);
    most = each[1] - ROW;
  }
  return sorted;
}

/** Links that have two ends and the state in common are one line. */
function linesOf(links: readonly Link[]): readonly Line[] {
  const lines = new Map<string, Line>();
  const add = (from: string, to: string, { state, count }: Link): void => {
    const key = `${from}\n${to}\n${state}`;
    lines.set(key, { from, to, state, count: count + (lines.get(key)?.count ?? 0) });
  };
  for (const link of links) {
    add(link.caller, link.workload, link);
    add(link.workload, link.operation, link);
  }
  // Where something was seen the permission beside it needs no line of its own.
  return [...lines.values()].filter(({ from, to, state }) => state !== 'unused' || !lines.has(`${from}\n${to}\nused`));
}
