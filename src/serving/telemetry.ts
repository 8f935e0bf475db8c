/** Metrics and spans, as the configuration and OpenTelemetry's environment variables have them. */
import { hostname } from 'node:os';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { ServiceConfig } from '../config/config.ts';
import { CheckTracer } from '../extauthz/check-tracer.ts';
import { Poster } from '../lib/collector.ts';
import type { Logger } from '../telemetry/logger.ts';
import { MetricPush } from '../telemetry/metric-push.ts';
import { createMetricProducer } from '../telemetry/metric-producer.ts';
import type { MetricsSource } from '../telemetry/metric-producer.ts';
import { otelEnvironment } from '../telemetry/otel-environment.ts';
import { seldom } from '../telemetry/seldom.ts';
import { SpanEncoder } from '../telemetry/span-encoder.ts';
import { SpanQueue } from '../telemetry/span-queue.ts';

type Signal = 'metrics' | 'traces';

/** Attributes of the one who sends. */
function resourceOf({ telemetry, audit }: ServiceConfig, version: string): Readonly<Record<string, string>> {
  const { serviceName, resource } = otelEnvironment(process.env);
  const all: Record<string, string> = {
    'service.name': 'portcullis',
    'host.name': hostname(),
    'service.instance.id': audit.instance === '' ? hostname() : audit.instance,
    ...resource,
    ...telemetry.resource,
    'service.version': version,
  };
  const name = telemetry.serviceName === '' ? serviceName : telemetry.serviceName;
  return name === null ? all : { ...all, 'service.name': name };
}

/** null: nobody has said where to. */
function posterFor({ otlp }: ServiceConfig['telemetry'], signal: Signal): Poster | null {
  const environment = otelEnvironment(process.env);
  const base = otlp.endpoint === '' ? environment.endpoint : otlp.endpoint;
  if (base === null) return null;
  // Who says where to says with what, too: secrets go to the endpoint that they were given for.
  const own = otlp.endpoint === '' ? { headersFile: null, headers: environment.headers } : {};
  // "…/v1/traces relative to the base", whose query stays (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp).
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${signal}`;
  return new Poster({ ...otlp, ...own, url: url.href });
}

function teller(log: Logger, signal: Signal): (error: unknown) => void {
  return seldom((error) => {
    log.error({ signal, problem: error instanceof Error ? error.message : String(error) }, 'telemetry cannot be sent');
  });
}

export interface Traces {
  readonly tracer: CheckTracer;
  readonly spans: SpanQueue;
  close(timeoutMs: number): Promise<void>;
}

export interface TracesParts {
  readonly config: ServiceConfig;
  readonly log: Logger;
  /** Of the program. */
  readonly version: string;
  /** That share the bound. */
  readonly processes: number;
}

/** null: checks are not traced. */
export function openTraces({ config, log, version, processes }: TracesParts): Traces | null {
  const { enabled, ratio, maxPerSecond, maxQueue } = config.telemetry.traces;
  const poster = enabled ? posterFor(config.telemetry, 'traces') : null;
  if (poster === null) return null;
  const encoder = new SpanEncoder({ resource: resourceOf(config, version), version });
  const onError = teller(log, 'traces');
  const spans = new SpanQueue({
    maxQueue,
    onError,
    send: async (batch) => {
      const answer = await poster.post(encoder.encode(batch), 'application/x-protobuf');
      const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(Buffer.from(answer, 'latin1'));
      const rejected = partialSuccess?.rejectedSpans ?? 0;
      if (rejected > 0) onError(new Error(`the collector has rejected ${rejected} of ${batch.length} spans`));
      return rejected;
    },
  });
  return {
    tracer: new CheckTracer({ spans, ratio, maxPerSecond: Math.max(1, Math.round(maxPerSecond / processes)) }),
    spans,
    close: async (timeoutMs) => {
      await spans.close(timeoutMs);
      poster.close();
    },
  };
}

/** For Prometheus and for {@link openMetricPush} alike. */
export function metricProducer(source: MetricsSource, config: ServiceConfig, version: string): MetricProducer {
  const resource = resourceFromAttributes(resourceOf(config, version));
  return createMetricProducer(source, resource, config.telemetry.rules.maxSeries);
}

/** Sends the metrics from time to time; null: nobody wants them. */
export function openMetricPush(producer: MetricProducer, config: ServiceConfig, log: Logger): MetricPush | null {
  const { metrics, otlp } = config.telemetry;
  const poster = metrics && otlp.metrics ? posterFor(config.telemetry, 'metrics') : null;
  if (poster === null) return null;
  return new MetricPush({
    producer,
    intervalMs: otlp.intervalSeconds * 1000,
    poster,
    onError: teller(log, 'metrics'),
  });
}

/** What the operator has said and what has no effect. */
export function tellOfTelemetry(log: Logger, config: ServiceConfig): void {
  const { ignored, endpoint } = otelEnvironment(process.env);
  for (const variable of ignored) log.warn({ variable }, 'environment variable cannot be read, and is ignored');
  const { traces, otlp } = config.telemetry;
  if (traces.enabled && otlp.endpoint === '' && endpoint === null)
    log.warn({ setting: 'telemetry.otlp.endpoint' }, 'no check is traced: nobody has said where spans are to be sent');
}
