/**
 * `npm run soak -- --minutes 20`: the service at half of what it can, for long, while all that a mesh does to it goes on: policies
 * are replaced all the time, connections come and go, one in a hundred belongs to a peer that means harm, and with `--kill`
 * workers die. Nothing of it may be felt by those who ask honestly.
 */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../../test/e2e/support/ports.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { freshSeed } from '../lib/random.ts';
import { textTable } from '../lib/table.ts';
import { PolicyDirectory, policyFiles, POLICIES_PER_FILE, RULES_PER_POLICY } from '../reload/policies.ts';
import type { SetName } from '../reload/policies.ts';
import type { HonestReport, ToHonest } from './honest.ts';
import type { HostileReport, ToHostile } from './hostile.ts';
import type { Revisions } from './judge.ts';
import { childrenOf, clientPortsOf, SoakService } from './service.ts';
import { lastTwoThirds, slopePerHour, sparkline } from './trend.ts';
import type { Point } from './trend.ts';

const HONEST = fileURLToPath(new URL('./honest.ts', import.meta.url));
const HOSTILE = fileURLToPath(new URL('./hostile.ts', import.meta.url));
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const HONEST_CONNECTIONS = 99;
const HOSTILE_CONNECTIONS = 1;
const IN_FLIGHT = 256;
/** So that each connection is told to leave some times a minute. */
const CONNECTION_AGE_SECONDS = 15;
const CHURN_PER_SECOND = 4;
const WARM_UP_MS = 5_000;
/** Between a set that is in force and the next. */
const RELOAD_PAUSE_MS = 1_000;
const SAMPLE_MS = 1_000;
const KILL_EVERY_MS = 20_000;
/** A worker that was killed must have been replaced by then. */
const TARGET_REPLACED_MS = 1_000;
/** By which memory may seem to grow over the part that is looked at: what a heap breathes. */
const TARGET_GROWTH = 0.1;
/** Before, memory still grows into its work, and a slope means nothing. */
const LEAST_MINUTES_FOR_SLOPE = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    rules: { type: 'string', default: '1000' },
    /** Requests a second instead of half of what was measured. */
    rate: { type: 'string' },
    'capacity-seconds': { type: 'string', default: '10' },
    workers: { type: 'string', default: '1' },
    kill: { type: 'boolean', default: false },
    'no-hostile': { type: 'boolean', default: false },
    'no-reloads': { type: 'boolean', default: false },
    seed: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const soakMs = Number(values.minutes) * 60_000;
const workers = Number(values.workers);
const services = Math.max(1, Math.round(Number(values.rules) / (POLICIES_PER_FILE * RULES_PER_POLICY)));
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
if (values.kill && workers < 2) throw new Error('`--kill` needs `--workers` of at least 2');

class Peer<Told extends object, Report> {
  readonly #process;
  constructor(program: string) {
    this.#process = fork(program);
  }

  tell(message: Told): void {
    this.#process.send(message);
  }

