/** `telemetry`: what is counted and traced, and where that goes. */
import * as z from 'zod';
import { isLoopbackHost } from './address.ts';
import { optionalFilePath, webUrlOrEmpty } from './values.ts';

const otlp = z
  .strictObject({
    endpoint: webUrlOrEmpty
      .default('')
      .describe(
        'Base address of a collector that takes OTLP over HTTP: metrics go to `/v1/metrics` and spans to `/v1/traces` below it. Empty: what OTEL_EXPORTER_OTLP_ENDPOINT says, else nothing is sent.',
      ),
    metrics: z.boolean().default(true).describe('Send the metrics there, besides showing them to Prometheus.'),
    intervalSeconds: z.number().min(1).max(3600).default(60).describe('Time between two sendings of the metrics.'),
    gzip: z
      .boolean()
      .default(false)
      .describe('Compress what is sent; it costs more CPU than all else that is done for a span.'),
    timeoutSeconds: z.number().min(0.1).max(300).default(10).describe('For one request, with its answer.'),
    headersFile: optionalFilePath.describe(
      'File with secret headers to send to `telemetry.otlp.endpoint`, a `name: value` a line; read at each request. Only with HTTPS, or to this machine.',
    ),
    caFile: optionalFilePath.describe('PEM certificates that are trusted in place of those of the system.'),
  })
  .superRefine(({ endpoint, headersFile }, context) => {
    const address = URL.parse(endpoint);
    if (headersFile !== null && address?.protocol === 'http:' && !isLoopbackHost(address.hostname)) {
      context.addIssue({
        code: 'custom',
        path: ['headersFile'],
        message: 'would be sent without TLS',
        params: { code: 'secret-over-http', hint: 'use `https://`' },
      });
    }
  })
  .prefault({});

const rules = z
  .strictObject({
    maxSeries: z
      .int()
      .min(0)
      .max(100_000)
      .default(500)
      .describe('Rules with a series of their own in the metrics, the most hit ones; all others share one.'),
  })
  .prefault({});

const traces = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'Send a span of each check whose caller records the trace (`traceparent` or B3, of the call by Envoy or of the request).',
      ),
    ratio: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe(
        'Share of the checks that belong to no trace, or where nobody has said whether, that are traced, 0 to 1.',
      ),
    maxPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('Spans a second at most, of all workers: clients can ask for a trace of each request.'),
    maxQueue: z.int().min(1).max(1_000_000).default(4096).describe('Spans that wait to be sent, in each worker.'),
  })
  .prefault({});

export const telemetry = z
  .strictObject({
    metrics: z.boolean().default(true).describe('Count checks, and show metrics at /metrics.'),
    serviceName: z
      .string()
      .max(255)
      .default('')
      .describe('`service.name` of metrics and spans. Empty: what OTEL_SERVICE_NAME says, else `portcullis`.'),
    resource: z
      .record(z.string().min(1).max(255), z.string().max(1024))
      .default({})
      .describe(
        'Further attributes of the resource, such as `deployment.environment.name`; they win over OTEL_RESOURCE_ATTRIBUTES.',
      ),
    rules,
    otlp,
    traces,
  })
  .prefault({});
