import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Lost } from '../../../src/audit/batch.ts';
import type { Batch } from '../../../src/audit/batch.ts';
import { HttpSink } from '../../../src/audit/sinks/http-sink.ts';
import { OtlpSink } from '../../../src/audit/sinks/otlp-sink.ts';
import { secretHeaders } from '../../../src/lib/collector.ts';
import { directory, STREAM } from '../support.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Answers with `status`, or not at all. */
async function collector(answer: { status: number | null; body?: string } = { status: 200 }) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const bytes = Buffer.concat(parts);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      received.push({ headers: request.headers, body: body.toString('utf8') });
      if (answer.status !== null) response.writeHead(answer.status).end(answer.body ?? '');
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/logs`, received, answer };
}

const LINES = [
  {
    level: 'info',
    time: '2026-01-02T03:04:05.006Z',
    msg: 'decision',
    schema: 1,
    stream: STREAM,
    seq: 1,
    id: 'd-1',
    decision: 'deny',
    reason: 'deny_rule',
    policy: 'shop/a',
    rule: 0,
    httpStatus: 403,
    cached: false,
    traceId: '463ac35c9f6413ad',
  },
  { level: 'warn', time: '2026-01-02T03:04:06.000Z', msg: 'audit gap', schema: 1, stream: STREAM },
].map((line) => JSON.stringify(line));

const BATCH: Batch = {
  name: 'x',
  stream: STREAM,
  ordinal: 1,
  from: 1,
  to: 1,
  records: 1,
  bytes: Buffer.from(`${LINES.join('\n')}\n`),
};
const OPTIONS = { gzip: true, timeoutSeconds: 5, headersFile: null, caFile: null };

describe('the sink http', () => {
  it('posts lines, compressed', async () => {
    const { url, received } = await collector();
    const sink = new HttpSink({ ...OPTIONS, url, format: 'lines' });
    await sink.send(BATCH);
    await sink.close();
    expect(received).toMatchObject([
      {
        headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
        body: `${LINES.join('\n')}\n`,
      },
    ]);
  });

  it('posts an array, as it is', async () => {
    const { url, received } = await collector();
    const sink = new HttpSink({ ...OPTIONS, url, gzip: false, format: 'array' });
    await sink.send(BATCH);
    await sink.close();
    expect(received[0]!.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(received[0]!.body)).toEqual(LINES.map((line) => JSON.parse(line) as unknown));
  });

  it('sends the secret headers that are in the file at that moment', async () => {
    using place = directory();
    const headersFile = join(place.path, 'headers');
    const { url, received } = await collector();
    const sink = new HttpSink({ ...OPTIONS, url, headersFile, format: 'lines' });
    for (const token of ['one', 'two']) {
      writeFileSync(headersFile, `# of the collector\nAuthorization: Bearer ${token}\n\nX-Scope: audit\n`);
      await sink.send(BATCH);
    }
    await sink.close();
    expect(received.map(({ headers }) => [headers.authorization, headers['x-scope']])).toEqual([
      ['Bearer one', 'audit'],
      ['Bearer two', 'audit'],
    ]);
  });

  it.each([
    [500, false],
    [503, false],
    [429, false],
    [401, false],
    [302, false],
    [400, true],
    [413, true],
  ])('takes the answer %d for a failure; for good: %s', async (status, isLost) => {
    const { url } = await collector({ status });
    const sink = new HttpSink({ ...OPTIONS, url, format: 'lines' });
    const error: unknown = await sink.send(BATCH).catch((cause: unknown) => cause);
    await sink.close();
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof Lost).toBe(isLost);
  });

  it('waits no longer than its timeout, and not at all once it is closed', async () => {
    const { url } = await collector({ status: null });
    const impatient = new HttpSink({ ...OPTIONS, url, timeoutSeconds: 0.1, format: 'lines' });
    await expect(impatient.send(BATCH)).rejects.toThrow();
    const patient = new HttpSink({ ...OPTIONS, url, timeoutSeconds: 300, format: 'lines' });
    const sent = patient.send(BATCH);
    await patient.close();
    await expect(sent).rejects.toThrow();
  });

  it('fails where nobody listens', async () => {
    const { url } = await collector();
    servers.splice(0).forEach((server) => server.close());
    const sink = new HttpSink({ ...OPTIONS, url, format: 'lines' });
    await expect(sink.send(BATCH)).rejects.toThrow();
    await sink.close();
  });
});

describe('the file with headers', () => {
  it.each(['no header', 'a b: c', 'a: b\u0000', ': x'])('is refused with the line %j, which is not told', (line) => {
    expect(() => secretHeaders(`x: y\n${line}\n`)).toThrow(
      /^the file with headers has a line that is no `name: value`$/,
    );
  });
});

describe('the sink otlp', () => {
  interface Sent {
    readonly resourceLogs: readonly {
      readonly resource: { readonly attributes: readonly unknown[] };
      readonly scopeLogs: readonly { readonly logRecords: readonly Record<string, unknown>[] }[];
    }[];
  }

  it('posts log records whose body is the line', async () => {
    const { url, received } = await collector();
    const sink = new OtlpSink({ ...OPTIONS, url }, 'host', '1.2.3');
    await sink.send(BATCH);
    await sink.close();
    const { resourceLogs } = JSON.parse(received[0]!.body) as Sent;
    expect(resourceLogs).toHaveLength(1);
    expect(resourceLogs[0]!.resource.attributes).toContainEqual({
      key: 'service.instance.id',
      value: { stringValue: 'host' },
    });
    const [decision, gap] = resourceLogs[0]!.scopeLogs[0]!.logRecords;
    expect(decision).toMatchObject({
      timeUnixNano: '1767323045006000000',
      severityNumber: 9,
      severityText: 'INFO',
      eventName: 'portcullis.decision',
      body: { stringValue: LINES[0] },
      traceId: '0000000000000000463ac35c9f6413ad',
    });
    expect(decision!['attributes']).toEqual(
      expect.arrayContaining([
        { key: 'portcullis.decision', value: { stringValue: 'deny' } },
        { key: 'portcullis.seq', value: { intValue: 1 } },
        { key: 'portcullis.policy', value: { stringValue: 'shop/a' } },
        { key: 'http.response.status_code', value: { intValue: 403 } },
      ]),
    );
    expect(gap).toMatchObject({
      severityNumber: 13,
      eventName: 'portcullis.audit.gap',
      body: { stringValue: LINES[1] },
    });
  });

  it('has lost what the collector rejects', async () => {
    const { url, answer } = await collector({ status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1"}}' });
    const sink = new OtlpSink({ ...OPTIONS, url }, 'host', '1.2.3');
    await expect(sink.send(BATCH)).rejects.toBeInstanceOf(Lost);
    answer.body = '{"partialSuccess":{}}';
    await sink.send(BATCH);
    await sink.close();
  });
});
