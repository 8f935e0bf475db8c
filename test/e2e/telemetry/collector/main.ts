/**
 * A real OpenTelemetry Collector and a real Prometheus beside the service: `npm run test:otel`. Not part of `npm test`, since
 * the collector is built from Go for a minute. Run by `node:test`, so that Jest does not find it; the promises that its functions
 * give are `node:test`'s own business.
 *
 * The collector gives on what it has taken, as JSON, to a server of this process: what arrives there, OpenTelemetry's own code has read.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { collectorPath } from '../../../../scripts/install-collector.mjs';
import { prometheusPath, promtoolPath } from '../../../../scripts/install-promtool.mjs';
import { run } from '../../../../scripts/lib/run.mjs';
import { bytesOf, call, CHECK } from '../../../serving/support.ts';
import { startChild } from '../../support/child-process.ts';
import type { Child } from '../../support/child-process.ts';
import { accessPolicy } from '../../support/policies.ts';
import { freePort } from '../../support/ports.ts';
import { startService } from '../../support/service.ts';
import type { Service } from '../../support/service.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitUntil } from '../../support/wait.ts';

const CALLER = '00f067aa0ba902b7';
const START_TIMEOUT_MS = 30_000;

type Json = Readonly<Record<string, unknown>>;

interface Value {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
}
interface Attributed {
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[];
}
interface Point extends Attributed {
  readonly asDouble?: number;
  readonly exemplars?: readonly { readonly traceId: string; readonly spanId: string }[];
}
interface Metric {
  readonly name: string;
  readonly sum?: { readonly isMonotonic?: boolean; readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}
interface Span extends Attributed {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}
interface LogRecord extends Attributed {
  readonly traceId: string;
  readonly spanId: string;
  readonly body: Value;
}
interface Resource {
  readonly resource: Attributed;
}
interface Request {
  readonly resourceSpans?: readonly (Resource & {
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  })[];
  readonly resourceMetrics?: readonly (Resource & {
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  })[];
  readonly resourceLogs?: readonly (Resource & {
    readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[];
  })[];
}

function attributesOf({ attributes = [] }: Attributed): Json {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]));
}

const received: Request[] = [];
const spans = (): Span[] =>
  received.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((s) => s.spans)),
  );
const metrics = (): Metric[] =>
  received.flatMap(({ resourceMetrics = [] }) =>
    resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((s) => s.metrics)),
  );
const logs = (): LogRecord[] =>
  received.flatMap(({ resourceLogs = [] }) =>
    resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((s) => s.logRecords)),
  );
const resources = (): Json[] =>
  received.flatMap(({ resourceSpans = [], resourceMetrics = [], resourceLogs = [] }) =>
    [...resourceSpans, ...resourceMetrics, ...resourceLogs].map(({ resource }) => attributesOf(resource)),
  );

let collector: Child;
let prometheus: Child;
let service: Service;
let client: Client;
let prometheusUrl: string;
/** What has to be ended, the last first. */
const started: (() => unknown)[] = [];
const directory = await temporaryDirectory();

async function startSink(): Promise<string> {
  const sink = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      received.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as Request);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  started.push(() => {
    sink.closeAllConnections();
    sink.close();
  });
  await once(sink, 'listening');
  return `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
}

async function startCollector(sinkUrl: string): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(directory.path, 'collector.yaml');
  const pipeline = { receivers: ['otlp'], exporters: ['otlp_http'] };
  await writeFile(
    config,
    JSON.stringify({
      receivers: { otlp: { protocols: { http: { endpoint: address } } } },
      exporters: { otlp_http: { endpoint: sinkUrl, encoding: 'json', compression: 'none' } },
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline },
      },
    }),
  );
  collector = startChild({ name: 'the collector', command: await collectorPath(), args: ['--config', config] });
  started.push(() => collector.stop());
  await waitUntil('the collector', () => collector.output().includes('Everything is ready'), {
    timeoutMs: START_TIMEOUT_MS,
    because: () => collector.output(),
  });
  return `http://${address}`;
}

