/**
 * `npm run bench`: what a check costs on one core of this machine, beside a Go server that decides nothing, and what callers wait
 * when both have half the work of which the Go server is capable. Results go to `results/`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_TRAFFIC } from '../generator/requests.ts';
import type { ShapeName } from '../generator/recorded/read.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { median } from '../lib/statistics.ts';
import { markdownTable, textTable } from '../lib/table.ts';
import { generate } from './generate.ts';
import { buildYardstick } from './go-noop.ts';
import { inTurn, ratio, summaryRows } from './rounds.ts';
import type { Summary } from './rounds.ts';
import { decides, startServer, twoCores } from './servers.ts';
import type { RunningServer, ServerKind } from './servers.ts';
import { writeTraffic } from './traffic-files.ts';

const ENVOY_BENCHES = fileURLToPath(new URL('../envoy/', import.meta.url));
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const TARGETS = {
  /** CPU of a check, native to the Go server and native to our other transport. */
  cpuToGo: 0.25,
  cpuToGrpcJs: 0.15,
  /** 99th percentile at half of the Go server's capacity. */
  p99ToGo: 0.5,
} as const;

const CONNECTIONS = 4;
const IN_FLIGHT = 64;
/** An open loop begins calls when they are due; so many may be late before they have to wait here. */
const OPEN_IN_FLIGHT = 4096;

const HELP = `npm run bench -- [options]

  --quick           some minutes: fewer and shorter rounds
  --strict          ends with 1 when a target is missed (always, when an answer was wrong or a call failed)
  --shape SHAPE     of the requests; the first one is what the targets are about (default: recommended, then plain, then token)
  --seed N          of the requests (default: ${DEFAULT_TRAFFIC.seed})
  --direct          only this: not through Envoy, and not against Envoy's own RBAC filter
  --no-write        no files in load-tests/results/`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    shape: { type: 'string', multiple: true },
    seed: { type: 'string', default: String(DEFAULT_TRAFFIC.seed) },
    direct: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const PLAN = values.quick
  ? { rounds: 3, seconds: 3, settleSeconds: 6, openRounds: 3, openSeconds: 5 }
  : { rounds: 7, seconds: 5, settleSeconds: 12, openRounds: 7, openSeconds: 10 };

interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly target: number;
}

interface Section {
  readonly title: string;
  readonly about: string;
  readonly load: { readonly before: number; readonly after: number };
  readonly summaries: readonly Summary[];
  readonly verdicts: readonly Verdict[];
}

const cores = twoCores();
const sections: Section[] = [];

async function withServers<T>(
  shape: ShapeName,
  kinds: readonly ServerKind[],
  use: (servers: readonly RunningServer[], requestsFile: string, about: string) => Promise<T>,
): Promise<T> {
  const files = writeTraffic({ ...DEFAULT_TRAFFIC, shape, seed: Number(values.seed) });
  const servers: RunningServer[] = [];
  try {
    for (const kind of kinds) {
      const { directory, policies } = files;
      servers.push(await startServer(kind, { directory, policies, core: cores.server }));
    }
    return await use(servers, files.requestsFile, files.about);
  } finally {
    for (const server of servers) await server.stop();
    files.remove();
  }
}

function measureInTurn(
  servers: readonly RunningServer[],
  requestsFile: string,
  rounds: number,
  seconds: number,
  perSecond: number | null,
): Promise<Summary[]> {
  const contenders = servers.map(({ name, address, pid }) => ({
    name,
    decides: decides(name as ServerKind),
    measure: (settle: boolean) =>
      generate({
        ...{ address, pid, requestsFile, perSecond, seconds, core: cores.generator, connections: CONNECTIONS },
        inFlight: perSecond === null ? IN_FLIGHT : OPEN_IN_FLIGHT,
        warmupSeconds: settle ? PLAN.settleSeconds : 1,
      }),
  }));
  return inTurn(contenders, rounds, (line) => console.log(`  ${line}`));
}

const loadNow = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

async function add(title: string, about: string, measure: () => Promise<Pick<Section, 'summaries' | 'verdicts'>>) {
  console.log(`\n${title}\n${about}`);
  const before = loadNow();
  const { summaries, verdicts } = await measure();
  const section = { title, about, load: { before, after: loadNow() }, summaries, verdicts };
  sections.push(section);
  const { head, rows } = summaryRows(summaries, 'go-noop');
  console.log(`${textTable(head, rows)}\n${verdicts.map(verdictText).join('\n')}`);
  return summaries;
}

/** Of rounds that were measured side by side: the median of their ratios moves less than the ratio of two medians. */
function ratios(of: Summary, to: Summary, read: (round: Summary['rounds'][number]) => number): number {
  return median(of.rounds.map((round, i) => read(round) / read(to.rounds[i]!)));
}

const named = (summaries: readonly Summary[], name: ServerKind): Summary | undefined =>
  summaries.find((each) => each.name === name);

