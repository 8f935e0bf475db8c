/**
 * `node load-tests/compare.ts`: servers measured in turn, A B A B …, with the same load; what each costs, and what part of the
 * first one's cost that is. See `--help`.
 */
import { parseArgs } from 'node:util';
import { generate } from './bench/generate.ts';
import { inTurn, summaryRows } from './bench/rounds.ts';
import type { Contender } from './bench/rounds.ts';
import { decides, SERVER_KINDS, startServer, twoCores } from './bench/servers.ts';
import type { RunningServer, ServerKind } from './bench/servers.ts';
import { writeTraffic } from './bench/traffic-files.ts';
import type { TrafficFiles } from './bench/traffic-files.ts';
import { SHAPES } from './generator/recorded/read.ts';
import { DEFAULT_TRAFFIC } from './generator/requests.ts';
import { describeMachine, machine } from './lib/machine.ts';
import { textTable } from './lib/table.ts';

const HELP = `node load-tests/compare.ts [SERVER…] [options]

SERVER is ${SERVER_KINDS.join(', ')}, which are started with the policies that the requests are asked under,
or NAME=ADDRESS,PID of one that runs. Ratios are to the first one (default: go-noop native grpc-js).

  --rounds N          (default: 5)
  --seconds N         of each measurement (default: 5)
  --warmup SECONDS    before each (default: 1)
  --settle SECONDS    before the first of each server, so that compilers are done (default: 10)
  --connections N     (default: 4)
  --in-flight N       calls at the same time (default: 64)
  --rate N            calls a second, in place of a number in flight
  --shape SHAPE       of the requests: ${SHAPES.join(', ')} (default: ${DEFAULT_TRAFFIC.shape})
  --rules N           (default: ${DEFAULT_TRAFFIC.rules})
  --seed N            (default: ${DEFAULT_TRAFFIC.seed})
  --help`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '1' },
    settle: { type: 'string', default: '10' },
    connections: { type: 'string', default: '4' },
    'in-flight': { type: 'string' },
    rate: { type: 'string' },
    shape: { type: 'string', default: DEFAULT_TRAFFIC.shape },
    rules: { type: 'string', default: String(DEFAULT_TRAFFIC.rules) },
    seed: { type: 'string', default: String(DEFAULT_TRAFFIC.seed) },
    help: { type: 'boolean', default: false },
  },
});

function usage(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  process.exit(2);
}

/** One that somebody else started: `NAME=ADDRESS,PID`. */
function theirs(text: string): RunningServer {
  const [, name, address, pid] = /^([^=]+)=(.+),(\d+)$/.exec(text) ?? [];
  if (name === undefined || address === undefined) usage(`\`${text}\` is no server`);
  return { name, address, pid: Number(pid), adminUrl: null, stop: () => Promise.resolve() };
}

async function start(text: string, files: TrafficFiles, core: number | null): Promise<RunningServer> {
  const kind = SERVER_KINDS.find((each) => each === text);
  if (kind === undefined) return theirs(text);
  return startServer(kind, { directory: files.directory, policies: files.policies, core });
}

async function compare(names: readonly string[]): Promise<void> {
  const shape = SHAPES.find((each) => each === values.shape) ?? usage(`--shape is one of ${SHAPES.join(', ')}`);
  const files = writeTraffic({ ...DEFAULT_TRAFFIC, shape, rules: Number(values.rules), seed: Number(values.seed) });
  const cores = twoCores();
  const started: RunningServer[] = [];
  try {
    for (const name of names) started.push(await start(name, files, cores.server));
    const perSecond = values.rate === undefined ? null : Number(values.rate);
    const contenders = started.map((server): Contender => ({
      name: server.name,
      decides: server.name in DECIDES ? DECIDES[server.name as ServerKind] : true,
      measure: (settle) =>
        generate({
          ...{ address: server.address, pid: server.pid, requestsFile: files.requestsFile, core: cores.generator },
          connections: Number(values.connections),
          inFlight: Number(values['in-flight'] ?? (perSecond === null ? 64 : 4096)),
          perSecond,
          warmupSeconds: Number(settle ? values.settle : values.warmup),
          seconds: Number(values.seconds),
        }),
    }));
    console.log(describeMachine(machine()));
    console.log(files.about);
    console.log(
      cores.server === null ? 'not pinned to cores' : `servers on core ${cores.server}, generator on another`,
    );
    const summaries = await inTurn(contenders, Number(values.rounds), console.log);
    const { head, rows } = summaryRows(summaries, started[0]!.name);
    console.log(`\n${textTable(head, rows)}`);
    if (summaries.some(({ wrong, errors }) => wrong + errors > 0)) process.exitCode = 1;
  } finally {
    for (const server of started) await server.stop();
    files.remove();
  }
}

const DECIDES = Object.fromEntries(SERVER_KINDS.map((kind) => [kind, decides(kind)])) as Record<ServerKind, boolean>;

if (values.help) console.log(HELP);
else await compare(positionals.length === 0 ? ['go-noop', 'native', 'grpc-js'] : positionals);
