/**
 * `npm run test:audit`: the decision log of the real program under load, with all that goes wrong with logs. What was answered is
 * compared with what the log holds, decision by decision: what is missing has to lie within what `audit verify` says is missing.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { verifyKey } from '../../src/audit/seal.ts';
import type { AuditReport } from '../../src/audit/verify/report.ts';
import { verifyLog } from '../../src/audit/verify/verify.ts';
import type { LogFile } from '../../src/audit/verify/verify.ts';
import { files, SHOP } from '../../test/cli/support.ts';
import type { Files } from '../../test/cli/support.ts';
import { Service } from '../../test/serving/support.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { textTable } from '../lib/table.ts';
import { Asked } from './asked.ts';

const { values } = parseArgs({
  options: {
    'down-seconds': { type: 'string', default: '60' },
    'per-second': { type: 'string', default: '2000' },
  },
});
const downMs = Number(values['down-seconds']) * 1000;
const perSecond = Number(values['per-second']);

const KEY = 'k'.repeat(40);
const KEYS = verifyKey('hmac-sha256', Buffer.from(KEY));
const FLUSH_MS = 200;
const MIB = 1024 * 1024;

const rows: string[][] = [];
const wrong: string[] = [];

/** A row of the table. `faults`: what is not as it has to be. */
function tell(what: string, figures: readonly (string | number)[], faults: readonly string[]): void {
  if (faults.length > 0) wrong.push(what);
  rows.push([what, ...figures.map(String), faults.length === 0 ? 'ok' : faults.join('; ')]);
  console.log(
    `${faults.length === 0 ? 'ok   ' : 'WRONG'} ${what}${faults.map((fault) => `\n      ${fault}`).join('')}`,
  );
}

function configured(audit: string): Files {
  const place = files({ 'policies/shop.yaml': SHOP, key: KEY });
  place.write(
    'portcullis.yaml',
    `policies: [policies]
audit:
  instance: test
  flushMs: ${FLUSH_MS}
  integrity: {method: hmac-sha256, keyFile: key}
${audit}`,
  );
  return place;
}

async function serve(place: Files, workers = 1): Promise<Service> {
  const service = new Service('--config', place.at('portcullis.yaml'), '--workers', String(workers));
  await service.ready();
  return service;
}

async function end(service: Service): Promise<void> {
  service.child.kill('SIGTERM');
  await service.exited;
  await service[Symbol.asyncDispose]();
}

function logIn(directory: string): LogFile[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => ({ name, content: readFileSync(join(directory, name)) }));
}

function idsIn(log: readonly LogFile[]): Set<string> {
  const ids = log.flatMap(({ content }) => [
    ...content.toString('utf8').matchAll(/"msg":"decision"[^\n]*?"id":"([^"]+)"/g),
  ]);
  return new Set(ids.map(([, id]) => id!));
}

/** Answered decisions that the log has not. */
function missingFrom(log: readonly LogFile[], asked: Asked): readonly string[] {
  const there = idsIn(log);
  return [...asked.answeredMs.keys()].filter((id) => !there.has(id));
}

const told = (report: AuditReport): number => report.losses.reduce((sum, { records }) => sum + records, 0);

const problemsOf = (report: AuditReport): string[] => report.problems.map(({ code, message }) => `${code}: ${message}`);

/** One process, or one of several, killed under load. */
async function killed(workers: number): Promise<readonly LogFile[]> {
  using place = configured('  sinks: [file]\n  file: {directory: log}\n  directory: waiting\n');
  const service = await serve(place, workers);
  const asked = new Asked(service);
  await service.until('much was asked', () => asked.count > 10_000);
  const { pid } = service.child;
  const victim = workers === 1 ? pid! : Number(childrenOf(pid!)[0]);
  const killedMs = Date.now();
  process.kill(victim, 'SIGKILL');
  if (workers === 1) await service.exited;
  else
    await service.until(
      'it is replaced',
      () => service.logged('a process that answers checks has taken the place of one that ended').length === 1,
    );
  await asked.stop();
  await end(service);
  if (workers === 1) await end(await serve(place));
  const log = logIn(place.at('log'));
  const report = verifyLog(log, KEYS);
  const missing = missingFrom(log, asked);
  const since = Math.min(...report.uncleanEnds.map((each) => Date.parse(each.since)));
  const early = missing.filter((id) => asked.answeredMs.get(id)! < since);
  const oldestMs = missing.length === 0 ? 0 : killedMs - Math.min(...missing.map((id) => asked.answeredMs.get(id)!));
  const faults = problemsOf(report);
  if (report.uncleanEnds.length !== 1) faults.push(`${report.uncleanEnds.length} unclean ends are told`);
  if (early.length > 0)
    faults.push(`${early.length} are missing that were answered before ${new Date(since).toISOString()}`);
  if (told(report) > 0) faults.push('the log tells of gaps');
  tell(
    `kill -9 of ${workers === 1 ? 'the service' : 'one worker of two'} (flushed every ${FLUSH_MS} ms)`,
    [asked.count, idsIn(log).size, missing.length, `answered at most ${oldestMs} ms before, none before "since"`],
    faults,
  );
  return log;
}

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
}

