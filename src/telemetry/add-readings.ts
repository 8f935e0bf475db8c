/** The counters of several processes as those of one service. */
import type { Exemplar, HistogramValue } from './histogram.ts';
import { addNumbers, mergeProofStates } from './merge-identity.ts';
import type { DecisionLogState, LoadState, MetricsReading } from './metrics.ts';
import type { TransportState } from './transport-state.ts';

/** What is null in some is taken from the others. They must count the same outcomes, in one order. */
export function addReadings(first: MetricsReading, ...others: readonly MetricsReading[]): MetricsReading {
  const all = [first, ...others];
  const sum = (of: (reading: MetricsReading) => number): number => all.reduce((total, each) => total + of(each), 0);
  const identities = present(all, ({ identity }) => identity);
  return {
    checks: first.checks.map((check, index) => ({ ...check, count: sum(({ checks }) => checks[index]?.count ?? 0) })),
    durations: {
      allow: addHistograms(all.map(({ durations }) => durations.allow)),
      deny: addHistograms(all.map(({ durations }) => durations.deny)),
    },
    cacheHits: sum(({ cacheHits }) => cacheHits),
    cacheMisses: sum(({ cacheMisses }) => cacheMisses),
    reloadSuccesses: sum(({ reloadSuccesses }) => reloadSuccesses),
    reloadFailures: sum(({ reloadFailures }) => reloadFailures),
    shadow: first.shadow.map((cell, index) => ({ ...cell, count: sum(({ shadow }) => shadow[index]?.count ?? 0) })),
    policy: present(all, ({ policy }) => policy)[0] ?? null,
    workers: present(all, ({ workers }) => workers)[0] ?? null,
    cache: addAll(present(all, ({ cache }) => cache)),
    decisionLog: addDecisionLogs(present(all, ({ decisionLog }) => decisionLog)),
    load: addLoads(present(all, ({ load }) => load)),
    transport: addTransports(present(all, ({ transport }) => transport)),
    logDroppedLines: present(all, ({ logDroppedLines }) => logDroppedLines).reduce<number | null>(
      (total, each) => (total ?? 0) + each,
      null,
    ),
    // Kept by the one process that tells of all.
    rules: present(all, ({ rules }) => rules)[0] ?? null,
    spans: addAll(present(all, ({ spans }) => spans)),
    metricPush: present(all, ({ metricPush }) => metricPush)[0] ?? null,
    identity:
      identities.length === 0
        ? null
        : {
            ...mergeProofStates(identities[0]!, ...identities.slice(1)),
            // Connections of one listener are spread over the processes: each may know of it.
            listenersWithoutPrincipal: Math.max(...identities.map((each) => each.listenersWithoutPrincipal)),
          },
  };
}

function present<Value>(
  readings: readonly MetricsReading[],
  of: (reading: MetricsReading) => Value | null,
): readonly Value[] {
  return readings.map(of).filter((value) => value !== null);
}

function addAll<Numbers extends Readonly<Record<string, number>>>(all: readonly Numbers[]): Numbers | null {
  return all.length === 0 ? null : addNumbers(all);
}

function addHistograms(all: readonly HistogramValue[]): HistogramValue {
  return {
    counts: all[0]!.counts.map((_, bucket) => all.reduce((total, { counts }) => total + (counts[bucket] ?? 0), 0)),
    sum: all.reduce((total, { sum }) => total + sum, 0),
    count: all.reduce((total, { count }) => total + count, 0),
    exemplars: all[0]!.exemplars.map((_, bucket) => latest(all.map(({ exemplars }) => exemplars[bucket] ?? null))),
  };
}

function latest(exemplars: readonly (Exemplar | null)[]): Exemplar | null {
  return exemplars.reduce((a, b) => (a === null || (b !== null && b.timeMs > a.timeMs) ? b : a));
}

function addLoads(all: readonly LoadState[]): LoadState | null {
  return all.length === 0
    ? null
    : {
        waiting: all.reduce((total, { waiting }) => total + waiting, 0),
        refused: addNumbers(all.map(({ refused }) => refused)),
      };
}

function addDecisionLogs(all: readonly DecisionLogState[]): DecisionLogState | null {
  const stalledMs = Math.max(...all.map((each) => each.stalledMs));
  return all.length === 0 ? null : { ...addNumbers(all), stalledMs };
}

function addTransports(all: readonly TransportState[]): TransportState | null {
  if (all.length === 0) return null;
  const sum = (of: (state: TransportState) => number): number => all.reduce((total, each) => total + of(each), 0);
  return {
    connectionsOpen: sum(({ connectionsOpen }) => connectionsOpen),
    connectionsAccepted: sum(({ connectionsAccepted }) => connectionsAccepted),
    connectionsNotAllowed: sum(({ connectionsNotAllowed }) => connectionsNotAllowed),
    connectionFaults: addNumbers(all.map(({ connectionFaults }) => connectionFaults)),
    callsStarted: sum(({ callsStarted }) => callsStarted),
    callsInFlight: sum(({ callsInFlight }) => callsInFlight),
    callsAnswered: addNumbers(all.map(({ callsAnswered }) => callsAnswered)),
    callsCancelled: sum(({ callsCancelled }) => callsCancelled),
    callsRefused: sum(({ callsRefused }) => callsRefused),
    callsLost: sum(({ callsLost }) => callsLost),
    bytesHeld: sum(({ bytesHeld }) => bytesHeld),
  };
}

/** What a process that has ended has counted: it holds and waits for nothing any more. */
export function ended(reading: MetricsReading): MetricsReading {
  const { cache, load, transport, decisionLog, identity, spans } = reading;
  return {
    ...reading,
    cache: cache && { ...cache, entries: 0 },
    load: load && { ...load, waiting: 0 },
    transport: transport && {
      ...transport,
      connectionsOpen: 0,
      callsInFlight: 0,
      callsLost: transport.callsLost + transport.callsInFlight,
      bytesHeld: 0,
    },
    decisionLog: decisionLog && { ...decisionLog, queueBytes: 0, spillBytes: 0, stalledMs: 0 },
    // What waited is gone with it.
    spans: spans && { ...spans, queued: 0, dropped: spans.dropped + spans.queued },
    identity: identity && {
      ...identity,
      keys: [],
      introspection: [],
      revocation: null,
      tokens: { entries: 0, bytes: 0 },
      listenersWithoutPrincipal: 0,
    },
  };
}
