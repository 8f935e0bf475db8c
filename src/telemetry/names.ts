/**
 * Every metric of the service: its name, unit and meaning. Names are OpenTelemetry's form; Prometheus
 * sees them with dots as underscores, the unit and `_total` at the end ({@link prometheusName}).
 */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly kind: MetricKind;
  /** UCUM, as OpenTelemetry asks: `s`, `{check}`; `1` for a plain yes or no. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly string[];
}

export const METRICS = {
  checks: {
    name: 'portcullis.checks',
    kind: 'counter',
    unit: '{check}',
    description: 'Checks answered, by decision and reason.',
    attributes: ['decision', 'reason'],
  },
  checkDuration: {
    name: 'portcullis.check.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Time from the bytes of a check to the bytes of its answer.',
    attributes: ['decision'],
  },
  checksWaiting: {
    name: 'portcullis.checks.waiting',
    kind: 'gauge',
    unit: '{check}',
    description: 'Checks that wait for a proof to be verified or fetched; every other one is answered at once.',
    attributes: [],
  },
  overloadRefusals: {
    name: 'portcullis.overload.refusals',
    kind: 'counter',
    unit: '{check}',
    description:
      'Checks denied because there was too much to do, by class: undecided (no kept answer), unread (not asked word for word lately) or waiting (too many waited for a proof).',
    attributes: ['class'],
  },
  connections: {
    name: 'portcullis.connections',
    kind: 'gauge',
    unit: '{connection}',
    description: 'Open connections of those who ask, with those whose TLS handshake is under way.',
    attributes: [],
  },
  connectionsAccepted: {
    name: 'portcullis.connections.accepted',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that were taken.',
    attributes: [],
  },
  connectionsNotAllowed: {
    name: 'portcullis.connections.not_allowed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections whose client certificate is not on the list of allowed clients: their checks are denied.',
    attributes: [],
  },
  connectionFaults: {
    name: 'portcullis.connections.faults',
    kind: 'counter',
    unit: '{connection}',
    description:
      'Connections that were closed from here because of what their peer did, or because there were too many.',
    attributes: ['error_type'],
  },
  callsInFlight: {
    name: 'portcullis.calls.in_flight',
    kind: 'gauge',
    unit: '{call}',
    description: 'gRPC calls that are not answered yet, health watches with them.',
    attributes: [],
  },
  callsStarted: {
    name: 'portcullis.calls.started',
    kind: 'counter',
    unit: '{call}',
    description: 'gRPC calls that were begun: checks, health and what is no method.',
    attributes: [],
  },
  callsAnswered: {
    name: 'portcullis.calls.answered',
    kind: 'counter',
    unit: '{call}',
    description:
      'gRPC calls that were answered, by status. A denied check is OK; each other status is an error to Envoy, which its failure_mode_allow lets in.',
    attributes: ['grpc_status'],
  },
  callsCancelled: {
    name: 'portcullis.calls.cancelled',
    kind: 'counter',
    unit: '{call}',
    description: 'gRPC calls that their caller gave up.',
    attributes: [],
  },
  callsRefused: {
    name: 'portcullis.calls.refused',
    kind: 'counter',
    unit: '{call}',
    description: 'gRPC calls that were reset from here: malformed, or more than a connection may have open.',
    attributes: [],
  },
  callsLost: {
    name: 'portcullis.calls.lost',
    kind: 'counter',
    unit: '{call}',
    description: 'gRPC calls whose connection ended before they were answered.',
    attributes: [],
  },
  transportHeld: {
    name: 'portcullis.transport.held',
    kind: 'gauge',
    unit: 'By',
    description: 'Memory held for those who ask: messages that have not ended, and answers that were not taken.',
    attributes: [],
  },
  workers: {
    name: 'portcullis.workers',
    kind: 'gauge',
    unit: '{process}',
    description: 'Processes that answer checks.',
    attributes: [],
  },
  workerReplacements: {
    name: 'portcullis.workers.replaced',
    kind: 'counter',
    unit: '{process}',
    description: 'Processes that ended without being told to, and in whose place another was started.',
    attributes: [],
  },
  cacheLookups: {
    name: 'portcullis.cache.lookups',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Look-ups in the decision cache, by result: hit or miss. Checks that may not be cached make none.',
    attributes: ['result'],
  },
  cacheEvictions: {
    name: 'portcullis.cache.evictions',
    kind: 'counter',
    unit: '{entry}',
    description: 'Decisions that left the cache because it was full.',
    attributes: [],
  },
  cacheEntries: {
    name: 'portcullis.cache.entries',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Decisions in the cache.',
    attributes: [],
  },
  ready: {
    name: 'portcullis.ready',
    kind: 'gauge',
    unit: '1',
    description: '1 when the service answers from policies, 0 before the first good set and while draining.',
    attributes: [],
  },
  policyInfo: {
    name: 'portcullis.policy.info',
    kind: 'gauge',
    unit: '1',
    description: '1, with the revision of the policies in force.',
    attributes: ['revision'],
  },
  policies: {
    name: 'portcullis.policies',
    kind: 'gauge',
    unit: '{policy}',
    description: 'Policies in force.',
    attributes: [],
  },
  policyRules: {
    name: 'portcullis.policy.rules',
    kind: 'gauge',
    unit: '{rule}',
    description: 'Rules in force.',
    attributes: [],
  },
  policyStale: {
    name: 'portcullis.policy.stale',
    kind: 'gauge',
    unit: '1',
    description: '1 when the policies on disk have errors and the last good set is in force.',
    attributes: [],
  },
  policyLastReload: {
    name: 'portcullis.policy.last_successful_reload.timestamp',
    kind: 'gauge',
    unit: 's',
    description: 'When the policies in force were loaded, in seconds since the epoch.',
    attributes: [],
  },
  policyReloads: {
    name: 'portcullis.policy.reloads',
    kind: 'counter',
    unit: '{reload}',
    description: 'Loads of policies, by result: success or failure.',
    attributes: ['result'],
  },
  policyExpiredDenyRules: {
    name: 'portcullis.policy.expired_deny_rules',
    kind: 'gauge',
    unit: '{rule}',
    description: 'Rules of DENY policies whose valid window is over: they deny nothing any more.',
    attributes: [],
  },
  ruleDecisions: {
    name: 'portcullis.policy.rule.decisions',
    kind: 'counter',
    unit: '{decision}',
    description:
      'Decisions by the rule that made them; of rules that are not enforced those that they would have made. The most hit rules have a series each, all others are one: others.',
    attributes: ['kind', 'policy', 'rule', 'decision', 'mode'],
  },
  shadowDecisions: {
    name: 'portcullis.shadow.decisions',
    kind: 'counter',
    unit: '{decision}',
    description: 'Checks that policies in Shadow mode had a say in: what they would decide, and what was decided.',
    attributes: ['shadow_decision', 'decision'],
  },
  decisionLogEntries: {
    name: 'portcullis.decision_log.entries',
    kind: 'counter',
    unit: '{entry}',
    description: 'Entries of the decision log, by result: written, or dropped; each of the latter is in a gap line.',
    attributes: ['result'],
  },
  decisionLogSpilled: {
    name: 'portcullis.decision_log.spilled',
    kind: 'counter',
    unit: '{entry}',
    description: 'Entries of the decision log that were put on disk to wait for their sink.',
    attributes: [],
  },
  decisionLogGaps: {
    name: 'portcullis.decision_log.gaps',
    kind: 'counter',
    unit: '{gap}',
    description: 'Gaps in the decision log: entries that follow one another and were dropped.',
    attributes: [],
  },
  decisionLogErrors: {
    name: 'portcullis.decision_log.errors',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts to deliver the decision log, or to put it on disk, that failed.',
    attributes: [],
  },
  decisionLogQueue: {
    name: 'portcullis.decision_log.queue',
    kind: 'gauge',
    unit: 'By',
    description: 'Entries of the decision log that wait in memory.',
    attributes: [],
  },
  decisionLogSpill: {
    name: 'portcullis.decision_log.spill',
    kind: 'gauge',
    unit: 'By',
    description: 'Entries of the decision log that wait on disk.',
    attributes: [],
  },
  decisionLogStalled: {
    name: 'portcullis.decision_log.stalled',
    kind: 'gauge',
    unit: 's',
    description: 'For how long a sink of the decision log has taken nothing while entries wait for it.',
    attributes: [],
  },
  spans: {
    name: 'portcullis.traces.spans',
    kind: 'counter',
    unit: '{span}',
    description:
      'Spans of checks, by result: sent, dropped (no room, or no collector that took them), or limited (not made, since there were as many in that second as may be).',
    attributes: ['result'],
  },
  spanQueue: {
    name: 'portcullis.traces.queue',
    kind: 'gauge',
    unit: '{span}',
    description: 'Spans that wait to be sent.',
    attributes: [],
  },
  otlpSendings: {
    name: 'portcullis.otlp.sendings',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to the collector of metrics and spans, by signal (metrics or traces) and result.',
    attributes: ['signal', 'result'],
  },
  logDroppedLines: {
    name: 'portcullis.log.dropped_lines',
    kind: 'counter',
    unit: '{line}',
    description:
      'Lines of the service log and the decision log that were lost: no room, or standard error would not take them.',
    attributes: [],
  },
  identityAuthentications: {
    name: 'portcullis.identity.authentications',
    kind: 'counter',
    unit: '{authentication}',
    description:
      'Checks whose callers could prove who they are, by outcome: none (no proof came), verified, invalid, unavailable. What is kept is not counted again.',
    attributes: ['outcome'],
  },
  identityKeyFetches: {
    name: 'portcullis.identity.keys.fetches',
    kind: 'counter',
    unit: '{fetch}',
    description: 'Fetches of the keys of a provider, by result: changed, unchanged or failed.',
    attributes: ['provider', 'result'],
  },
  identityKeys: {
    name: 'portcullis.identity.keys',
    kind: 'gauge',
    unit: '{key}',
    description: 'Keys of a provider that signatures are verified with.',
    attributes: ['provider'],
  },
  identityKeysStale: {
    name: 'portcullis.identity.keys.stale',
    kind: 'gauge',
    unit: '1',
    description: '1 when there are no keys of a provider, or the last fetch failed and the last good ones are used.',
    attributes: ['provider'],
  },
  identityKeysAge: {
    name: 'portcullis.identity.keys.age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the keys of a provider were last fetched.',
    attributes: ['provider'],
  },
  identityIntrospections: {
    name: 'portcullis.identity.introspections',
    kind: 'counter',
    unit: '{request}',
    description:
      'Introspections of tokens, by client and result: active, inactive, failed, or refused (not sent, because the server failed before or has enough to do).',
    attributes: ['client', 'result'],
  },
  identityBreakerOpen: {
    name: 'portcullis.identity.introspection.breaker_open',
    kind: 'gauge',
    unit: '1',
    description: '1 while a server that a client introspects at is left alone, or is tried again, after it failed.',
    attributes: ['client'],
  },
  identityTokenEntries: {
    name: 'portcullis.identity.token_cache.entries',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Verified tokens that are remembered.',
    attributes: [],
  },
  identityTokenBytes: {
    name: 'portcullis.identity.token_cache.size',
    kind: 'gauge',
    unit: 'By',
    description: 'Memory that they take, about.',
    attributes: [],
  },
  identityRevocationEntries: {
    name: 'portcullis.identity.revocation.entries',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Entries of the revocation list.',
    attributes: [],
  },
  identityRevocationStale: {
    name: 'portcullis.identity.revocation.stale',
    kind: 'gauge',
    unit: '1',
    description: '1 when there is no revocation list yet, or it could not be read again and the last good one is used.',
    attributes: [],
  },
  identityRevocationAge: {
    name: 'portcullis.identity.revocation.age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the revocation list was last read.',
    attributes: [],
  },
  identityListenersWithoutPrincipal: {
    name: 'portcullis.identity.listeners_without_principal',
    kind: 'gauge',
    unit: '{listener}',
    description: 'Listeners whose checks never had a principal; the log and /readyz on the admin port name them.',
    attributes: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** What OpenTelemetry's Prometheus compatibility specification makes of a unit; annotations (`{check}`) vanish. */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

/** The name before the exporter's own rules: with the unit, still without `_total`. */
export function nameWithUnit(definition: Pick<MetricDefinition, 'name' | 'unit'>): string {
  const suffix = UNIT_SUFFIXES[definition.unit];
  return suffix === undefined ? definition.name : `${definition.name}.${suffix}`;
}

/** The name of the series that Prometheus stores (a histogram adds `_bucket`, `_sum`, `_count`). */
export function prometheusName(definition: MetricDefinition): string {
  const name = nameWithUnit(definition).replaceAll('.', '_');
  return definition.kind === 'counter' ? `${name}_total` : name;
}