/** A file system of its own that is full for a while. */
async function diskFull(isRequired: boolean): Promise<void> {
  using place = configured(
    `  sinks: [file]\n  file: {directory: small/log}\n  maxQueueBytes: ${MIB}\n  required: ${String(isRequired)}\n`,
  );
  const small = place.at('small');
  mkdirSync(small);
  const what = `disk full, and room again${isRequired ? ', records required' : ''}`;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small], { stdio: 'pipe' });
  } catch {
    tell(what, ['', '', '', 'NOT TRIED: no file system can be mounted here'], []);
    return;
  }
  try {
    writeFileSync(join(small, 'ballast'), Buffer.alloc(12 * MIB));
    const service = await serve(place);
    const asked = new Asked(service);
    const full = 'decision records cannot be delivered';
    await service.until('the disk is full', () => service.logged(full).length > 0);
    const before = asked.count;
    await service.until('there is no room in memory either', async () =>
      isRequired ? asked.unrecorded > 100 : (await metric(service, DROPPED)) > 100,
    );
    await asked.stop();
    rmSync(join(small, 'ballast'));
    await service.until(
      'it is written',
      async () => (await metric(service, 'portcullis_decision_log_queue_bytes')) === 0,
    );
    await end(service);
    const log = logIn(join(small, 'log'));
    const report = verifyLog(log, KEYS);
    const missing = missingFrom(log, asked);
    const faults = problemsOf(report);
    if (missing.length > told(report)) faults.push(`${missing.length} are missing, and ${told(report)} told of`);
    if (isRequired && missing.length > 0) faults.push(`${missing.length} were answered without a record`);
    if (before === asked.count && !isRequired) faults.push('nothing was answered while it was full');
    tell(
      what,
      [asked.count, idsIn(log).size, missing.length, `gaps of ${told(report)}, ${asked.unrecorded} refused`],
      faults,
    );
  } finally {
    execFileSync('umount', [small]);
  }
}

const DROPPED = 'portcullis_decision_log_entries_total{result="dropped"}';

/** The value of a series, which is named as the scrape has it. */
async function metric(service: Service, name: string): Promise<number> {
  const url = /admin (\S+),/.exec(service.stdout)?.[1] ?? '';
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? Number.NaN);
}

/** Whoever reads standard error stops for a while: the pipe of the service is full, then the memory of its first process, then its workers. */
async function unread(): Promise<void> {
  using place = configured(`  sinks: [stderr]\n  maxQueueBytes: ${MIB}\n`);
  const service = await serve(place, 2);
  const asked = new Asked(service);
  await service.until('it is under load', () => asked.count > 1000);
  service.child.stderr.pause();
  await service.until('there is no room anywhere', async () => (await metric(service, DROPPED)) > 1000);
  service.child.stderr.resume();
  const before = asked.count;
  await service.until('load goes on', () => asked.count > before + 5000);
  await asked.stop();
  await end(service);
  const log: LogFile[] = [{ name: 'stderr', content: Buffer.from(service.stderr) }];
  const report = verifyLog(log, KEYS);
  const missing = missingFrom(log, asked);
  const faults = problemsOf(report);
  if (missing.length > told(report)) faults.push(`${missing.length} are missing, and ${told(report)} told of`);
  if (report.streams.some((stream) => stream.end !== 'ended')) faults.push('a stream has no end');
  tell(
    'standard error is not read for a while, two workers',
    [asked.count, idsIn(log).size, missing.length, `gaps of ${told(report)}`],
    faults,
  );
}

