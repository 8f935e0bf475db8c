/** Exemplars of the durations in what is collected: metric-producer.ts puts them beside the buckets. */
import type { DataPoint, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Exemplar } from './histogram.ts';

/** By bucket. */
type Exemplars = readonly (Exemplar | null)[];

/** Of the data points of one metric, in their order. */
export function exemplarsOf(metrics: ResourceMetrics, name: string): readonly Exemplars[] {
  const found = metrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === name);
  return (found?.dataPoints ?? []).map((point: DataPoint<unknown>) =>
    'exemplars' in point ? (point.exemplars as Exemplars) : [],
  );
}
