/**
 * The graph as columns of buttons with lines between them. A button is one stop of the tab key in each column; arrows go on
 * from there, up and down in a column, left and right along a line.
 */
import { useMemo, useRef, useState } from 'preact/hooks';
import { useWidth } from '../charts/use-width.ts';
import { count } from '../figures/format.ts';
import { layoutOf } from './layout.ts';
import type { Layout, Line } from './layout.ts';
import type { Column, GraphNode } from './model.ts';
import { COLUMNS } from './view.ts';
import type { GraphView } from './view.ts';

export interface PictureProps {
  readonly view: GraphView;
  readonly focus: string;
  /** Empty: all of it. */
  readonly onFocus: (id: string) => void;
}

const NAMES: Readonly<Record<Column, string>> = {
  caller: 'Callers',
  workload: 'Workloads',
  operation: 'Methods and paths',
};
/** Share of the width that a column of nodes takes; what is left is for the lines. */
const NODE_SHARE = 0.26;

export function Picture({ view, focus, onFocus }: PictureProps) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const [pointed, setPointed] = useState<string | null>(null);
  const stops = useRef<Partial<Record<Column, string>>>({});
  const buttons = useRef(new Map<string, HTMLButtonElement>());
  const layout = useMemo(() => layoutOf(view), [view]);
  const nodes = new Map(COLUMNS.flatMap((column) => view.nodes[column]).map((node) => [node.id, node]));
  const go = (id: string | undefined): void => {
    const node = id === undefined ? undefined : nodes.get(id);
    if (node === undefined) return;
    stops.current[node.column] = node.id;
    buttons.current.get(node.id)?.focus();
    setPointed(node.id);
  };
  const press = (event: KeyboardEvent, id: string): void => {
    const next = neighbour(event.key, id, nodes, layout);
    if (event.key === 'Escape' && focus !== '') onFocus('');
    else if (next === undefined) return;
    else go(next);
    event.preventDefault();
  };
  const lit = pointed === null || !nodes.has(pointed) ? null : litBy(pointed, view);
  return (
    <div class="graph-scroll" role="region" aria-label="Picture of who may call what" tabIndex={0}>
      <div class="graph-picture" ref={frame} onPointerLeave={() => setPointed(null)}>
        <div class="graph-columns" aria-hidden="true">
          {COLUMNS.map((column) => (
            <span key={column} class={`graph-column-name ${column}`}>
              {NAMES[column]}
            </span>
          ))}
        </div>
        <div class="graph-body" style={{ height: `${layout.height}px` }}>
          <svg class="graph-lines" width={width} height={layout.height} aria-hidden="true">
            {layout.lines.map((line) => (
              <path
                key={`${line.from} ${line.to} ${line.state}`}
                class={
                  lit !== null && !(lit.has(line.from) && lit.has(line.to))
                    ? `line ${line.state} dim`
                    : `line ${line.state}`
                }
                d={curve(line, layout, nodes, width)}
                stroke-width={thickness(line)}
              />
            ))}
          </svg>
          {COLUMNS.map((column) => (
            <ul key={column} class={`graph-nodes ${column}`} aria-label={NAMES[column]}>
              {layout.order[column].map((id, at) => {
                const node = nodes.get(id)!;
                const isStop = nodes.has(stops.current[column] ?? '') ? stops.current[column] === id : at === 0;
                return (
                  <li key={id} style={{ top: `${layout.y.get(id)!}px` }}>
                    <button
                      type="button"
                      class={lit !== null && !lit.has(id) ? 'graph-node dim' : 'graph-node'}
                      ref={(element: HTMLButtonElement | null) => {
                        if (element === null) buttons.current.delete(id);
                        else buttons.current.set(id, element);
                      }}
                      tabIndex={isStop ? 0 : -1}
                      aria-pressed={id === focus}
                      title={node.detail === '' ? node.text : node.detail}
                      onClick={() => onFocus(id === focus ? '' : id)}
                      onPointerEnter={() => setPointed(id)}
                      onFocus={() => {
                        stops.current[column] = id;
                        setPointed(id);
                      }}
                      onBlur={() => setPointed(null)}
                      onKeyDown={(event) => press(event, id)}
                    >
                      <NodeText node={node} view={view} />
                    </button>
                  </li>
                );
              })}
            </ul>
          ))}
        </div>
      </div>
    </div>
  );
}

