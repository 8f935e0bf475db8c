/**
 * `npm run profile`: where the time and the memory of a check go. The service runs under load, first for a CPU profile, then for
 * one of what it allocates. Both are written to a folder, for a browser's developer tools, and told here by function.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generate } from '../bench/generate.ts';
import { ONE_WORKER, onCore, twoCores } from '../bench/servers.ts';
import { writeTraffic } from '../bench/traffic-files.ts';
import { SHAPES } from '../generator/recorded/read.ts';
import { DEFAULT_TRAFFIC } from '../generator/requests.ts';
import { freePort } from '../../test/e2e/support/ports.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { textTable } from '../lib/table.ts';
import type { Profiles, ToService } from './preload.ts';
import { allocatedBytes, selfTimes } from './tables.ts';
import type { Share } from './tables.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PRELOAD = fileURLToPath(new URL('./preload.ts', import.meta.url));

const HELP = `npm run profile -- [options]

  --transport NAME    native or grpc-js (default: native)
  --shape SHAPE       of the requests: ${SHAPES.join(', ')} (default: ${DEFAULT_TRAFFIC.shape})
  --fresh-ids SHARE   of the path segments that take anything: a new id in each request (default: 0)
  --rules N           (default: ${DEFAULT_TRAFFIC.rules})
  --seconds N         of each profile (default: 15)
  --settle SECONDS    under load, before (default: 10)
  --top N             rows of the tables (default: 30)
  --out DIR           for profile.cpuprofile and profile.heapprofile (default: node_modules/.cache/profile)`;

const { values } = parseArgs({
  options: {
    transport: { type: 'string', default: 'native' },
    shape: { type: 'string', default: DEFAULT_TRAFFIC.shape },
    'fresh-ids': { type: 'string', default: '0' },
    rules: { type: 'string', default: String(DEFAULT_TRAFFIC.rules) },
    seconds: { type: 'string', default: '15' },
    settle: { type: 'string', default: '10' },
    top: { type: 'string', default: '30' },
    out: { type: 'string', default: join(ROOT, 'node_modules', '.cache', 'profile') },
    help: { type: 'boolean', default: false },
  },
});

/** Closer samples would be most of what is measured. */
const CPU_INTERVAL_US = 1000;
const ALLOCATION_INTERVAL_BYTES = 32 * 1024;
const CONNECTIONS = 4;
const IN_FLIGHT = 64;
/** The load begins before a profile, so that only load is in it, and ends after it. */
const LEAD_SECONDS = 2;
const READY_TIMEOUT_MS = 60_000;

class ProfiledService {
  readonly address: string;
  readonly #process;
  readonly #ready: Promise<void>;

