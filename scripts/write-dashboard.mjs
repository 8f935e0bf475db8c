/**
 * Writes deploy/dashboards/portcullis.json, the dashboard for Grafana: `node scripts/write-dashboard.mjs`.
 *
 * A dashboard is a list of panels that are nearly alike, so it is made of a table. The builders of @grafana/grafana-foundation-sdk
 * would type it, at the price of a dependency for one file that only changes with our metrics; test/deploy/dashboard.test.ts holds its
 * queries to those, and the file to this program.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './lib/paths.mjs';

const SOURCE = { type: 'prometheus', uid: '${datasource}' };
/** A grid of Grafana is 24 wide. */
const GRID = 24;

/**
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} description
 * @property {readonly (readonly [query: string, legend: string])[]} queries `$of` stands for the chosen targets
 * @property {string} [unit] of Grafana
 * @property {'timeseries' | 'stat'} [type]
 * @property {number} [width]
 * @property {number} [alarm] red from here on
 * @property {boolean} [stack]
 */

/** @type {readonly { row: string, panels: readonly Panel[] }[]} */
const ROWS = [
  {
    row: 'Is it well?',
    panels: [
      {
        title: 'Instances',
        description: 'Scraped.',
        type: 'stat',
        width: 3,
        queries: [['count(portcullis_ready{$of})', '']],
      },
      {
        title: 'Not ready',
        description: 'Instances without policies, or draining. See the runbook: PortcullisNotReady.',
        type: 'stat',
        width: 3,
        alarm: 1,
        queries: [['count(portcullis_ready{$of} == 0) or vector(0)', '']],
      },
      {
        title: 'Stale',
        description: 'Instances that refused the newest policies and decide by the last good ones.',
        type: 'stat',
        width: 3,
        alarm: 1,
        queries: [['sum(portcullis_policy_stale{$of})', '']],
      },
      {
        title: 'Revisions in force',
        description: 'More than one for longer than a roll-out takes: instances decide differently.',
        type: 'stat',
        width: 3,
        alarm: 2,
        queries: [['count(count by (revision) (portcullis_policy_info{$of}))', '']],
      },
      {
        title: 'Checks a second',
        description: '',
        type: 'stat',
        width: 3,
        unit: 'reqps',
        queries: [['sum(rate(portcullis_checks_total{$of}[$__rate_interval]))', '']],
      },
      {
        title: 'Denied',
        description: 'Share of all checks.',
        type: 'stat',
        width: 3,
        unit: 'percentunit',
        queries: [
          [
            'sum(rate(portcullis_checks_total{$of,decision="deny"}[$__rate_interval])) / sum(rate(portcullis_checks_total{$of}[$__rate_interval]))',
            '',
          ],
        ],
      },
      {
        title: '99th percentile',
        description: 'From the bytes of a check to the bytes of its answer.',
        type: 'stat',
        width: 3,
        unit: 's',
        alarm: 0.01,
        queries: [
          [
            'histogram_quantile(0.99, sum by (le) (rate(portcullis_check_duration_seconds_bucket{$of}[$__rate_interval])))',
            '',
          ],
        ],
      },
      {
        title: 'gRPC errors in an hour',
        description: 'Calls answered other than OK: what failure_mode_allow would let in.',
        type: 'stat',
        width: 3,
        alarm: 1,
        queries: [['sum(increase(portcullis_calls_answered_total{$of,grpc_status!="OK"}[1h]))', '']],
      },
    ],
  },
  {
    row: 'Decisions',
    panels: [
      {
        title: 'Checks by decision',
        description: '',
        unit: 'reqps',
        stack: true,
        queries: [['sum by (decision) (rate(portcullis_checks_total{$of}[$__rate_interval]))', '{{decision}}']],
      },
      {
        title: 'Denials by reason',
        description: 'The reasons are listed in docs/reference/reasons.md.',
        unit: 'reqps',
        stack: true,
        queries: [
          ['sum by (reason) (rate(portcullis_checks_total{$of,decision="deny"}[$__rate_interval])) > 0', '{{reason}}'],
        ],
      },
      {
        title: 'Time for a check',
        description: 'Those that wait for keys or an introspection server are in it.',
        unit: 's',
        queries: [0.5, 0.9, 0.99, 0.999].map((share) => [
          `histogram_quantile(${share}, sum by (le) (rate(portcullis_check_duration_seconds_bucket{$of}[$__rate_interval])))`,
          `p${String(share * 100)}`,
        ]),
      },
      {
        title: 'Decision cache: hits',
        description:
          'Share of look-ups. It falls after a reload, and for good when rules read what is different in each request.',
        unit: 'percentunit',
        queries: [
          [
            'sum(rate(portcullis_cache_lookups_total{$of,result="hit"}[$__rate_interval])) / sum(rate(portcullis_cache_lookups_total{$of}[$__rate_interval]))',
            'hits',
          ],
        ],
      },
      {
        title: 'Decision cache: entries and evictions',
        description: '',
        queries: [
          ['sum by (instance) (portcullis_cache_entries{$of})', 'entries {{instance}}'],
          ['sum(rate(portcullis_cache_evictions_total{$of}[$__rate_interval]))', 'evictions a second'],
        ],
      },
      {
        title: 'Shadow policies',
        description: 'What policies in Shadow mode would have decided, and what was decided.',
        unit: 'reqps',
        queries: [
          [
            'sum by (shadow_decision, decision) (rate(portcullis_shadow_decisions_total{$of}[$__rate_interval]))',
            'would {{shadow_decision}}, was {{decision}}',
          ],
        ],
      },
    ],
  },
  {
    row: 'Load',
    panels: [
      {
        title: 'Refused for want of time',
        description: 'Denied with 503 overloaded, by class.',
        unit: 'reqps',
        queries: [['sum by (class) (rate(portcullis_overload_refusals_total{$of}[$__rate_interval]))', '{{class}}']],
      },
      {
        title: 'Checks that wait, calls in flight',
        description: '',
        queries: [
          ['sum by (instance) (portcullis_checks_waiting{$of})', 'waiting {{instance}}'],
          ['sum by (instance) (portcullis_calls_in_flight{$of})', 'in flight {{instance}}'],
        ],
      },
      {
        title: 'Workers',
        description: 'Processes that answer checks, and those that ended without being told to.',
        queries: [
          ['sum by (instance) (portcullis_workers{$of})', '{{instance}}'],
          ['sum(increase(portcullis_workers_replaced_total{$of}[$__rate_interval]))', 'replaced'],
        ],
      },
    ],
  },
  {
    row: 'Those who ask',
    panels: [
      {
        title: 'Connections',
        description: '',
        queries: [
          ['sum by (instance) (portcullis_connections{$of})', '{{instance}}'],
          ['sum(rate(portcullis_connections_accepted_total{$of}[$__rate_interval]))', 'accepted a second'],
          ['sum(rate(portcullis_connections_not_allowed_total{$of}[$__rate_interval]))', 'not allowed a second'],
        ],
      },
      {
        title: 'Connections closed for what their peer did',
        description: 'See the runbook: PortcullisConnectionFaults.',
        queries: [
          [
            'sum by (error_type) (rate(portcullis_connections_faults_total{$of}[$__rate_interval])) > 0',
            '{{error_type}}',
          ],
        ],
      },
      {
        title: 'Calls that did not end well',
        description: 'Each of them is an error to Envoy, but for those that it gave up itself.',
        unit: 'reqps',
        queries: [
          [
            'sum by (grpc_status) (rate(portcullis_calls_answered_total{$of,grpc_status!="OK"}[$__rate_interval])) > 0',
            '{{grpc_status}}',
          ],
          ['sum(rate(portcullis_calls_refused_total{$of}[$__rate_interval]))', 'refused'],
          ['sum(rate(portcullis_calls_lost_total{$of}[$__rate_interval]))', 'lost with their connection'],
          ['sum(rate(portcullis_calls_cancelled_total{$of}[$__rate_interval]))', 'given up by the caller'],
        ],
      },
      {
        title: 'Calls begun',
        description: 'Checks, health, and what is no method.',
        unit: 'reqps',
        queries: [['sum by (instance) (rate(portcullis_calls_started_total{$of}[$__rate_interval]))', '{{instance}}']],
      },
      {
        title: 'Memory held for peers',
        description: 'Messages that have not ended, and answers that were not taken.',
        unit: 'bytes',
        queries: [['sum by (instance) (portcullis_transport_held_bytes{$of})', '{{instance}}']],
      },
      {
        title: 'Listeners without principals',
        description: 'Their callers never prove who they are; /readyz on the admin port names them.',
        alarm: 1,
        queries: [['max by (instance) (portcullis_identity_listeners_without_principal{$of})', '{{instance}}']],
      },
    ],
  },
  {
    row: 'Policies',
    panels: [
      {
        title: 'Policies and rules in force',
        description: '',
        queries: [
          ['max(portcullis_policies{$of})', 'policies'],
          ['max(portcullis_policy_rules{$of})', 'rules'],
          ['max(portcullis_policy_expired_deny_rules{$of})', 'expired DENY rules'],
        ],
      },
      {
        title: 'Most hit rules',
        description: 'Decisions a second, by rule. Rules without a series of their own are counted as others.',
        unit: 'reqps',
        queries: [
          [
            'topk(10, sum by (policy, rule, decision) (rate(portcullis_policy_rule_decisions_total{$of,mode="enforce"}[$__rate_interval])))',
            '{{decision}} {{policy}} {{rule}}',
          ],
        ],
      },
      {
        title: 'Reloads',
        description: '',
        queries: [['sum by (result) (increase(portcullis_policy_reloads_total{$of}[$__rate_interval]))', '{{result}}']],
      },
      {
        title: 'Age of the policies in force',
        description: '',
        unit: 's',
        queries: [['time() - portcullis_policy_last_successful_reload_timestamp_seconds{$of}', '{{instance}}']],
      },
    ],
  },
  {
    row: 'Proofs of identity',
    panels: [
      {
        title: 'How callers proved who they are',
        description: 'What is remembered is not counted again.',
        unit: 'reqps',
        stack: true,
        queries: [
          ['sum by (outcome) (rate(portcullis_identity_authentications_total{$of}[$__rate_interval]))', '{{outcome}}'],
        ],
      },
      {
        title: 'Keys: time since they were fetched',
        description: '',
        unit: 's',
        queries: [['max by (provider) (portcullis_identity_keys_age_seconds{$of})', '{{provider}}']],
      },
      {
        title: 'Keys: number, and whether they are stale',
        description: '',
        queries: [
          ['min by (provider) (portcullis_identity_keys{$of})', '{{provider}}'],
          ['max by (provider) (portcullis_identity_keys_stale{$of})', 'stale {{provider}}'],
          [
            'sum by (provider) (increase(portcullis_identity_keys_fetches_total{$of,result="failed"}[$__rate_interval]))',
            'failed fetches {{provider}}',
          ],
        ],
      },
      {
        title: 'Introspection',
        description: '',
        unit: 'reqps',
        queries: [
          [
            'sum by (client, result) (rate(portcullis_identity_introspections_total{$of}[$__rate_interval]))',
            '{{client}} {{result}}',
          ],
          ['max by (client) (portcullis_identity_introspection_breaker_open{$of})', 'left alone: {{client}}'],
        ],
      },
      {
        title: 'Tokens that are remembered',
        description: '',
        unit: 'bytes',
        queries: [
          ['sum by (instance) (portcullis_identity_token_cache_size_bytes{$of})', 'bytes {{instance}}'],
          ['sum by (instance) (portcullis_identity_token_cache_entries{$of})', 'tokens {{instance}}'],
        ],
      },
      {
        title: 'Revocation list',
        description: '',
        queries: [
          ['max(portcullis_identity_revocation_entries{$of})', 'entries'],
          ['max(portcullis_identity_revocation_age_seconds{$of})', 'seconds since it was read'],
          ['max(portcullis_identity_revocation_stale{$of})', 'stale'],
        ],
      },
    ],
  },
  {
    row: 'Logs, metrics and traces',
    panels: [
      {
        title: 'Decision log',
        description: '',
        queries: [
          [
            'sum by (result) (rate(portcullis_decision_log_entries_total{$of}[$__rate_interval]))',
            '{{result}} a second',
          ],
        ],
      },
      {
        title: 'Decision log: what waits',
        description: 'In memory and on disk, because a sink is slow or down.',
        unit: 'bytes',
        queries: [
          ['sum by (instance) (portcullis_decision_log_queue_bytes{$of})', 'in memory {{instance}}'],
          ['sum by (instance) (portcullis_decision_log_spill_bytes{$of})', 'on disk {{instance}}'],
        ],
      },
      {
        title: 'Decision log: trouble',
        description: 'Failed attempts, gaps, entries put on disk, and how long a sink has taken nothing.',
        queries: [
          ['sum(rate(portcullis_decision_log_errors_total{$of}[$__rate_interval]))', 'errors a second'],
          ['sum(rate(portcullis_decision_log_gaps_total{$of}[$__rate_interval]))', 'gaps a second'],
          ['sum(rate(portcullis_decision_log_spilled_total{$of}[$__rate_interval]))', 'put on disk a second'],
          ['max(portcullis_decision_log_stalled_seconds{$of})', 'seconds stalled'],
        ],
      },
      {
        title: 'Lines that were lost',
        description: 'See the runbook: PortcullisDecisionLogLoss.',
        alarm: 1,
        queries: [
          ['sum by (instance) (increase(portcullis_log_dropped_lines_total{$of}[$__rate_interval]))', '{{instance}}'],
        ],
      },
      {
        title: 'Sent to the collector',
        description: 'Requests with metrics and with spans. See the runbook: PortcullisTelemetryExportFailing.',
        unit: 'reqps',
        queries: [
          [
            'sum by (signal, result) (rate(portcullis_otlp_sendings_total{$of}[$__rate_interval]))',
            '{{signal}} {{result}}',
          ],
        ],
      },
      {
        title: 'Spans',
        description:
          'Dropped: no room, or no collector that took them. Limited: there were as many in a second as may be.',
        queries: [
          ['sum by (result) (rate(portcullis_traces_spans_total{$of}[$__rate_interval]))', '{{result}} a second'],
          ['sum by (instance) (portcullis_traces_queue{$of})', 'waiting {{instance}}'],
        ],
      },
    ],
  },
];