function NodeText({ node, view }: { readonly node: GraphNode; readonly view: GraphView }) {
  const own = view.links.filter((link) => link[node.column] === node.id);
  const allowed = sum(own.filter(({ state }) => state === 'used').map(({ count }) => count));
  const denied = sum(own.filter(({ state }) => state === 'denied').map(({ count }) => count));
  const isForbidden = own.length > 0 && own.every(({ state }) => state === 'forbidden');
  const words = [
    ...(allowed > 0 ? [<span key="allowed" class="allow-ink">{`${count(allowed)} allowed`}</span>] : []),
    ...(denied > 0 ? [<span key="denied" class="deny-ink">{`${count(denied)} denied`}</span>] : []),
  ];
  return (
    <>
      <span class={node.column === 'operation' ? 'graph-text mono' : 'graph-text'}>{node.text}</span>
      <span class="graph-counts number">
        {words.length > 0 ? words : <span class="quiet">{isForbidden ? 'DENY rule' : 'never seen'}</span>}
      </span>
    </>
  );
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, each) => total + each, 0);
}

/** All that is linked with a node, itself too. */
function litBy(id: string, { links }: GraphView): ReadonlySet<string> {
  const own = links.filter(({ caller, workload, operation }) => caller === id || workload === id || operation === id);
  return new Set([id, ...own.flatMap(({ caller, workload, operation }) => [caller, workload, operation])]);
}

function neighbour(
  key: string,
  id: string,
  nodes: ReadonlyMap<string, GraphNode>,
  { order, lines, y }: Layout,
): string | undefined {
  const { column } = nodes.get(id)!;
  const own = order[column];
  const at = own.indexOf(id);
  switch (key) {
    case 'ArrowDown':
      return own[at + 1];
    case 'ArrowUp':
      return own[at - 1];
    case 'Home':
      return own[0];
    case 'End':
      return own.at(-1);
    case 'ArrowRight':
      return nearest(
        lines.filter(({ from }) => from === id).map(({ to }) => to),
        id,
        y,
      );
    case 'ArrowLeft':
      return nearest(
        lines.filter(({ to }) => to === id).map(({ from }) => from),
        id,
        y,
      );
    default:
      return undefined;
  }
}

function nearest(ids: readonly string[], id: string, y: ReadonlyMap<string, number>): string | undefined {
  const distance = (other: string): number => Math.abs(y.get(other)! - y.get(id)!);
  return ids.toSorted((one, other) => distance(one) - distance(other))[0];
}

/** Lines of different kinds between the same two nodes do not hide each other. */
const SHIFT: Readonly<Record<Line['state'], number>> = { used: -3, unused: -3, denied: 4, forbidden: 9 };

function curve({ from, to, state }: Line, { y }: Layout, nodes: ReadonlyMap<string, GraphNode>, width: number): string {
  const gap = (width * (1 - 3 * NODE_SHARE)) / 2;
  const column = COLUMNS.indexOf(nodes.get(from)!.column);
  const x1 = width * NODE_SHARE * (column + 1) + gap * column;
  const x2 = x1 + gap;
  const [y1, y2] = [y.get(from)! + SHIFT[state], y.get(to)! + SHIFT[state]];
  const bend = gap * 0.5;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function thickness({ state, count }: Line): number {
  return state === 'used' || state === 'denied' ? Math.min(6, 1.5 + Math.log10(1 + count)) : 1.3;
}
