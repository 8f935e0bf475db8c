/** The decision log of the real program: killed, with a full disk, with a collector that is down. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from '@jest/globals';
import { verifyKey } from '../../src/audit/seal.ts';
import type { AuditReport } from '../../src/audit/verify/report.ts';
import { verifyLog } from '../../src/audit/verify/verify.ts';
import { files, portcullis, request, SHOP } from '../cli/support.ts';
import type { Files } from '../cli/support.ts';
import { check, Service, TIMEOUT_MS } from './support.ts';

const KEY = 'k'.repeat(40);
const DENIED = request({ method: 'POST' });

function configured(audit: string): Files {
  const place = files({ 'policies/shop.yaml': SHOP, key: KEY });
  place.write(
    'portcullis.yaml',
    `policies: [policies]
audit:
  instance: test
  flushMs: 50
  directory: waiting
  integrity: {method: hmac-sha256, keyFile: key}
${audit}`,
  );
  return place;
}

/** Larger than a batch, and soon reached by the log. */
const MAX_FILE_BYTES = 512 * 1024;
const FILE_SINK = '  sinks: [file]\n  file: {directory: log}\n';

function serve(place: Files, ...args: readonly string[]): Service {
  return new Service('--config', place.at('portcullis.yaml'), ...args);
}

/** Asks until it is told to stop, or nobody answers; when each denial was received. */
async function ask(service: Service, goesOn: () => boolean, receivedMs: number[] = []): Promise<number[]> {
  const loop = async (): Promise<void> => {
    while (goesOn()) {
      try {
        if ((await check(service.client, DENIED)) === 403) receivedMs.push(Date.now());
      } catch {
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, loop));
  return receivedMs;
}

async function askTimes(service: Service, count: number): Promise<void> {
  let left = count;
  await ask(service, () => left-- > 0);
}

async function stop(service: Service): Promise<void> {
  service.child.kill('SIGTERM');
  expect(await service.exited).toBe(0);
}

async function verified(place: Files): Promise<AuditReport> {
  const { code, stdout } = await portcullis([
    'audit',
    'verify',
    place.at('log'),
    '--key',
    place.at('key'),
    '--format',
    'json',
  ]);
  const report = JSON.parse(stdout) as AuditReport;
  expect(report.problems).toEqual([]);
  expect(code).toBe(0);
  return report;
}

const recorded = (report: AuditReport): number => report.streams.reduce((sum, { records }) => sum + records, 0);

async function metric(service: Service, name: string): Promise<number> {
  const url = /admin (\S+),/.exec(service.stdout)?.[1] ?? '';
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

describe('a service whose log is in files', () => {
  test(
    'has every decision in them, each line as the schema says, and ends in order',
    async () => {
      using place = configured(FILE_SINK);
      await using service = serve(place, '--workers', '2');
      await service.ready();
      await askTimes(service, 200);
      await stop(service);
      const report = await verified(place);
      expect(recorded(report)).toBe(200);
      expect(report.streams.map(({ end }) => end)).toEqual(['ended', 'ended']);

      const schema = new URL('../../policies/schema/decision-record.schema.json', import.meta.url);
      const ajv = new Ajv2020({ strict: true, formats: { 'date-time': true, base64: true } });
      const validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')) as object);
      for (const file of readdirSync(place.at('log')).filter((name) => name.endsWith('.jsonl'))) {
        for (const line of readFileSync(join(place.at('log'), file), 'utf8')
          .trimEnd()
          .split('\n')) {
          expect([validate(JSON.parse(line)), line]).toEqual([true, line]);
        }
      }
    },
    TIMEOUT_MS,
  );

  test(
    'loses with kill -9 under load no more than its next run says',
    async () => {
      using place = configured(FILE_SINK);
      const receivedMs: number[] = [];
      {
        await using service = serve(place, '--workers', '1');
        await service.ready();
        const asking = ask(service, () => true, receivedMs);
        await service.until('much was asked', () => receivedMs.length > 1000);
        service.child.kill('SIGKILL');
        await service.exited;
        await asking;
      }
      await using next = serve(place, '--workers', '1');
      await next.ready();
      await askTimes(next, 5);
      await stop(next);

      const report = await verified(place);
      expect(report.losses).toEqual([]);
      expect(report.uncleanEnds).toMatchObject([{ flushMs: 50 }]);
      const [{ lastSeq, since }] = report.uncleanEnds as [AuditReport['uncleanEnds'][0]];
      const [killed, later] = report.streams as [AuditReport['streams'][0], AuditReport['streams'][0]];
      expect(killed).toMatchObject({ end: 'unclean' });
      expect(later).toMatchObject({ records: 5, end: 'ended' });
      expect(killed.records).toBeGreaterThanOrEqual(lastSeq);
      // Nothing that was answered before the moment up to which the log is known is missing.
      const behind = receivedMs.filter((ms) => ms >= Date.parse(since)).length;
      expect(receivedMs.length - killed.records).toBeLessThanOrEqual(behind);
      expect(killed.records).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  test(
    'goes on when one of its workers is killed, and the one in its place follows it',
    async () => {
      using place = configured(FILE_SINK);
      await using service = serve(place, '--workers', '2');
      await service.ready();
      await askTimes(service, 50);
      const { pid } = service.child;
      const [victim] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
      process.kill(victim!, 'SIGKILL');
      const replaced = 'a process that answers checks has taken the place of one that ended';
      await service.until('it is replaced', () => service.logged(replaced).length === 1);
      await stop(service);
      const report = await verified(place);
      // More than one, where the machine is so busy that another one was taken for hung.
      expect(report.uncleanEnds.length).toBeGreaterThanOrEqual(1);
      expect(report.streams.length).toBeGreaterThanOrEqual(3);
    },
    TIMEOUT_MS,
  );

  test(
    'keeps records elsewhere while its file takes no more, and has all of them in the end',
    async () => {
      using place = configured(FILE_SINK);
      const answered: number[] = [];
      {
        await using limited = serve(place, '--workers', '1');
        await limited.ready();
        // The kernel lets none of its files grow beyond that, as a full disk would not.
        execFileSync('prlimit', ['--pid', String(limited.child.pid), `--fsize=${MAX_FILE_BYTES}`]);
        let spilled = 0;
        const asking = ask(limited, () => spilled === 0, answered);
        await limited.until('its file is full, and records wait elsewhere', async () => {
          if (limited.logged('decision records cannot be delivered').length === 0) return false;
          spilled = await metric(limited, 'portcullis_decision_log_spilled_total');
          return spilled > 0;
        });
        await asking;
        expect(await metric(limited, 'portcullis_decision_log_errors_total')).toBeGreaterThan(0);
        await stop(limited);
      }
      expect(readdirSync(place.at('waiting/test-0-file')).length).toBeGreaterThan(0);

      await using next = serve(place, '--workers', '1');
      await next.ready();
      await next.until('all that waited is written', () => readdirSync(place.at('waiting/test-0-file')).length === 0);
      await stop(next);
      const report = await verified(place);
      expect(report.losses).toEqual([]);
      expect(recorded(report)).toBe(answered.length);
    },
    TIMEOUT_MS,
  );

  test(
    'does not start with a key that is none',
    async () => {
      using place = configured(FILE_SINK);
      place.write('key', 'short');
      for (const workers of ['1', '2']) {
        await using service = serve(place, '--workers', workers);
        expect(await service.exited).toBe(2);
        expect(service.stderr).toContain('the key of the decision log');
      }
    },
    TIMEOUT_MS,
  );
});

describe('a service whose log goes to a collector', () => {
  test.each(['1', '2'])(
    'delivers everything once it is back, in order (%s workers)',
    async (workers) => {
      const collector = await collect();
      using place = configured(`  sinks: [http]\n  http: {url: "${collector.url}"}\n`);
      await using service = serve(place, '--workers', workers);
      await service.ready();
      await askTimes(service, 50);
      collector.isDown = true;
      const before = collector.attempts;
      await askTimes(service, 100);
      await service.until('it was tried', () => collector.attempts > before + 2);
      expect(await metric(service, 'portcullis_decision_log_spill_bytes')).toBeGreaterThan(0);
      collector.isDown = false;
      await askTimes(service, 50);
      await stop(service);
      collector.close();
      expect(collector.report()).toMatchObject({ good: true, losses: [], uncleanEnds: [] });
      expect(recorded(collector.report())).toBe(200);
      for (const stream of readdirSync(place.at('waiting')).filter((name) => !name.endsWith('.state')))
        expect(readdirSync(join(place.at('waiting'), stream))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'denies what it cannot record where that is required, and answers again afterwards',
    async () => {
      const collector = await collect();
      using place = configured(
        `  required: true\n  maxSpillBytes: 1048576\n  maxQueueBytes: 1048576\n  sinks: [http]\n  http: {url: "${collector.url}"}\n`,
      );
      await using service = serve(place, '--workers', '1');
      await service.ready();
      collector.isDown = true;
      let status = 403;
      const loop = async (): Promise<void> => {
        while (status === 403) status = await check(service.client, DENIED);
      };
      await Promise.all(Array.from({ length: 8 }, loop));
      expect(status).toBe(503);
      // What is not recorded by configuration is answered.
      expect(await check(service.client)).toBe(200);
      collector.isDown = false;
      await service.until('it answers again', async () => (await check(service.client, DENIED)) === 403);
      await stop(service);
      collector.close();
      const report = collector.report();
      expect(report).toMatchObject({ good: true });
      expect(new Set(report.losses.map(({ reason }) => reason))).toEqual(new Set(['no-room']));
    },
    2 * TIMEOUT_MS,
  );
});

/** A collector on a port of its own that keeps what it gets. */
async function collect() {
  const bodies: Buffer[] = [];
  const state = { isDown: false, attempts: 0 };
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      state.attempts += 1;
      if (!state.isDown) bodies.push(gunzipSync(Buffer.concat(parts)));
      response.writeHead(state.isDown ? 503 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/`,
    report: () =>
      verifyLog([{ name: 'collected', content: Buffer.concat(bodies) }], verifyKey('hmac-sha256', Buffer.from(KEY))),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}
