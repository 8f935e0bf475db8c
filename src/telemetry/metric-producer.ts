/** The counters as OpenTelemetry metrics: read when a MetricReader collects, at no other time. */
import type { Attributes, HrTime } from '@opentelemetry/api';
import { ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics';
import type { CollectionResult, MetricData, MetricProducer } from '@opentelemetry/sdk-metrics';
import { DURATION_BOUNDS_SECONDS } from './histogram.ts';
import type { HistogramValue } from './histogram.ts';
import { identityPoints } from './identity-points.ts';
import type { IdentityState, Point } from './identity-points.ts';
import type { MetricsReading } from './metrics.ts';
import { METRICS } from './names.ts';
import type { MetricDefinition } from './names.ts';
import { RuleSeries } from './rule-series.ts';

const SCOPE_NAME = 'portcullis';
/** Some hundred kilobytes of text at a scrape, and more rules than anybody looks at. */
export const MAX_RULE_SERIES = 500;

/** What is collected: the counters of this process, or those of several added up. */
export interface MetricsSource {
  /** Milliseconds since the epoch at which everything was 0. */
  readonly startTimeMs: number;
  read(): MetricsReading | Promise<MetricsReading>;
}

/**
 * A producer for `metricProducers` of MetricReaders; one for all of them, since which rules have series is to be the same.
 * An error of an observed source costs that collection only.
 */
export function createMetricProducer(
  source: MetricsSource,
  resource: Resource,
  maxRuleSeries = MAX_RULE_SERIES,
): MetricProducer {
  const series = new RuleSeries(maxRuleSeries);
  return {
    collect: async () => {
      try {
        return collection(resource, collect(await source.read(), source.startTimeMs, series), []);
      } catch (error) {
        return collection(resource, [], [error]);
      }
    },
  };
}

function collection(resource: Resource, metrics: MetricData[], errors: unknown[]): CollectionResult {
  return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: SCOPE_NAME }, metrics }] }, errors };
}

type Points = readonly (readonly [number, Attributes])[];

function collect(reading: MetricsReading, startTimeMs: number, series: RuleSeries): MetricData[] {
  const startTime = hrTime(startTimeMs);
  const endTime = hrTime(Date.now());

  const points = (values: Points) => values.map(([value, attributes]) => ({ startTime, endTime, attributes, value }));
  const counter = (definition: MetricDefinition, values: Points): MetricData => ({
    descriptor: descriptorOf(definition),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: points(values),
  });
  const gauges = (definition: MetricDefinition, values: Points): MetricData[] =>
    values.length === 0
      ? []
      : [
          {
            descriptor: descriptorOf(definition),
            aggregationTemporality: AggregationTemporality.CUMULATIVE,
            dataPointType: DataPointType.GAUGE,
            dataPoints: points(values),
          },
        ];
  const gauge = (definition: MetricDefinition, value: number | null, attributes: Attributes = {}): MetricData[] =>
    gauges(definition, value === null ? [] : [[value, attributes]]);
  const histogramPoint = ({ counts, sum, count, exemplars }: HistogramValue, attributes: Attributes) => ({
    startTime,
    endTime,
    attributes,
    // OpenTelemetry's data model for JavaScript has no place for them: what writes them knows of this one.
    exemplars,
    value: { buckets: { boundaries: [...DURATION_BOUNDS_SECONDS], counts: [...counts] }, sum, count },
  });

  const { policy, decisionLog } = reading;
  return [
    counter(
      METRICS.checks,
      reading.checks.map(({ decision, reason, count }) => [count, { decision, reason }]),
    ),
    {
      descriptor: descriptorOf(METRICS.checkDuration),
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [
        histogramPoint(reading.durations.allow, { decision: 'allow' }),
        histogramPoint(reading.durations.deny, { decision: 'deny' }),
      ],
    },
    ...(reading.load === null
      ? []
      : [
          ...gauge(METRICS.checksWaiting, reading.load.waiting),
          counter(METRICS.overloadRefusals, byName(reading.load.refused, 'class')),
        ]),
    ...(reading.transport === null
      ? []
      : [
          ...gauge(METRICS.connections, reading.transport.connectionsOpen),
          counter(METRICS.connectionsAccepted, [[reading.transport.connectionsAccepted, {}]]),
          counter(METRICS.connectionsNotAllowed, [[reading.transport.connectionsNotAllowed, {}]]),
          counter(METRICS.connectionFaults, byName(reading.transport.connectionFaults, 'error_type')),
          ...gauge(METRICS.callsInFlight, reading.transport.callsInFlight),
          counter(METRICS.callsStarted, [[reading.transport.callsStarted, {}]]),
          counter(METRICS.callsAnswered, byName(reading.transport.callsAnswered, 'grpc_status')),
          counter(METRICS.callsCancelled, [[reading.transport.callsCancelled, {}]]),
          counter(METRICS.callsRefused, [[reading.transport.callsRefused, {}]]),
          counter(METRICS.callsLost, [[reading.transport.callsLost, {}]]),
          ...gauge(METRICS.transportHeld, reading.transport.bytesHeld),
        ]),
    ...(reading.workers === null
      ? []
      : [
          ...gauge(METRICS.workers, reading.workers.serving),
          counter(METRICS.workerReplacements, [[reading.workers.replaced, {}]]),
        ]),
    counter(METRICS.cacheLookups, [
      [reading.cacheHits, { result: 'hit' }],
      [reading.cacheMisses, { result: 'miss' }],
    ]),
    ...(reading.cache === null
      ? []
      : [
          counter(METRICS.cacheEvictions, [[reading.cache.evictions, {}]]),
          ...gauge(METRICS.cacheEntries, reading.cache.entries),
        ]),
    counter(METRICS.policyReloads, [
      [reading.reloadSuccesses, { result: 'success' }],
      [reading.reloadFailures, { result: 'failure' }],
    ]),
    ...(reading.rules === null
      ? []
      : [
          counter(
            METRICS.ruleDecisions,
            series
              .select(reading.rules)
              .map(({ kind, policy, rule, decision, mode, hits }) => [hits, { kind, policy, rule, decision, mode }]),
          ),
        ]),
    counter(
      METRICS.shadowDecisions,
      reading.shadow.map(({ shadowDecision, decision, count }) => [
        count,
        { shadow_decision: shadowDecision, decision },
      ]),
    ),
    ...(policy === null
      ? []
      : [
          ...gauge(METRICS.ready, policy.ready ? 1 : 0),
          ...gauge(METRICS.policyInfo, policy.revision === null ? null : 1, { revision: policy.revision ?? '' }),
          ...gauge(METRICS.policies, policy.policies),
          ...gauge(METRICS.policyRules, policy.rules),
          ...gauge(METRICS.policyStale, policy.stale ? 1 : 0),
          ...gauge(METRICS.policyLastReload, policy.lastReloadSeconds),
          ...gauge(METRICS.policyExpiredDenyRules, policy.expiredDenyRules),
        ]),
    ...(decisionLog === null
      ? []
      : [
          counter(METRICS.decisionLogEntries, [
            [decisionLog.written, { result: 'written' }],
            [decisionLog.dropped, { result: 'dropped' }],
          ]),
          counter(METRICS.decisionLogSpilled, [[decisionLog.spilled, {}]]),
          counter(METRICS.decisionLogGaps, [[decisionLog.gaps, {}]]),
          counter(METRICS.decisionLogErrors, [[decisionLog.errors, {}]]),
          ...gauge(METRICS.decisionLogQueue, decisionLog.queueBytes),
          ...gauge(METRICS.decisionLogSpill, decisionLog.spillBytes),
          ...gauge(METRICS.decisionLogStalled, decisionLog.stalledMs / 1000),
        ]),
    ...(reading.spans === null
      ? []
      : [
          counter(METRICS.spans, [
            [reading.spans.sent, { result: 'sent' }],
            [reading.spans.dropped, { result: 'dropped' }],
            [reading.spans.limited, { result: 'limited' }],
          ]),
          ...gauge(METRICS.spanQueue, reading.spans.queued),
        ]),
    ...otlpSendings(reading).map((sendings) => counter(METRICS.otlpSendings, sendings)),
    ...(reading.logDroppedLines === null ? [] : [counter(METRICS.logDroppedLines, [[reading.logDroppedLines, {}]])]),
    ...(reading.identity === null
      ? []
      : identityMetrics(reading.identity).flatMap(([definition, values]) =>
          definition.kind === 'counter' && values.length > 0
            ? [counter(definition, values)]
            : gauges(definition, values),
        )),
  ];
}