function cpuVerdicts(summaries: readonly Summary[]): Verdict[] {
  const native = named(summaries, 'native')!;
  const cpu = ({ server }: Summary['rounds'][number]): number => server?.cpuUs ?? Number.NaN;
  const of = (what: string, other: ServerKind, target: number): Verdict[] => {
    const to = named(summaries, other);
    return to === undefined ? [] : [{ what, value: ratios(native, to, cpu), target }];
  };
  return [
    ...of('CPU of a check, native to the Go server that decides nothing', 'go-noop', TARGETS.cpuToGo),
    ...of('CPU of a check, native to grpc-js', 'grpc-js', TARGETS.cpuToGrpcJs),
  ];
}

function verdictText({ what, value, target }: Verdict): string {
  return `${what}: ${ratio(value)}, target at most ×${target} ${value <= target ? 'met' : 'MISSED'}`;
}

async function run(): Promise<void> {
  const on = machine();
  const yardstick = buildYardstick();
  console.log(describeMachine(on));
  console.log('absent' in yardstick ? `no yardstick: ${yardstick.absent}` : `yardstick: grpc-go, ${yardstick.go}`);
  console.log(
    cores.server === null || cores.generator === null
      ? 'not pinned: there are no two cores to choose from'
      : `servers on core ${cores.server}, generator on core ${cores.generator}`,
  );
  const hasGo = !('absent' in yardstick);
  const shapes = (values.shape ?? ['recommended', 'plain', 'token']) as ShapeName[];
  const kinds: ServerKind[] = [...(hasGo ? (['go-noop'] as const) : []), 'native', 'grpc-js'];

  for (const [place, shape] of shapes.entries())
    await withServers(shape, kinds, async (servers, requestsFile, about) => {
      await add(`Closed loop, ${IN_FLIGHT} in flight on ${CONNECTIONS} connections: ${shape}`, about, async () => {
        const summaries = await measureInTurn(servers, requestsFile, PLAN.rounds, PLAN.seconds, null);
        // The targets are about the requests of a gateway that is configured as recommended.
        return { summaries, verdicts: place === 0 ? cpuVerdicts(summaries) : [] };
      });
    });

  if (hasGo)
    await withServers(shapes[0]!, ['go-noop', 'native'], async (servers, requestsFile, about) => {
      const [go] = servers;
      const alone = await measureInTurn([go!], requestsFile, PLAN.rounds, PLAN.seconds, null);
      const perSecond = alone[0]!.perSecond.median / 2;
      await add(`Open loop, ${perSecond.toFixed(0)} a second: half of what the Go server can do`, about, async () => {
        const summaries = await measureInTurn(servers, requestsFile, PLAN.openRounds, PLAN.openSeconds, perSecond);
        const value = ratios(
          named(summaries, 'native')!,
          named(summaries, 'go-noop')!,
          ({ latencyUs }) => latencyUs.p99,
        );
        const what = '99th percentile at half of the capacity of the Go server, native to it';
        return { summaries, verdicts: [{ what, value, target: TARGETS.p99ToGo }] };
      });
    });

  const verdicts = sections.flatMap((section) => section.verdicts);
  console.log(`\n${verdicts.map(verdictText).join('\n')}`);
  if (!values['no-write']) writeResults(on);
  const bad = sections.some(({ summaries }) => summaries.some(({ wrong, errors }) => wrong + errors > 0));
  if (bad) console.log('there were wrong answers or failed calls');
  if (bad || (values.strict && verdicts.some(({ value, target }) => !(value <= target)))) process.exitCode = 1;
}

function writeResults(on: ReturnType<typeof machine>): void {
  mkdirSync(RESULTS, { recursive: true });
  const file = `${RESULTS}bench-${on.date.slice(0, 10)}-${on.revision.replace('+', '-changed')}`;
  const report = { machine: on, quick: values.quick, cores, targets: TARGETS, sections };
  writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 1)}\n`);
  const text = sections.flatMap(({ title, about, load, summaries, verdicts }) => {
    const { head, rows } = summaryRows(summaries, 'go-noop');
    const lines = verdicts.flatMap((verdict) => [`- ${verdictText(verdict)}`]);
    return [
      `## ${title}`,
      '',
      `${about}. Load ${load.before} before, ${load.after} after.`,
      '',
      markdownTable(head, rows),
      '',
      ...lines,
      '',
    ];
  });
  const title = ['# Direct benchmark', '', `${describeMachine(on)}${values.quick ? ', quick' : ''}.`, ''];
  writeFileSync(`${file}.md`, `${[...title, ...text].join('\n').trimEnd()}\n`);
  console.log(`written to ${file}.json and .md`);
}

/** Benchmarks of their own, which write their own results. */
function runThroughEnvoy(): void {
  for (const name of ['bench-envoy', 'bench-rbac']) {
    console.log(`\n${name}`);
    const flags = [...(values.quick ? ['--quick'] : []), ...(values['no-write'] ? ['--no-write'] : [])];
    const { status } = spawnSync(process.execPath, [`${ENVOY_BENCHES}${name}.ts`, ...flags], { stdio: 'inherit' });
    // A target that is missed there ends it with 1, as here when `--strict` is given.
    if (status !== 0 && (values.strict || status !== 1)) process.exitCode = 1;
  }
}

if (values.help) console.log(HELP);
else {
  await run();
  if (!values.direct) runThroughEnvoy();
}
