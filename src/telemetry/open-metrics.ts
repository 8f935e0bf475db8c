/**
 * The classic text as OpenMetrics (https://prometheus.io/docs/specs/om/open_metrics_spec/), which has a place for exemplars: counters
 * are named without `_total` where they are described, and the text says where it ends.
 */
import type { Exemplar } from './histogram.ts';

export const OPEN_METRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Does the scraper ask for it? Prometheus names what it takes, the best first, always with a version. */
export function wantsOpenMetrics(accept: string): boolean {
  return /(?:^|[,\s])application\/openmetrics-text\s*(?:;(?![^,]*\bq=0(?:\.0*)?\s*(?:[,;]|$))|,|$)/i.test(accept);
}

/** `exemplars`: of the buckets of each data point of the histogram `name`, in their order. */
export function openMetricsOf(
  text: string,
  name: string,
  exemplars: readonly (readonly (Exemplar | null)[])[],
): string {
  const buckets = exemplars.flat();
  let bucket = 0;
  const lines = text.split('\n').map((line) => {
    if (line.startsWith(`${name}_bucket{`)) return line + exemplarText(buckets[bucket++] ?? null);
    // Only the samples of a counter, and of what is told of the target, have a suffix.
    return line.replace(/^# (HELP|TYPE) (\S+)_total /, '# $1 $2 ').replace(/^# HELP target_info /, '# HELP target ');
  });
  return `${lines.join('\n').replace('# TYPE target_info gauge', '# TYPE target info')}# EOF\n`;
}

function exemplarText(exemplar: Exemplar | null): string {
  if (exemplar === null) return '';
  const { traceId, spanId, seconds, timeMs } = exemplar;
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${seconds} ${timeMs / 1000}`;
}
