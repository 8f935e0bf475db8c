import { resourceFromAttributes } from '@opentelemetry/resources';
import { createMetricProducer } from '../../../src/telemetry/metric-producer.ts';
import type { MetricsSource } from '../../../src/telemetry/metric-producer.ts';
import { createPrometheusText } from '../../../src/telemetry/prometheus.ts';

/** What a scraper gets that asks for `accept`. */
export async function scrapeText(source: MetricsSource, accept?: string): Promise<string> {
  const resource = resourceFromAttributes({ 'service.name': 'portcullis', 'service.version': '1.2.3' });
  return (await createPrometheusText(createMetricProducer(source, resource)).scrape(accept)).body;
}
