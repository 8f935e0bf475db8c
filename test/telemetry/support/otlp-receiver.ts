/** A collector for tests: takes OTLP over HTTP and keeps it, read by the definitions of OpenTelemetry. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { readTraceRequest } from './trace-request.ts';
import type { ReadSpan } from './trace-request.ts';

interface MetricPoint {
  readonly asDouble?: number;
  readonly attributes?: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly exemplars?: readonly Readonly<Record<string, unknown>>[];
  readonly count?: number | string;
}

interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly MetricPoint[] };
  readonly gauge?: { readonly dataPoints: readonly MetricPoint[] };
  readonly histogram?: { readonly dataPoints: readonly MetricPoint[] };
}

export interface OtlpReceiver {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly spans: readonly ReadSpan[];
  /** Of the last request. */
  metric(name: string): Metric | undefined;
  /** Attributes of the resource of the last request with metrics. */
  readonly resource: Readonly<Record<string, string>>;
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Status of the next answers; null: none. */
  status: number | null;
  close(): void;
}

interface MetricsBody {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue: string } }[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReadSpan[] = [];
  const requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  let metrics: MetricsBody | null = null;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const path = request.url ?? '';
      requests.push({ path, headers: request.headers });
      if (receiver.status === null) return;
      if (receiver.status === 200) {
        const bytes = Buffer.concat(parts);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
        if (path === '/v1/traces') spans.push(...readTraceRequest(body));
        else if (path === '/v1/metrics') metrics = JSON.parse(body.toString('utf8')) as MetricsBody;
      }
      response.writeHead(receiver.status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: OtlpReceiver = {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    spans,
    requests,
    status: 200,
    metric: (name) =>
      metrics?.resourceMetrics
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .find((metric) => metric.name === name),
    get resource() {
      const attributes = metrics?.resourceMetrics[0]?.resource.attributes ?? [];
      return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
