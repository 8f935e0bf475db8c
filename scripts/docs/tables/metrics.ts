import { METRICS, prometheusName } from '../../../src/telemetry/names.ts';
import { code, table } from '../markdown.ts';

export function metrics(): string {
  return table(
    ['metric', 'kind', 'labels', 'meaning'],
    Object.values(METRICS).map((metric) => [
      code(prometheusName(metric)),
      metric.kind,
      metric.attributes.map(code).join(', '),
      metric.description,
    ]),
  );
}