/** The dashboard, as Grafana imports it. */
export function dashboard() {
  const panels = [];
  let id = 0;
  let y = 0;
  for (const { row, panels: own } of ROWS) {
    panels.push({
      id: ++id,
      type: 'row',
      title: row,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: GRID, h: 1 },
      panels: [],
    });
    let x = 0;
    let height = 0;
    for (const panel of own) {
      const w = panel.width ?? GRID / 3;
      height = panel.type === 'stat' ? 4 : 8;
      if (x + w > GRID) {
        x = 0;
        y += height;
      }
      panels.push(panelOf(panel, ++id, { x, y, w, h: height }));
      x += w;
    }
    y += height;
  }
  const label = (/** @type {string} */ name, /** @type {string} */ within) => ({
    name,
    type: 'query',
    datasource: SOURCE,
    query: { query: `label_values(portcullis_ready${within}, ${name})`, refId: name },
    definition: `label_values(portcullis_ready${within}, ${name})`,
    refresh: 2,
    includeAll: true,
    multi: true,
    // Whoever has no such label is chosen with "All" too.
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  });
  return {
    uid: 'portcullis',
    title: 'Portcullis',
    description: 'Decisions, load, callers, policies and proofs of identity. Alerts and what to do: docs/runbook.md.',
    tags: ['portcullis', 'ext_authz'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
        label('namespace', ''),
        label('job', '{namespace=~"$namespace"}'),
      ],
    },
    annotations: {
      list: [
        {
          name: 'Policies changed',
          datasource: SOURCE,
          enable: true,
          iconColor: 'blue',
          expr: `changes(portcullis_policy_last_successful_reload_timestamp_seconds{${TARGETS}}[1m]) > 0`,
          titleFormat: 'policies taken',
        },
      ],
    },
    panels,
  };
}