  /** Tells, and waits for what is told in return. */
  ask(message: Told): Promise<Report> {
    return new Promise((resolve, reject) => {
      const left = (code: number | null): void => reject(new Error(`a client left with code ${code ?? 'none'}`));
      this.#process.once('exit', left);
      this.#process.once('message', (report) => {
        this.#process.off('exit', left);
        resolve(report as Report);
      });
      this.tell(message);
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

interface Killed {
  /** Until another process was there, and until all wanted ones had connections again. */
  readonly replacedMs: number;
  readonly servingMs: number;
  readonly connections: number;
}

interface History {
  readonly rss: Map<number, Point[]>;
  /** Longest event-loop delay of each process that there was. */
  readonly delayMs: Map<number, number>;
}

interface Outcome {
  readonly perSecond: number;
  readonly capacity: { readonly perSecond: number; readonly cpuUs: number; readonly cores: number };
  readonly answers: number;
  /** Of the answers: denied because there was too much in hand, which at half capacity there should not be. */
  readonly overloaded: number;
  readonly seconds: number;
  readonly reloads: number;
  readonly honest: HonestReport;
  readonly hostile: HostileReport;
  readonly kills: readonly Killed[];
  /** Connections that ended early and were not those of a worker that was killed. */
  readonly lost: readonly string[];
  readonly lostWithWorkers: number;
  readonly history: History;
  readonly problems: SoakService['problems'];
  readonly primary: number;
  readonly cpuUs: number;
}

const cpuSecondsOf = (service: SoakService): number =>
  service.samples().reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);

/** Memory where there is such a file system, so that no disk is measured. */
function temporaryBase(): string {
  for (const base of ['/dev/shm', tmpdir()])
    try {
      if (statSync(base).isDirectory()) return mkdtempSync(join(base, 'portcullis-soak-'));
    } catch {
      // Not on this system.
    }
  throw new Error('there is no directory for temporary files');
}

async function soak(base: string): Promise<Outcome> {
  const watchDirectory = join(base, 'watch');
  mkdirSync(watchDirectory);
  const texts: Readonly<Record<SetName, readonly string[]>> = {
    a: policyFiles('a', services),
    b: policyFiles('b', services),
  };
  const directory = new PolicyDirectory(base);
  await directory.replace(texts.a);
  const port = await freePort();
  const service = new SoakService({
    port,
    adminPort: await freePort(),
    policies: directory.path,
    watchDirectory,
    workers,
    maxConnectionAgeSeconds: CONNECTION_AGE_SECONDS,
  });
  const honest = new Peer<ToHonest, HonestReport>(HONEST);
  const hostile = new Peer<ToHostile, HostileReport>(HOSTILE);
  try {
    const a = await service.revisionOnce(() => true);
    await directory.replace(texts.b);
    const b = await service.revisionOnce((revision) => revision !== a);
    const revisions: Revisions = { a, b };
    honest.tell({
      ask: 'start',
      task: { port, services, seed, revisions, connections: HONEST_CONNECTIONS, inFlight: IN_FLIGHT },
    });

    let endMs = Number.POSITIVE_INFINITY;
    const running = (): boolean => performance.now() < endMs && service.alive;
    let reloads = 0;
    const reload = async (): Promise<void> => {
      let current: SetName = 'b';
      while (running() && !values['no-reloads']) {
        const next: SetName = current === 'a' ? 'b' : 'a';
        honest.tell({ ask: 'expect', set: null });
        await directory.replace(texts[next]);
        await service.revisionOnce((revision) => revision === revisions[next]);
        honest.tell({ ask: 'expect', set: next });
        current = next;
        reloads++;
        await sleep(RELOAD_PAUSE_MS);
      }
    };
    honest.tell({ ask: 'churn', perSecond: CHURN_PER_SECOND });
    if (!values['no-hostile'])
      hostile.tell({ ask: 'start', task: { port, services, seed, connections: HOSTILE_CONNECTIONS } });
    const reloading = reload();

    // What it can amid all that: asked as fast as it answers.
    await sleep(WARM_UP_MS);
    const [before, cpuBefore] = [await honest.ask({ ask: 'report' }), cpuSecondsOf(service)];
    const capacitySeconds = Number(values['capacity-seconds']);
    await sleep(capacitySeconds * 1_000);
    const [after, cpuAfter] = [await honest.ask({ ask: 'report' }), cpuSecondsOf(service)];
    // What was refused for overload is no answer of the kind that is counted.
    const answered = after.answers - after.overloaded - (before.answers - before.overloaded);
    const capacity = {
      perSecond: answered / capacitySeconds,
      cpuUs: ((cpuAfter - cpuBefore) * 1e6) / answered,
      cores: (cpuAfter - cpuBefore) / capacitySeconds,
    };
    const perSecond = Math.round(values.rate === undefined ? capacity.perSecond / 2 : Number(values.rate));
    console.log(
      `capacity ${capacity.perSecond.toFixed(0)} answers a second, ${capacity.cpuUs.toFixed(1)} µs of CPU each ` +
        `(${capacity.cores.toFixed(2)} cores of the service; the client takes the rest of the machine); soaked at ${perSecond}`,
    );

    honest.tell({ ask: 'rate', perSecond });

    const history: History = { rss: new Map(), delayMs: new Map() };
    const startMs = performance.now();
    endMs = startMs + soakMs;
    const cpuStart = cpuSecondsOf(service);
    const reloadsBefore = reloads;
    const kills: Killed[] = [];
    const killedPorts = new Set<number>();

    const look = async (): Promise<void> => {
      for (let n = 1; running(); n++) {
        await sleep(SAMPLE_MS);
        const atMs = performance.now() - startMs;
        for (const { pid, rss, delayMaxMs } of service.samples()) {
          if (!history.rss.has(pid)) history.rss.set(pid, []);
          history.rss.get(pid)!.push({ atMs, value: rss });
          history.delayMs.set(pid, delayMaxMs);
        }
        if (n % 60 === 0) {
          const { answers, wrong, failed, lost, latency } = await honest.ask({ ask: 'report' });
          const mib = service.samples().map(({ rss }) => (rss / 2 ** 20).toFixed(0));
          console.log(
            `${n / 60} min: ${answers - after.answers} answers, ${wrong} wrong, ${failed} failed, ${lost.length} connections lost, ` +
              `${reloads - reloadsBefore} reloads, p99 ${latency.p99.toFixed(2)} ms, RSS ${mib.join(' + ')} MiB`,
          );
        }
      }
    };
    const kill = async (): Promise<void> => {
      while (values.kill && performance.now() + KILL_EVERY_MS < endMs) {
        await sleep(KILL_EVERY_MS);
        kills.push(await killOne(service, port, killedPorts, honest));
      }
    };
    await Promise.all([reloading, look(), kill()]);
    if (!service.alive) throw new Error(`the service left:\n${service.problems.lines.join('\n')}`);

    const cpuEnd = cpuSecondsOf(service);
    const attacks = values['no-hostile'] ? {} : await hostile.ask({ ask: 'stop' });
    const seconds = (performance.now() - startMs) / 1_000;
    const report = await honest.ask({ ask: 'stop' });
    const answers = report.answers - after.answers;
    const overloaded = report.overloaded - after.overloaded;
    return {
      perSecond,
      capacity,
      answers,
      overloaded,
      seconds,
      reloads: reloads - reloadsBefore,
      honest: report,
      hostile: attacks,
      kills,
      lost: report.lost.filter(({ localPort }) => !killedPorts.has(localPort)).map(({ why }) => why),
      lostWithWorkers: report.lost.filter(({ localPort }) => killedPorts.has(localPort)).length,
      history,
      problems: service.problems,
      primary: service.pid,
      cpuUs: ((cpuEnd - cpuStart) * 1e6) / answers,
    };
  } finally {
    honest.kill();
    hostile.kill();
    await service.stop();
  }
}

/** kill -9 of one worker, with the list of whose calls may be lost by it. */
async function killOne(
  service: SoakService,
  port: number,
  killedPorts: Set<number>,
  honest: Peer<ToHonest, HonestReport>,
): Promise<Killed> {
  const before = service.workers();
  const victim = before[Math.floor(Math.random() * before.length)]!;
  // While nothing comes or goes, its connections are known for certain.
  honest.tell({ ask: 'churn', perSecond: 0 });
  await sleep(50);
  process.kill(victim, 'SIGSTOP');
  const ports = clientPortsOf(victim, port);
  for (const each of ports) killedPorts.add(each);
  service.killWorker(victim);
  const killedMs = performance.now();
  let replacedMs = Number.POSITIVE_INFINITY;
  let servingMs = Number.POSITIVE_INFINITY;
  while (performance.now() < killedMs + 10_000 && servingMs === Number.POSITIVE_INFINITY) {
    await sleep(10);
    const fresh = childrenOf(service.pid).filter((pid) => !before.includes(pid));
    if (fresh.length > 0) replacedMs = Math.min(replacedMs, performance.now() - killedMs);
    if (fresh.some((pid) => clientPortsOf(pid, port).size > 0)) servingMs = performance.now() - killedMs;
    // A new connection is what shows that it serves.
    else honest.tell({ ask: 'churn', perSecond: 50 });
  }
  honest.tell({ ask: 'churn', perSecond: CHURN_PER_SECOND });
  return { replacedMs, servingMs, connections: ports.size };
}

interface Target {
  readonly what: string;
  /** null: the run says nothing about it. */
  readonly met: boolean | null;
}

function tell(outcome: Outcome, on: ReturnType<typeof machine>): boolean {
  const { honest, hostile, history, kills, lost, problems } = outcome;
  const { latency } = honest;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `\n${outcome.answers} answers in ${outcome.seconds.toFixed(0)} s, ${outcome.reloads} reloads, ${honest.opened} honest connections ` +
      `(${honest.toldToLeave} told to leave by the service)` +
      (kills.length > 0 ? '' : `, ${outcome.cpuUs.toFixed(1)} µs of CPU an answer`),
  );
  console.log(
    `latency from when a request was due, ms: p50 ${latency.p50.toFixed(2)}, p99 ${latency.p99.toFixed(2)}, ` +
      `p99.9 ${latency.p999.toFixed(2)}, longest ${latency.max.toFixed(2)} (the client itself was up to ${honest.longestLateMs.toFixed(2)} late)`,
  );
  if (Object.keys(hostile).length > 0) {
    const rows = Object.entries(hostile).map(([name, ends]) => [
      name,
      Object.entries(ends)
        .map(([end, times]) => `${times} × ${end}`)
        .join(', '),
    ]);
    console.log(`\n${textTable(['hostile peer', 'how it ended'], rows)}`);
  }