  constructor(address: string, policies: string, directory: string, core: number | null) {
    this.address = address;
    const config = join(directory, 'portcullis.yaml');
    writeFileSync(config, JSON.stringify({ transport: values.transport }));
    const log = openSync(join(directory, 'service.log'), 'w');
    const [command, args] = onCore(core, process.execPath, [
      ...['--import', PRELOAD, join(ROOT, 'src', 'main.ts')],
      ...['serve', '--config', config, '--policies', policies, '--listen', address, '--admin', '', ...ONE_WORKER],
    ]);
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', log, 'ipc'] });
    closeSync(log);
    this.#ready = new Promise((taken, refused) => {
      const timer = setTimeout(() => refused(new Error('the service was not ready in time')), READY_TIMEOUT_MS);
      this.#process.stdout!.once('data', () => {
        clearTimeout(timer);
        taken();
      });
      this.#process.once('exit', () => refused(new Error('the service ended')));
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  ask(message: ToService): Promise<unknown> {
    return new Promise((answered) => {
      this.#process.once('message', answered);
      this.#process.send(message);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill('SIGTERM');
    await gone;
  }
}

function table(title: string, unit: string, per: number, all: readonly Share[]): void {
  const top = all.slice(0, Number(values.top));
  const rest = all.slice(top.length).reduce((sum, { share }) => sum + share, 0);
  const rows = top.map(({ where, amount, share }) => [
    where,
    `${(share * 100).toFixed(1)} %`,
    (amount / per).toFixed(2),
  ]);
  console.log(
    `\n${title}\n${textTable(['', 'share', `${unit} a check`], [...rows, ['others', `${(rest * 100).toFixed(1)} %`, '']])}`,
  );
}

async function run(): Promise<void> {
  const shape = SHAPES.find((each) => each === values.shape);
  if (shape === undefined) throw new Error(`--shape is one of ${SHAPES.join(', ')}`);
  const freshIds = Number(values['fresh-ids']);
  const files = writeTraffic({ ...DEFAULT_TRAFFIC, shape, freshIds, rules: Number(values.rules) });
  const cores = twoCores();
  const address = `127.0.0.1:${await freePort()}`;
  const service = new ProfiledService(address, files.policies, files.directory, cores.server);
  try {
    await service.ready();
    console.log(`${describeMachine(machine())}\n${files.about}; transport ${values.transport}`);
    const seconds = Number(values.seconds);
    const load = (warmupSeconds: number, lengthSeconds: number): ReturnType<typeof generate> =>
      generate({
        ...{ address, pid: service.pid, requestsFile: files.requestsFile, core: cores.generator, perSecond: null },
        ...{ connections: CONNECTIONS, inFlight: IN_FLIGHT, warmupSeconds, seconds: lengthSeconds },
      });
    const settled = await load(Number(values.settle), seconds);
    const costUs = settled.server!.cpuUs;
    console.log(`${costUs.toFixed(1)} µs of CPU a check, all threads, when nothing is profiled`);

    const out = resolve(values.out);
    mkdirSync(out, { recursive: true });
    const profiled = async (start: ToService): Promise<{ profiles: Profiles; checks: number }> => {
      const loading = load(LEAD_SECONDS, seconds + LEAD_SECONDS);
      await new Promise((done) => setTimeout(done, LEAD_SECONDS * 1000));
      await service.ask(start);
      await new Promise((done) => setTimeout(done, seconds * 1000));
      const profiles = (await service.ask({ ask: 'stop' })) as Profiles;
      const { perSecond } = await loading;
      return { profiles, checks: (perSecond * profiles.wallMs) / 1000 };
    };
    const cpu = await profiled({ ask: 'start', of: 'cpu', intervalUs: CPU_INTERVAL_US });
    writeFileSync(join(out, 'profile.cpuprofile'), JSON.stringify(cpu.profiles.cpu));
    const { collections, wallMs, cpuMs } = cpu.profiles;
    console.log(
      `collections: ${collections.count} (${collections.minor} of the young), ${((collections.ms * 100) / wallMs).toFixed(2)} % of the time; ` +
        `the serving thread was busy for ${((cpuMs * 100) / wallMs).toFixed(0)} % of it`,
    );
    table('Time of the serving thread, by function itself', 'µs', cpu.checks, selfTimes(cpu.profiles.cpu!));

    const allocations = await profiled({ ask: 'start', of: 'allocations', intervalBytes: ALLOCATION_INTERVAL_BYTES });
    writeFileSync(join(out, 'profile.heapprofile'), JSON.stringify(allocations.profiles.allocations));
    const sites = allocatedBytes(allocations.profiles.allocations!);
    const bytes = sites.reduce((sum, { amount }) => sum + amount, 0);
    console.log(`\n${(bytes / allocations.checks).toFixed(0)} bytes on the heap are allocated a check`);
    table('Allocated on the heap, by function itself', 'bytes', allocations.checks, sites);
    console.log(`\nprofiles are in ${out}`);
  } finally {
    await service.stop();
    files.remove();
  }
}

if (values.help) console.log(HELP);
else await run();
