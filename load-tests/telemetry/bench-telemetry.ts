/**
 * `npm run bench:telemetry`: what it costs a check to be counted, logged and traced, beside a service that does none of it. All on
 * one core, in turn: off, metrics, spans that nobody wants, denials, everything, off, metrics, … Results go to `results/`.
 */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generate } from '../bench/generate.ts';
import { inTurn, ratio, summaryRows } from '../bench/rounds.ts';
import type { Summary } from '../bench/rounds.ts';
import { startServer, twoCores } from '../bench/servers.ts';
import type { RunningServer } from '../bench/servers.ts';
import { writeTraffic } from '../bench/traffic-files.ts';
import { DEFAULT_TRAFFIC } from '../generator/requests.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { median } from '../lib/statistics.ts';
import { markdownTable, textTable } from '../lib/table.ts';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const OFF = 'all off';
const CONNECTIONS = 4;
const IN_FLIGHT = 64;
/** More spans a second than there can be checks. */
const ALL_SPANS = { enabled: true, ratio: 1, maxPerSecond: 1_000_000, maxQueue: 100_000 };

const HELP = `npm run bench:telemetry -- [options]

  --quick           fewer and shorter rounds
  --strict          ends with 1 when a target is missed (always, when an answer was wrong or a call failed)
  --no-write        no files in load-tests/results/`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const PLAN = values.quick ? { rounds: 5, seconds: 3, settleSeconds: 6 } : { rounds: 11, seconds: 5, settleSeconds: 12 };

interface Setting {
  readonly name: string;
  /** At most, of the CPU of {@link OFF}. */
  readonly target: number;
  readonly config: Readonly<Record<string, unknown>>;
}

function settings(collector: string): readonly Setting[] {
  const otlp = { endpoint: collector, intervalSeconds: 10 };
  return [
    { name: OFF, target: 1, config: { telemetry: { metrics: false }, audit: { denials: false } } },
    { name: 'metrics', target: 1.1, config: { audit: { denials: false } } },
    {
      name: 'metrics, traces of which none is recorded',
      target: 1.1,
      config: { telemetry: { otlp, traces: { enabled: true } }, audit: { denials: false } },
    },
    { name: 'metrics and denials', target: 1.2, config: {} },
    {
      name: 'every check counted, logged and traced',
      target: 2,
      config: { telemetry: { otlp, traces: ALL_SPANS }, audit: { allowSample: 1 } },
    },
  ];
}

/** Takes what is sent and forgets it, in this process: what that costs is not the service's. */
async function startSink(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Of rounds that were measured side by side: the median of their ratios moves less than the ratio of two medians. */
function cpuRatio(of: Summary, to: Summary): number {
  const cpu = (summary: Summary, round: number): number => summary.rounds[round]?.server?.cpuUs ?? Number.NaN;
  return median(of.rounds.map((_, round) => cpu(of, round) / cpu(to, round)));
}

async function run(): Promise<void> {
  const on = machine();
  const cores = twoCores();
  console.log(describeMachine(on));
  console.log(cores.server === null ? 'not pinned to cores' : `services on core ${cores.server}, generator on another`);
  const sink = await startSink();
  const files = writeTraffic(DEFAULT_TRAFFIC);
  const all = settings(sink.url);
  const servers: RunningServer[] = [];
  try {
    for (const [i, { config }] of all.entries()) {
      const directory = join(files.directory, String(i));
      servers.push(await startServer('native', { directory, policies: files.policies, core: cores.server, config }));
    }
    console.log(files.about);
    const contenders = servers.map(({ address, pid }, i) => ({
      name: all[i]!.name,
      decides: true,
      measure: (settle: boolean) =>
        generate({
          ...{ address, pid, requestsFile: files.requestsFile, perSecond: null, seconds: PLAN.seconds },
          ...{ core: cores.generator, connections: CONNECTIONS, inFlight: IN_FLIGHT },
          warmupSeconds: settle ? PLAN.settleSeconds : 1,
        }),
    }));
    const summaries = await inTurn(contenders, PLAN.rounds, (line) => console.log(`  ${line}`));
    const load = Number((loadavg()[0] ?? 0).toFixed(2));
    const base = summaries[0]!;
    const verdicts = all.slice(1).map(({ name, target }, i) => ({
      what: name,
      value: cpuRatio(summaries[i + 1]!, base),
      target,
    }));
    const { head, rows } = summaryRows(summaries, OFF);
    const lines = verdicts.map(
      ({ what, value, target }) =>
        `${what}: ${ratio(value)} of the CPU with ${OFF}, target at most ×${target} ${value <= target ? 'met' : 'MISSED'}`,
    );
    console.log(`\n${textTable(head, rows)}\n${lines.join('\n')}\nload at the end: ${load}`);
    if (!values['no-write']) {
      mkdirSync(RESULTS, { recursive: true });
      const file = `${RESULTS}telemetry-${on.date.slice(0, 10)}-${on.revision.replace('+', '-changed')}`;
      writeFileSync(
        `${file}.json`,
        `${JSON.stringify({ machine: on, loadAfter: load, quick: values.quick, cores, verdicts, summaries }, null, 1)}\n`,
      );
      const text = [
        '# What telemetry costs',
        '',
        `${describeMachine(on)}${values.quick ? ', quick' : ''}. Load ${load} at the end. ${files.about}.`,
        '',
        markdownTable(head, rows),
        '',
        ...lines.map((line) => `- ${line}`),
      ];
      writeFileSync(`${file}.md`, `${text.join('\n')}\n`);
      console.log(`written to ${file}.json and .md`);
    }
    const bad = summaries.some(({ wrong, errors }) => wrong + errors > 0);
    if (bad) console.log('there were wrong answers or failed calls');
    if (bad || (values.strict && verdicts.some(({ value, target }) => !(value <= target)))) process.exitCode = 1;
  } finally {
    for (const server of servers) await server.stop();
    files.remove();
    sink.server.closeAllConnections();
    sink.server.close();
  }
}

if (values.help) console.log(HELP);
else await run();