  const targets: Target[] = [
    { what: `wrong answers ${honest.wrong}, none`, met: honest.wrong === 0 },
    {
      what: `calls without an answer ${honest.failed + honest.unanswered}, none`,
      met: honest.failed + honest.unanswered === 0,
    },
    { what: `denied for overload ${outcome.overloaded}, none`, met: outcome.overloaded === 0 },
    { what: `honest connections lost ${lost.length}, none`, met: lost.length === 0 },
    { what: `problems logged ${problems.count}, none`, met: problems.count === 0 },
  ];
  const rows: string[][] = [];
  for (const [pid, points] of history.rss) {
    const part = lastTwoThirds(points);
    const slope = slopePerHour(part);
    const hours = ((part.at(-1)?.atMs ?? 0) - (part[0]?.atMs ?? 0)) / 3_600_000;
    const mean = part.reduce((sum, { value }) => sum + value, 0) / Math.max(1, part.length);
    const name = pid === outcome.primary ? `service ${pid}` : `worker ${pid}`;
    const all = points.map(({ value }) => value);
    rows.push([
      name,
      ...[mib(all[0]!), mib(all.at(-1)!), mib(Math.max(...all)), mib(slope)],
      (history.delayMs.get(pid) ?? 0).toFixed(1),
      sparkline(all),
    ]);
    targets.push({
      what: `RSS of ${name} grows by ${mib(slope)} MiB an hour, over this run at most ${TARGET_GROWTH * 100} %`,
      met: hours * 60 * 1.5 < LEAST_MINUTES_FOR_SLOPE ? null : slope * hours <= mean * TARGET_GROWTH,
    });
  }
  console.log('\nRSS in MiB, its slope by least squares over the last two thirds, and the longest event-loop delay');
  console.log(textTable(['process', 'first', 'last', 'most', 'MiB/hour', 'delay ms', ''], rows));
  for (const { replacedMs, servingMs, connections } of kills)
    console.log(
      `a worker with ${connections} connections killed: another was there after ${replacedMs.toFixed(0)} ms, and served after ${servingMs.toFixed(0)} ms`,
    );
  if (kills.length > 0) {
    console.log(`${outcome.lostWithWorkers} connections were lost with their workers`);
    const slowest = Math.max(...kills.map(({ servingMs }) => servingMs));
    targets.push({
      what: `a killed worker is replaced within ${slowest.toFixed(0)} ms, at most ${TARGET_REPLACED_MS}`,
      met: slowest <= TARGET_REPLACED_MS,
    });
  }
  const mark = (met: boolean | null): string => (met === null ? 'too short' : met ? 'met      ' : 'MISSED   ');
  console.log(`\n${targets.map(({ what, met }) => `${mark(met)} ${what}`).join('\n')}`);
  for (const line of [...honest.words, ...lost, ...problems.lines].slice(0, 20)) console.log(`  ${line}`);
  if (!values['no-write']) write(outcome, on);
  return targets.every(({ met }) => met !== false);
}

