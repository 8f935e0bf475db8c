import { addressOf } from '../app/route.ts';
import { count } from '../figures/format.ts';
import { ruleText } from '../parts/identity-text.ts';
import { Sign } from '../parts/sign.tsx';
import type { Graph, Link, LinkState } from './model.ts';

/** Rows of the table; the filter leads to others. */
const MOST = 300;

const ORDER: readonly LinkState[] = ['denied', 'used', 'unused', 'forbidden'];

export interface LinkTableProps {
  readonly graph: Graph;
  readonly links: readonly Link[];
  readonly label: string;
}

/** The same as the picture in rows, whole. */
export function LinkTable({ graph, links, label }: LinkTableProps) {
  const text = (id: string): string => graph.nodes.get(id)?.text ?? '';
  const rows = links.toSorted(
    (one, other) =>
      compare(text(one.workload), text(other.workload)) ||
      compare(text(one.caller), text(other.caller)) ||
      ORDER.indexOf(one.state) - ORDER.indexOf(other.state) ||
      compare(text(one.operation), text(other.operation)),
  );
  return (
    <div class="card link-table">
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {['Caller', 'Workload', 'Method and path', 'Seen', 'Rule'].map((name) => (
              <th key={name} role="columnheader" scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.slice(0, MOST).map((link) => (
            <tr
              role="row"
              key={`${link.caller} ${link.operation} ${link.state} ${link.policy ?? ''} ${link.rule ?? ''}`}
            >
              <td role="cell">{text(link.caller)}</td>
              <td role="cell">{text(link.workload)}</td>
              <td role="cell" class="mono">
                {text(link.operation)}
              </td>
              <td role="cell" class="link-state">
                <State link={link} />
              </td>
              <td role="cell" class="small">
                {link.policy === null ? (
                  <span class="quiet">no rule</span>
                ) : (
                  <a href={addressOf('policies', { text: link.policy })}>{ruleText(link.policy, link.rule)}</a>
                )}
                {link.conditions.map((condition) => (
                  <div key={condition} class="quiet">
                    when <span class="mono">{condition}</span>
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST && (
        <p class="card-body quiet small">
          and {count(rows.length - MOST)} more: choose a caller or a workload, or filter.
        </p>
      )}
    </div>
  );
}

function State({ link: { state, count: seen } }: { readonly link: Link }) {
  switch (state) {
    case 'used':
      return (
        <span class="badge allow">
          <Sign name="allow" />
          {count(seen)} allowed
        </span>
      );
    case 'denied':
      return (
        <span class="badge deny">
          <Sign name="deny" />
          {count(seen)} denied
        </span>
      );
    case 'unused':
      return <span class="badge">may, never seen</span>;
    case 'forbidden':
      return <span class="badge plain">DENY rule</span>;
  }
}

function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
