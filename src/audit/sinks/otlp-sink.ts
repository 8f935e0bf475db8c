/**
 * Batches to an OpenTelemetry collector, as logs over HTTP in JSON. The body of a log record is the line as it is in
 * any other sink, so that seals can be verified there; what one looks for is in its attributes.
 */
import { JsonLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { Poster } from '../../lib/collector.ts';
import type { Collector } from '../../lib/collector.ts';
import { Lost } from '../batch.ts';
import type { Batch, Sink } from '../batch.ts';

type LogRecord = Parameters<typeof JsonLogsSerializer.serializeRequest>[0][number];

/** Fields of lines that are attributes, with their names there. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  stream: 'portcullis.stream',
  seq: 'portcullis.seq',
  id: 'portcullis.decision.id',
  decision: 'portcullis.decision',
  reason: 'portcullis.reason',
  policy: 'portcullis.policy',
  rule: 'portcullis.rule',
  revision: 'portcullis.revision',
  principal: 'portcullis.principal',
  requestPrincipal: 'portcullis.request_principal',
  cached: 'portcullis.cached',
  method: 'http.request.method',
  httpStatus: 'http.response.status_code',
  host: 'server.address',
};
const TRACE_ID_DIGITS = 32;

export class OtlpSink implements Sink {
  readonly name = 'otlp';
  readonly #poster: Poster;
  readonly #resource: LogRecord['resource'];
  readonly #scope: LogRecord['instrumentationScope'];

  constructor(collector: Collector, instance: string, version: string) {
    this.#poster = new Poster(collector);
    this.#resource = resourceFromAttributes({
      'service.name': 'portcullis',
      'service.version': version,
      'service.instance.id': instance,
    });
    this.#scope = { name: 'portcullis.audit', version };
  }

  async send({ bytes }: Batch): Promise<void> {
    const lines = bytes.toString('utf8').split('\n').slice(0, -1);
    const body = JsonLogsSerializer.serializeRequest(lines.map((line) => this.#recordOf(line)));
    if (body === undefined) throw new Lost('they cannot be written as OTLP');
    const rejected = rejectedIn(await this.#poster.post(body, 'application/json'));
    if (rejected > 0) throw new Lost(`the collector has rejected ${rejected} of ${lines.length}`);
  }

  close(): Promise<void> {
    this.#poster.close();
    return Promise.resolve();
  }

  #recordOf(line: string): LogRecord {
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const timeMs = Date.parse(String(fields['time']));
    const time: [number, number] = [Math.floor(timeMs / 1000), (timeMs % 1000) * 1e6];
    const attributes: Record<string, string | number | boolean> = {};
    for (const [field, name] of Object.entries(ATTRIBUTES)) {
      const value = fields[field];
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
        attributes[name] = value;
    }
    const { level, msg, traceId, spanId } = fields;
    return {
      hrTime: time,
      hrTimeObserved: time,
      severityNumber: severityOf(level),
      severityText: String(level).toUpperCase(),
      eventName: `portcullis.${String(msg).replaceAll(' ', '.')}`,
      body: line,
      attributes,
      droppedAttributesCount: 0,
      resource: this.#resource,
      instrumentationScope: this.#scope,
      ...(typeof traceId === 'string'
        ? { spanContext: spanContext(traceId, typeof spanId === 'string' ? spanId : null) }
        : {}),
    };
  }
}

/** A check that has a span was sampled. */
function spanContext(traceId: string, spanId: string | null): NonNullable<LogRecord['spanContext']> {
  return { traceId: traceId.padStart(TRACE_ID_DIGITS, '0'), spanId: spanId ?? '', traceFlags: spanId === null ? 0 : 1 };
}

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber: INFO and WARN. */
function severityOf(level: unknown): NonNullable<LogRecord['severityNumber']> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum is of a package that is no dependency of ours
  return level === 'warn' ? 13 : 9;
}

/** https://opentelemetry.io/docs/specs/otlp/#partial-success-1: a number, which JSON may have as a text. */
function rejectedIn(answer: string): number {
  try {
    const { partialSuccess } = JSON.parse(answer) as {
      readonly partialSuccess?: { readonly rejectedLogRecords?: string | number } | null;
    };
    return Number(partialSuccess?.rejectedLogRecords ?? 0);
  } catch {
    // An answer without a body says that all is well.
    return 0;
  }
}
