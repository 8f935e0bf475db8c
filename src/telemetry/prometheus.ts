/**
 * Metrics as Prometheus text. The exporter package's serializer is used without its HTTP server:
 * the admin server has bounds and checks that one has not.
 */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { MetricData, MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { exemplarsOf } from './exemplars.ts';
import { METRICS, nameWithUnit, prometheusName } from './names.ts';
import { OPEN_METRICS_CONTENT_TYPE, openMetricsOf, wantsOpenMetrics } from './open-metrics.ts';

/** The classic text format, which every scraper reads. */
const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

export interface PrometheusText {
  /** Collects now, in the format that the scraper's `Accept` asks for. Rejects only when a source of an observed value threw. */
  scrape(accept?: string): Promise<Scrape>;
}

export function createPrometheusText(producer: MetricProducer): PrometheusText {
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return {
    scrape: async (accept = '') => {
      const { resourceMetrics, errors } = await producer.collect();
      if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
      const body = serializer.serialize(withUnitsInNames(resourceMetrics));
      if (!wantsOpenMetrics(accept)) return { contentType: PROMETHEUS_CONTENT_TYPE, body };
      const { checkDuration } = METRICS;
      const exemplars = exemplarsOf(resourceMetrics, checkDuration.name);
      return {
        contentType: OPEN_METRICS_CONTENT_TYPE,
        body: openMetricsOf(body, prometheusName(checkDuration), exemplars),
      };
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
