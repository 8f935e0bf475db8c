/**
 * `npm run bench:reload`: what replacing all policies does to the requests that are being served.
 *
 * The service runs as it does in production, in a process of its own; a client in another asks it at a fixed rate. Two
 * sets take turns. Every answer must be that of the set whose revision it has, and on a connection no revision comes
 * back before its turn.
 */
import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../../test/e2e/support/ports.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { freshSeed } from '../lib/random.ts';
import { quantile } from '../lib/statistics.ts';
import { textTable } from '../lib/table.ts';
import type { ClientReport, PhaseFigures, ToClient } from './client.ts';
import { isAllowed, POLICIES_PER_FILE, PolicyDirectory, policyFiles, RULES_PER_POLICY } from './policies.ts';
import type { SetName } from './policies.ts';
import type { ServiceSample, ToService } from './preload.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PRELOAD = fileURLToPath(new URL('./preload.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('./client.ts', import.meta.url));
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const TARGET_DELAY_MS = 20;
/** Memory after the reloads, against before. */
const TARGET_MEMORY = 1.1;
const CONNECTIONS = 2;
const LOAD_TIMEOUT_MS = 180_000;
/** So few that the cache is full before the reloads too: what it holds is no leak. */
const CACHE_ENTRIES = 2000;
/** Before memory is first looked at: so that each thing has been done once. Even: it ends with the set it began with. */
const REHEARSALS = 2;
/** Between a set that was taken and the next: so that each of them serves for a while. */
const SETTLE_MS = 1000;

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '100000' },
    reloads: { type: 'string', default: '20' },
    rate: { type: 'string', default: '500' },
    'quiet-seconds': { type: 'string', default: '20' },
    seed: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const services = Math.max(1, Math.round(Number(values.rules) / (POLICIES_PER_FILE * RULES_PER_POLICY)));
const reloads = Number(values.reloads);
const perSecond = Number(values.rate);
const quietMs = Number(values['quiet-seconds']) * 1000;
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);

interface Taken {
  readonly revision: string;
  /** From reading to the snapshot, as the service tells it. */
  readonly durationMs: number;
}

class Service {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #taken: Taken[] = [];
  readonly #problems: string[] = [];
  #rest = '';

  constructor(port: number, adminPort: number, policies: string) {
    this.port = port;
    this.#process = spawn(
      process.execPath,
      [
        '--expose-gc',
        ...['--import', PRELOAD],
        join(ROOT, 'src', 'main.ts'),
        ...['serve', '--config', join(ROOT, 'portcullis.yaml'), '--policies', policies],
        ...['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: {
          ...process.env,
          PORTCULLIS_LOG_DENIALS: 'false',
          PORTCULLIS_CACHE_MAX_ENTRIES: String(CACHE_ENTRIES),
        },
      },
    );
    const lines = (text: string): void => {
      const all = (this.#rest + text).split('\n');
      this.#rest = all.pop() ?? '';
      for (const line of all) this.#line(line);
    };
    this.#process.stdout!.setEncoding('utf8').on('data', lines);
    this.#process.stderr!.setEncoding('utf8').on('data', lines);
  }

