import type { RouteHandler } from '../route.ts';

/** `createPrometheusText` of the telemetry folder gives one. */
export interface MetricsSource {
  readonly contentType: string;
  scrape(): Promise<string>;
}

export function metrics(source: MetricsSource): RouteHandler {
  return async () => ({ status: 200, contentType: source.contentType, body: await source.scrape() });
}
