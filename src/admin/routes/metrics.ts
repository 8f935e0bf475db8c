import type { RouteHandler } from '../route.ts';

/** `createPrometheusText` of the telemetry folder gives one. */
export interface MetricsSource {
  /** In the format that fits best what `accept` asks for. */
  scrape(accept: string): Promise<{ readonly contentType: string; readonly body: string }>;
}

export function metrics(source: MetricsSource): RouteHandler {
  return async ({ accept }) => ({ status: 200, ...(await source.scrape(accept)) });
}