function write(outcome: Outcome, on: ReturnType<typeof machine>): void {
  const { history, honest, ...told } = outcome;
  const processes = [...history.rss].map(([pid, points]) => ({
    pid,
    rss: points.map(({ atMs, value }) => [Math.round(atMs / 1_000), value]),
    slopePerHour: slopePerHour(lastTwoThirds(points)),
    delayMaxMs: history.delayMs.get(pid),
  }));
  mkdirSync(RESULTS, { recursive: true });
  const name = `${RESULTS}soak-${on.date.slice(0, 10)}-${on.revision}${workers > 1 ? `-${workers}-workers` : ''}.json`;
  const settings = { minutes: Number(values.minutes), workers, kill: values.kill, seed, services };
  writeFileSync(name, `${JSON.stringify({ machine: on, settings, ...told, honest, processes }, null, 1)}\n`);
  console.log(`written to ${name}`);
}

const on = machine();
console.log(
  `${describeMachine(on)}\nseed ${seed}; ${values.minutes} minutes, ${services * POLICIES_PER_FILE * RULES_PER_POLICY} rules, two sets in turn, ` +
    `${HONEST_CONNECTIONS} honest connections and ${values['no-hostile'] ? 0 : HOSTILE_CONNECTIONS} hostile` +
    `, ${workers} ${workers === 1 ? 'worker' : 'workers'}${values.kill ? ', one of which is killed now and then' : ''}`,
);
const base = temporaryBase();
const clean = (): void => rmSync(base, { recursive: true, force: true });
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    clean();
    process.exit(1);
  });
try {
  if (!tell(await soak(base), on)) process.exitCode = 1;
} finally {
  clean();
}
