/**
 * Metrics as Prometheus text. The exporter package's serializer is used without its HTTP server:
 * the admin server has bounds and checks that one has not.
 */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { createMetricProducer } from './metric-producer.ts';
import type { MetricsSource } from './metric-producer.ts';
import { nameWithUnit } from './names.ts';

/** The classic text format, which every scraper reads. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface PrometheusText {
  readonly contentType: string;
  /** Collects now. Rejects only when a source of an observed value threw. */
  scrape(): Promise<string>;
}

/** Collects when asked, and only then. */
class PullReader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** `version` is the service's own, for `target_info`. */
export function createPrometheusText(source: MetricsSource, version: string): PrometheusText {
  const resource = resourceFromAttributes({ 'service.name': 'portcullis', 'service.version': version });
  const reader = new PullReader({ metricProducers: [createMetricProducer(source, resource)] });
  // The provider binds the reader; instruments made from it later are collected together with ours.
  new MeterProvider({ resource, readers: [reader] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return {
    contentType: PROMETHEUS_CONTENT_TYPE,
    scrape: async () => {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
      const named: ResourceMetrics = withUnitsInNames(resourceMetrics);
      return serializer.serialize(named);
    },
  };
}

/**
 * OpenTelemetry's Prometheus compatibility specification puts the unit into the name; this serializer
 * does not yet, and writes `# UNIT` lines that the classic text format does not know.
 */
function withUnitsInNames({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  return {
    resource,
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric): MetricData => ({
        ...metric,
        descriptor: { ...metric.descriptor, name: nameWithUnit(metric.descriptor), unit: '' },
      })),
    })),
  };
}