/** A collector that takes nothing for a while: it refuses, or does not answer at all. */
async function sinkDown(how: 'refuses' | 'hangs', waitsOn: 'disk' | 'memory'): Promise<void> {
  const collector = await collect(how);
  const room = waitsOn === 'disk' ? '  directory: waiting\n' : `  maxQueueBytes: ${2 * MIB}\n`;
  using place = configured(`  sinks: [http]\n  http: {url: "${collector.url}", timeoutSeconds: 2}\n${room}`);
  const service = await serve(place);
  const asked = new Asked(service, perSecond);
  await service.until('it is under load', () => asked.count > perSecond);
  collector.isDown = true;
  await sleep(downMs);
  collector.isDown = false;
  const during = asked.count;
  await service.until('load goes on', () => asked.count > during + perSecond);
  await asked.stop();
  await service.until('all is delivered', async () => (await waitingIn(service)) === 0);
  const dropped = await metric(service, DROPPED);
  await end(service);
  collector.close();
  const report = verifyLog(collector.log(), KEYS);
  const missing = missingFrom(collector.log(), asked);
  const faults = problemsOf(report);
  if (missing.length > told(report)) faults.push(`${missing.length} are missing, and ${told(report)} told of`);
  if (dropped !== told(report)) faults.push(`${dropped} are counted as dropped, and ${told(report)} told of`);
  if (waitsOn === 'disk' && missing.length > 0) faults.push('there was room on disk');
  tell(
    `collector ${how} for ${downMs / 1000} s, records wait ${waitsOn === 'disk' ? 'on disk' : 'in memory'}`,
    [asked.count, idsIn(collector.log()).size, missing.length, `gaps of ${told(report)}`],
    faults,
  );
}

async function waitingIn(service: Service): Promise<number> {
  const names = ['portcullis_decision_log_queue_bytes', 'portcullis_decision_log_spill_bytes'];
  const bytes = await Promise.all(names.map((name) => metric(service, name)));
  return bytes.reduce((sum, each) => sum + each, 0);
}

async function collect(how: 'refuses' | 'hangs') {
  const bodies: Buffer[] = [];
  const state = { isDown: false };
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      if (state.isDown && how === 'hangs') return;
      if (!state.isDown) bodies.push(gunzipSync(Buffer.concat(parts)));
      response.writeHead(state.isDown ? 503 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    log: (): LogFile[] => [{ name: 'collected', content: Buffer.concat(bodies) }],
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}

/** What somebody may do to a log: every change has to be found. */
function tamper(log: readonly LogFile[]): void {
  const text = Buffer.concat(log.map(({ content }) => content)).toString('utf8');
  const lines = text.trimEnd().split('\n');
  const middle = lines.findIndex((line, i) => i > lines.length / 3 && line.includes('"msg":"decision"'));
  const seals = lines.flatMap((line, i) => (line.includes('"msg":"audit seal"') ? [i] : []));
  const [one, two, three] = seals.slice(Math.floor(seals.length / 2)) as [number, number, number];
  const changed = (what: string, edit: (copy: string[]) => string[], key = KEYS): void => {
    const content = Buffer.from(`${edit([...lines]).join('\n')}\n`);
    const { good, problems } = verifyLog([{ name: 'log', content }], key);
    const codes = [...new Set(problems.map(({ code }) => code))].join(', ');
    const isUntouched = what === 'untouched';
    tell(`audit verify: ${what}`, ['', '', '', codes], good === isUntouched ? [] : [good ? 'it was not found' : codes]);
  };
  changed('untouched', (copy) => copy);
  changed('a path edited', (copy) => copy.with(middle, copy[middle]!.replace('/orders/1', '/orders/2')));
  changed('a decision removed', (copy) => copy.toSpliced(middle, 1));
  changed('a decision twice', (copy) => copy.toSpliced(middle, 0, copy[middle]!));
  changed('two decisions exchanged', (copy) => copy.with(middle, copy[middle + 1]!).with(middle + 1, copy[middle]!));
  changed('a batch cut out', (copy) => copy.toSpliced(one + 1, two - one));
  changed('two batches exchanged', (copy) => [
    ...copy.slice(0, one + 1),
    ...copy.slice(two + 1, three + 1),
    ...copy.slice(one + 1, two + 1),
    ...copy.slice(three + 1),
  ]);
  changed('its beginning cut off', (copy) => copy.slice(one + 1));
  const next = lines.findIndex((line, i) => i > 0 && line.includes('"msg":"audit begin"'));
  changed('the end of the first stream cut off', (copy) => copy.toSpliced(one + 1, next - one - 1));
  changed('the first stream taken away', (copy) => copy.slice(next));
  changed('a seal removed', (copy) => copy.toSpliced(one, 1));
  changed('verified with another key', (copy) => copy, verifyKey('hmac-sha256', Buffer.alloc(32, 'x')));
}

console.log(`${describeMachine(machine())}\n`);
const log = await killed(1);
await killed(2);
await unread();
await diskFull(false);
await diskFull(true);
for (const how of ['refuses', 'hangs'] as const)
  for (const waitsOn of ['disk', 'memory'] as const) await sinkDown(how, waitsOn);
tamper(log);
console.log(`\n${textTable(['what was done', 'answered', 'recorded', 'missing', 'what the log says', ''], rows)}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