const TARGETS = 'namespace=~"$namespace",job=~"$job"';

/**
 * @param {Panel} panel
 * @param {number} id
 * @param {{ x: number, y: number, w: number, h: number }} gridPos
 */
function panelOf({ title, description, queries, unit = 'short', type = 'timeseries', alarm, stack }, id, gridPos) {
  const steps = [{ color: 'green', value: null }, ...(alarm === undefined ? [] : [{ color: 'red', value: alarm }])];
  return {
    id,
    type,
    title,
    description,
    datasource: SOURCE,
    gridPos,
    targets: queries.map(([query, legend], index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: SOURCE,
      expr: query.replaceAll('$of', TARGETS),
      ...(legend === '' ? {} : { legendFormat: legend }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: 'absolute', steps },
        ...(type === 'timeseries'
          ? {
              custom: {
                fillOpacity: stack === true ? 30 : 5,
                stacking: { mode: stack === true ? 'normal' : 'none' },
                thresholdsStyle: { mode: alarm === undefined ? 'off' : 'line' },
              },
            }
          : {}),
      },
      overrides: [],
    },
    options:
      type === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  };
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const file = join(ROOT, 'deploy', 'dashboards', 'portcullis.json');
  writeFileSync(file, `${JSON.stringify(dashboard(), null, 2)}\n`);
  process.stdout.write(`${file}\n`);
}