async function startPrometheus(target: string): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(directory.path, 'prometheus.yaml');
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'portcullis', static_configs: [{ targets: [target] }] }],
    }),
  );
  prometheus = startChild({
    name: 'Prometheus',
    command: await prometheusPath(),
    args: [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(directory.path, 'tsdb')}`],
      ...[`--web.listen-address=${address}`, '--enable-feature=exemplar-storage'],
    ],
  });
  started.push(() => prometheus.stop());
  return `http://${address}`;
}

async function ask(path: string, traceId: string): Promise<void> {
  const headers = { traceparent: `00-${traceId}-${CALLER}-01` };
  const http = { method: 'GET', path, host: 'shop', scheme: 'https', headers };
  const contextExtensions = { namespace: 'shop', 'label.app': 'orders' };
  await call(client, CHECK, bytesOf({ attributes: { contextExtensions, request: { http } } }));
}

async function query(path: string): Promise<readonly Json[]> {
  const response = await fetch(`${prometheusUrl}/api/v1/${path}`);
  const { data } = (await response.json()) as { readonly data: { readonly result: readonly Json[] } | readonly Json[] };
  return 'result' in data ? data.result : data;
}

before(async () => {
  const endpoint = await startCollector(await startSink());
  service = await startService({
    policies: {
      'orders.yaml': accessPolicy({
        name: 'orders',
        rules: [{ name: 'read', to: [{ operation: { paths: ['/orders'] } }] }],
      }),
    },
    config: {
      audit: { allowSample: 1, sinks: ['otlp'], otlp: { url: `${endpoint}/v1/logs` }, flushMs: 100 },
      telemetry: {
        resource: { 'deployment.environment.name': 'test' },
        otlp: { endpoint, intervalSeconds: 1, gzip: true },
        traces: { enabled: true },
      },
    },
  });
  started.push(() => service.remove());
  client = new Client(service.address, credentials.createInsecure());
  started.push(() => client.close());
  prometheusUrl = await startPrometheus(service.adminUrl.replace('http://', ''));
});

after(async () => {
  for (const end of started.reverse()) await end();
  await directory.remove();
});

void describe('a collector', () => {
  const allowed = 'a'.repeat(32);
  const denied = 'b'.repeat(32);

  void it('gets the spans of checks that are traced', async () => {
    await ask('/orders', allowed);
    await ask('/secret', denied);
    const found = await waitUntil('two spans', () => (spans().length >= 2 ? spans() : null), {
      because: () => `${collector.output()}${service.output()}`,
    });
    const [first, second] = [allowed, denied].map((traceId) => found.find((span) => span.traceId === traceId));
    assert.equal(first?.name, 'portcullis.check');
    assert.equal(first.kind, 2);
    assert.equal(first.parentSpanId, CALLER);
    assert.partialDeepStrictEqual(attributesOf(first), {
      'rpc.service': 'envoy.service.auth.v3.Authorization',
      'portcullis.decision': 'allow',
      'portcullis.policy': 'shop/orders',
      'portcullis.rule': 'read',
      'portcullis.cached': false,
    });
    assert.equal(attributesOf(second!)['portcullis.decision'], 'deny');
  });

  void it('gets the decision log, each record with the span of its check', async () => {
    for (const traceId of [allowed, denied]) {
      const record = await waitUntil(`the record of ${traceId}`, () => logs().find((each) => each.traceId === traceId));
      const span = spans().find((each) => each.traceId === traceId)!;
      assert.equal(record.spanId, span.spanId);
      assert.equal(attributesOf(record)['portcullis.decision.id'], attributesOf(span)['portcullis.decision.id']);
    }
  });

  void it('gets the metrics, with hits of rules and exemplars', async () => {
    const hits = await waitUntil('hits of rules', () =>
      metrics()
        .filter(({ name }) => name === 'portcullis.policy.rule.decisions')
        .flatMap(({ sum }) => sum?.dataPoints ?? [])
        .find((point) => attributesOf(point)['rule'] === 'read'),
    );
    assert.equal(hits.asDouble, 1);
    const exemplars = await waitUntil('exemplars', () => {
      const all = metrics()
        .filter(({ name }) => name === 'portcullis.check.duration')
        .flatMap(({ histogram }) => histogram?.dataPoints ?? [])
        .flatMap((point) => point.exemplars ?? []);
      return all.length > 0 ? all : null;
    });
    const traced = new Set(spans().map(({ traceId, spanId }) => `${traceId}/${spanId}`));
    for (const { traceId, spanId } of exemplars) assert.ok(traced.has(`${traceId}/${spanId}`));
  });

  void it('gets all of it as of one resource', () => {
    for (const resource of resources()) {
      assert.equal(resource['service.name'], 'portcullis');
      assert.equal(typeof resource['service.instance.id'], 'string');
    }
    assert.ok(resources().some((resource) => resource['deployment.environment.name'] === 'test'));
  });
});

void describe('Prometheus', () => {
  void it('scrapes without a complaint, and has the traces beside the durations', async () => {
    const up = await waitUntil(
      'a scrape',
      async () => {
        const result = await query('query?query=up');
        return result.length > 0 ? result : null;
      },
      { timeoutMs: START_TIMEOUT_MS, because: () => prometheus.output() },
    );
    assert.equal((up[0]!['value'] as [number, string])[1], '1');
    const decisions = await query('query?query=portcullis_policy_rule_decisions_total');
    assert.partialDeepStrictEqual(decisions[0]?.['metric'], { policy: 'shop/orders', rule: 'read', decision: 'allow' });
    const now = Date.now() / 1000;
    const found = await query(
      `query_exemplars?query=portcullis_check_duration_seconds_bucket&start=${now - 600}&end=${now + 60}`,
    );
    const labels = found.flatMap(({ exemplars }) =>
      (exemplars as readonly { readonly labels: Json }[]).map((e) => e.labels),
    );
    assert.ok(labels.length > 0, prometheus.output());
    for (const { trace_id: traceId } of labels) assert.ok(spans().some((span) => span.traceId === traceId));
  });

  void it('has nothing to say against the text, as promtool checks it', async () => {
    const { body } = await service.admin('/metrics');
    const file = join(directory.path, 'metrics.txt');
    await writeFile(file, body);
    const promtool = await promtoolPath();
    const { code, output } = await run('sh', ['-c', `'${promtool}' check metrics < '${file}'`]);
    assert.equal(code, 0, `${output}\n${await readFile(file, 'utf8')}`);
  });
});