/** None where nothing is sent anywhere. */
function otlpSendings({ spans, metricPush }: MetricsReading): readonly Points[] {
  const points = [['metrics', metricPush] as const, ['traces', spans] as const].flatMap(([signal, counts]): Points =>
    counts === null
      ? []
      : [
          [counts.sendings - counts.failures, { signal, result: 'success' }],
          [counts.failures, { signal, result: 'failure' }],
        ],
  );
  return points.length === 0 ? [] : [points];
}

function byName(counts: Readonly<Record<string, number>>, attribute: string): Points {
  return Object.entries(counts).map(([name, count]) => [count, { [attribute]: name }]);
}

function identityMetrics(state: IdentityState): readonly (readonly [MetricDefinition, Points])[] {
  const points = identityPoints(state, Date.now());
  const all: readonly (readonly [MetricDefinition, readonly Point[]])[] = [
    [METRICS.identityAuthentications, points.authentications],
    [METRICS.identityKeyFetches, points.keyFetches],
    [METRICS.identityKeys, points.keys],
    [METRICS.identityKeysStale, points.keysStale],
    [METRICS.identityKeysAge, points.keysAge],
    [METRICS.identityIntrospections, points.introspections],
    [METRICS.identityBreakerOpen, points.breakerOpen],
    [METRICS.identityTokenEntries, points.tokenEntries],
    [METRICS.identityTokenBytes, points.tokenBytes],
    [METRICS.identityRevocationEntries, points.revocationEntries],
    [METRICS.identityRevocationStale, points.revocationStale],
    [METRICS.identityRevocationAge, points.revocationAge],
    [METRICS.identityListenersWithoutPrincipal, points.listenersWithoutPrincipal],
  ];
  return all.map(([definition, values]) => [
    definition,
    values.map(([value, ...labels]) => [
      value,
      Object.fromEntries(definition.attributes.map((name, index) => [name, labels[index] ?? ''])),
    ]),
  ]);
}

function descriptorOf({ name, unit, description }: MetricDefinition): MetricData['descriptor'] {
  return { name, unit, description, valueType: ValueType.DOUBLE };
}

function hrTime(timeMs: number): HrTime {
  return [Math.floor(timeMs / 1000), (timeMs % 1000) * 1_000_000];
}
