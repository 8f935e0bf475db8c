import { Fragment } from 'preact';
import type { Decision } from '../api/answers.ts';
import { clock } from '../figures/format.ts';
import { DecisionBadge } from '../parts/decision-badge.tsx';
import { callerText, ruleText, workloadText } from '../parts/identity-text.ts';
import { Sign } from '../parts/sign.tsx';
import { DecisionDetails } from './decision-details.tsx';

export interface DecisionTableProps {
  readonly rows: readonly Decision[];
  readonly openId: string | null;
  readonly onOpen: (id: string | null) => void;
}

/** Roles are said aloud: on a phone rows are drawn as blocks, and some readers take them for no table then. */
export function DecisionTable({ rows, openId, onOpen }: DecisionTableProps) {
  return (
    <div class="card decisions">
      <table role="table" aria-label="Decisions, newest first">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              Time
            </th>
            <th role="columnheader" scope="col">
              Decision
            </th>
            <th role="columnheader" scope="col">
              Caller → workload
            </th>
            <th role="columnheader" scope="col">
              Request
            </th>
            <th role="columnheader" scope="col">
              Because
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <Fragment key={row.id}>
              <Row row={row} isOpen={row.id === openId} onToggle={() => onOpen(row.id === openId ? null : row.id)} />
              {row.id === openId && (
                <tr role="row" id={`details-${row.id}`} class="decision-open">
                  <td role="cell" colSpan={5}>
                    <DecisionDetails decision={row} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly row: Decision;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

function Row({ row, isOpen, onToggle }: RowProps) {
  const { id, time, decision, reason, policy, rule, principal, requestPrincipal, workload, method, host, path } = row;
  return (
    <tr role="row" class={isOpen ? 'decision is-open' : 'decision'} onClick={onToggle}>
      <td role="cell" class="decision-time">
        <button
          type="button"
          class="decision-button number"
          aria-expanded={isOpen}
          aria-controls={`details-${id}`}
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
        >
          <Sign name="right" turned={isOpen} />
          {clock(Date.parse(time))}
          <span class="unseen"> details</span>
        </button>
      </td>
      <td role="cell" class="decision-word">
        <DecisionBadge decision={decision} />
      </td>
      <td role="cell" class="decision-who">
        {callerText(principal)} → {workloadText(workload)}
        {requestPrincipal !== null && <div class="quiet small">for {requestPrincipal}</div>}
      </td>
      <td role="cell" class="decision-what mono">
        {method} {path}
        <div class="quiet small">{host}</div>
      </td>
      <td role="cell" class="decision-why small">
        <span class="mono">{reason}</span>
        {policy !== null && <div class="quiet">{ruleText(policy, rule)}</div>}
      </td>
    </tr>
  );
}