  #line(line: string): void {
    if (!line.startsWith('{')) return;
    const entry = JSON.parse(line) as { readonly msg?: string; readonly level?: string | number } & Partial<Taken>;
    if (entry.msg === 'policies taken') this.#taken.push({ revision: entry.revision!, durationMs: entry.durationMs! });
    else if (entry.level === 'error' || entry.level === 'fatal' || Number(entry.level) >= 50) this.#problems.push(line);
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Waits for the `n`-th set (from 0) that was taken. */
  async taken(n: number): Promise<Taken> {
    const endMs = performance.now() + LOAD_TIMEOUT_MS;
    while (this.#taken.length <= n) {
      if (this.#process.exitCode !== null) throw new Error(`the service left: ${this.#problems.join('\n')}`);
      if (this.#problems.length > 0) throw new Error(this.#problems.join('\n'));
      if (performance.now() > endMs) throw new Error('the policies were not taken in time');
      await sleep(5);
    }
    return this.#taken[n]!;
  }

  reset(): void {
    this.#process.send({ ask: 'reset' } satisfies ToService);
  }

  sample(collect: boolean): Promise<ServiceSample> {
    return new Promise((resolve) => {
      this.#process.once('message', (sample) => resolve(sample as ServiceSample));
      this.#process.send({ ask: 'sample', collect } satisfies ToService);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await Promise.race([gone, sleep(25_000)]);
    this.#process.kill('SIGKILL');
  }
}

class Client {
  readonly #process = fork(CLIENT, { serialization: 'advanced' });

  tell(message: ToClient): void {
    this.#process.send(message);
  }

  stop(): Promise<ClientReport> {
    return new Promise((resolve, reject) => {
      this.#process.once('message', (report) => resolve(report as ClientReport));
      this.#process.once('exit', (code) => reject(new Error(`the client left with code ${code ?? 'none'}`)));
      this.tell({ ask: 'stop' });
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

interface Reload {
  /** From the moment at which the files were in place to that at which the set served. */
  readonly takenMs: number;
  readonly loadMs: number;
}

/** Memory where there is such a file system, so that no disk is measured. */
function temporaryBase(): string {
  for (const base of ['/dev/shm', tmpdir()])
    try {
      if (statSync(base).isDirectory()) return mkdtempSync(join(base, 'portcullis-reload-'));
    } catch {
      // Not on this system.
    }
  throw new Error('there is no directory for temporary files');
}

async function run(base: string): Promise<boolean> {
  const on = machine();
  console.log(
    `${describeMachine(on)}\nseed ${seed}; ${services} files of ${POLICIES_PER_FILE} policies of ${RULES_PER_POLICY} rules, ` +
      `two sets in turn, ${reloads} reloads, ${perSecond} requests a second on ${CONNECTIONS} connections`,
  );
  const texts: Readonly<Record<SetName, readonly string[]>> = {
    a: policyFiles('a', services),
    b: policyFiles('b', services),
  };
  console.log(`a set is ${(texts.a.reduce((sum, text) => sum + text.length, 0) / 2 ** 20).toFixed(1)} MiB of YAML`);
  const directory = new PolicyDirectory(base);
  await directory.replace(texts.a);
  const service = new Service(await freePort(), await freePort(), directory.path);
  const client = new Client();
  try {
    const first = await service.taken(0);
    console.log(`first set taken in ${first.durationMs} ms`);
    client.tell({ ask: 'start', task: { port: service.port, connections: CONNECTIONS, perSecond, services, seed } });
    const done: Reload[] = [];
    const revisions = [first.revision];
    const reloadOnce = async (): Promise<void> => {
      const n = revisions.length;
      const placedMs = await directory.replace(n % 2 === 1 ? texts.b : texts.a);
      const { revision, durationMs } = await service.taken(n);
      const takenMs = performance.now() - placedMs;
      revisions.push(revision);
      await sleep(SETTLE_MS);
      done.push({ takenMs, loadMs: durationMs });
      console.log(
        `reload ${n}: served after ${takenMs.toFixed(0)} ms, of which ${durationMs.toFixed(0)} ms were loading`,
      );
    };
    for (let n = 0; n < REHEARSALS; n++) await reloadOnce();
    await sleep(Math.min(quietMs, 10_000));

    service.reset();
    client.tell({ ask: 'phase', name: 'quiet' });
    await sleep(quietMs);
    const quiet = await service.sample(false);
    const before = await service.sample(true);

    service.reset();
    client.tell({ ask: 'phase', name: 'reloads' });
    for (let n = 0; n < reloads; n++) await reloadOnce();
    const busy = await service.sample(false);
    client.tell({ ask: 'phase', name: 'after' });
    await sleep(Math.min(quietMs, 5000));
    const after = await service.sample(true);
    const report = await client.stop();
    return tell({ on, quiet, before, busy, after, done, revisions, report, problems: service.problems });
  } finally {
    client.kill();
    await service.stop();
  }
}

interface Outcome {
  readonly on: ReturnType<typeof machine>;
  readonly quiet: ServiceSample;
  readonly before: ServiceSample;
  readonly busy: ServiceSample;
  readonly after: ServiceSample;
  readonly done: readonly Reload[];
  /** Of the sets as they were taken. */
  readonly revisions: readonly string[];
  readonly report: ClientReport;
  readonly problems: readonly string[];
}

/** What is wrong with the answers: must be nothing. */
function wrongAnswers({ revisions, report }: Outcome): string[] {
  const wrong: string[] = [];
  const [a, b] = revisions;
  for (const { revision, of, allowed, denied } of report.answers) {
    const set: SetName | null = revision === a ? 'a' : revision === b ? 'b' : null;
    if (set === null)
      wrong.push(`${allowed + denied} answers by \`${revision}\`, which is no revision of the two sets`);
    else if (isAllowed(of, set) ? denied > 0 : allowed > 0)
      wrong.push(`requests of class ${of} by set ${set}: ${allowed} allowed, ${denied} denied`);
  }
  for (const [connection, seen] of report.revisions.entries()) {
    const expected = revisions.join(' ');
    if (seen.join(' ') !== expected)
      wrong.push(`connection ${connection} saw the revisions ${seen.join(' ')}, and not ${expected}`);
  }
  return wrong;
}

function tell(outcome: Outcome): boolean {
  const { on, quiet, before, busy, after, done, report, problems } = outcome;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const ms = (value: number): string => value.toFixed(2);
  const phase = (name: string): PhaseFigures => report.phases[name]!;
  const column = (name: string): string[] => {
    const { answers, p50, p99, p999, max, errorCount } = phase(name);
    return [String(answers), ms(p50), ms(p99), ms(p999), ms(max), String(errorCount)];
  };
  const delays = (sample: ServiceSample): string[] =>
    [
      sample.delayP99Ms,
      sample.delayMaxMs,
      sample.longestGapMs,
      sample.cpuInLongestGapMs,
      sample.longestBusyMs,
      sample.longestCollectionMs,
    ].map(ms);
  console.log(
    `\nLatency from when a request was due, ms (the client itself was up to ${ms(report.longestLateMs)} ms late)`,
  );
  console.log(
    textTable(
      ['phase', 'answers', 'p50', 'p99', 'p99.9', 'max', 'errors'],
      ['quiet', 'reloads', 'after'].map((name) => [name, ...column(name)]),
    ),
  );
  console.log(
    '\nThe serving thread, ms: by which timers were late; the longest pause and its CPU time in it; the most CPU time at a stretch',
  );
  console.log(
    textTable(
      ['phase', 'delay p99', 'delay max', 'longest pause', 'own CPU in it', 'longest busy', 'longest GC'],
      [
        ['quiet', ...delays(quiet)],
        ['reloads', ...delays(busy)],
      ],
    ),
  );
  console.log('\nMemory after a collection, MiB');
  console.log(
    textTable(
      ['', 'heap', 'buffers', 'RSS', 'peak RSS'],
      [
        ['before', mib(before.heapUsed), mib(before.buffers), mib(before.rss), mib(before.peakRss)],
        ['after', mib(after.heapUsed), mib(after.buffers), mib(after.rss), mib(after.peakRss)],
      ],
    ),
  );
  const times = done.slice(REHEARSALS).map(({ takenMs }) => takenMs);
  console.log(
    `\nA reload, from the files in place to serving: median ${quantile(times, 0.5).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms`,
  );

  const wrong = wrongAnswers(outcome);
  const errors = Object.values(report.phases).flatMap((each) => each.errors);
  const errorCount = Object.values(report.phases).reduce((sum, each) => sum + each.errorCount, 0);
  const held = (sample: ServiceSample): number => sample.heapUsed + sample.buffers;
  const targets = [
    [`event-loop delay ${ms(busy.delayMaxMs)} ms, under ${TARGET_DELAY_MS} ms`, busy.delayMaxMs < TARGET_DELAY_MS],
    [`errors ${errorCount}, none`, errorCount === 0],
    [`wrong answers ${wrong.length}, none`, wrong.length === 0],
    [
      `heap and buffers ×${(held(after) / held(before)).toFixed(3)}, at most ×${TARGET_MEMORY}`,
      held(after) <= held(before) * TARGET_MEMORY,
    ],
    [`RSS ×${(after.rss / before.rss).toFixed(3)}, at most ×${TARGET_MEMORY}`, after.rss <= before.rss * TARGET_MEMORY],
    [`problems logged ${problems.length}, none`, problems.length === 0],
  ] as const;
  console.log(`\n${targets.map(([what, met]) => `${met ? 'met   ' : 'MISSED'} ${what}`).join('\n')}`);
  for (const line of [...wrong, ...errors, ...problems].slice(0, 20)) console.log(`  ${line}`);
  if (!values['no-write']) {
    mkdirSync(RESULTS, { recursive: true });
    const name = `${RESULTS}reload-${on.date.slice(0, 10)}-${on.revision}.json`;
    const { revisions: seen, ...kept } = report;
    const told = {
      machine: on,
      seed,
      services,
      reloads,
      perSecond,
      quiet,
      before,
      busy,
      after,
      done,
      report: { ...kept, revisionChanges: seen.map(({ length }) => length - 1) },
      wrong,
    };
    writeFileSync(name, `${JSON.stringify(told, null, 1)}\n`);
    console.log(`written to ${name}`);
  }
  return targets.every(([, met]) => met);
}

const base = temporaryBase();
const clean = (): void => rmSync(base, { recursive: true, force: true });
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    clean();
    process.exit(1);
  });
try {
  if (!(await run(base))) process.exitCode = 1;
} finally {
  clean();
}
