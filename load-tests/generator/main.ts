/** `node load-tests/generator/main.ts`: load on an ext_authz server, and what came back. See `--help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Figures } from './figures.ts';
import { runLoad } from './load.ts';
import { SHAPES } from './recorded/read.ts';
import type { ShapeName } from './recorded/read.ts';
import { readRequests, writeRequests } from './request-file.ts';
import type { Request } from './request-file.ts';
import { DEFAULT_TRAFFIC, makeTraffic } from './requests.ts';
import type { TrafficOptions } from './requests.ts';

const HELP = `node load-tests/generator/main.ts --address ADDRESS [options]
node load-tests/generator/main.ts --write DIR [options]

  --address ADDRESS    HOST:PORT or unix:PATH of an ext_authz server without TLS
  --requests FILE      CheckRequests, each behind four bytes of length; FILE.expect beside it says what must be answered.
                       Without it, requests are made
  --write DIR          writes DIR/policies/shop.yaml, DIR/requests.bin and DIR/requests.bin.expect, and asks nobody

Load:
  --mode MODE          closed: calls in flight are kept at a number; open: calls begin at a rate, and latency counts from
                       when they were due (default: closed)
  --connections N      (default: 4)
  --in-flight N        calls at the same time, of all connections together; in an open loop, at most (default: 64; open: 4096)
  --rate N             calls a second, for --mode open
  --arrivals HOW       even or poisson, for --mode open (default: even)
  --warmup SECONDS     not counted (default: 3)
  --duration SECONDS   (default: 10)
  --server-pid PID     tells what the server costs, too, with its children

Requests that are made (with --seed, and the same ones each time):
  --shape SHAPE        ${SHAPES.join(', ')}: as recorded of the real Envoy (default: ${DEFAULT_TRAFFIC.shape})
  --rules N            rules of the policies that they are asked under (default: ${DEFAULT_TRAFFIC.rules})
  --count N            how many, which are sent again and again (default: ${DEFAULT_TRAFFIC.requests})
  --questions N        different ones, of which a few are asked most by Zipf's law (default: ${DEFAULT_TRAFFIC.questions})
  --denied SHARE       of the requests, 0 to 1 (default: ${DEFAULT_TRAFFIC.denied})
  --fresh-ids SHARE    of the path segments that take anything: a new id in each request (default: ${DEFAULT_TRAFFIC.freshIds})
  --seed N             (default: ${DEFAULT_TRAFFIC.seed})

  --json               one line of JSON in place of text
  --help

Ends with 1 when an answer was wrong, a call failed, or nothing was answered.`;

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    requests: { type: 'string' },
    write: { type: 'string' },
    mode: { type: 'string', default: 'closed' },
    connections: { type: 'string', default: '4' },
    'in-flight': { type: 'string' },
    rate: { type: 'string' },
    arrivals: { type: 'string', default: 'even' },
    warmup: { type: 'string', default: '3' },
    duration: { type: 'string', default: '10' },
    'server-pid': { type: 'string' },
    shape: { type: 'string', default: DEFAULT_TRAFFIC.shape },
    rules: { type: 'string', default: String(DEFAULT_TRAFFIC.rules) },
    count: { type: 'string', default: String(DEFAULT_TRAFFIC.requests) },
    questions: { type: 'string', default: String(DEFAULT_TRAFFIC.questions) },
    denied: { type: 'string', default: String(DEFAULT_TRAFFIC.denied) },
    'fresh-ids': { type: 'string', default: String(DEFAULT_TRAFFIC.freshIds) },
    seed: { type: 'string', default: String(DEFAULT_TRAFFIC.seed) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function number(name: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || text === '' || !Number.isFinite(value) || value < 0) usage(`--${name} wants a number`);
  return value;
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  return found ?? usage(`--${name} is one of ${allowed.join(', ')}`);
}

function usage(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  process.exit(2);
}

function trafficOptions(): TrafficOptions {
  return {
    shape: oneOf<ShapeName>('shape', values.shape, SHAPES),
    rules: number('rules', values.rules),
    requests: number('count', values.count),
    questions: number('questions', values.questions),
    denied: number('denied', values.denied),
    freshIds: number('fresh-ids', values['fresh-ids']),
    seed: number('seed', values.seed),
  };
}

function write(directory: string): void {
  const { policies, requests, questions } = makeTraffic(trafficOptions());
  mkdirSync(join(directory, 'policies'), { recursive: true });
  writeFileSync(join(directory, 'policies', 'shop.yaml'), policies);
  writeRequests(join(directory, 'requests.bin'), requests);
  const bytes = requests.reduce((sum, request) => sum + request.bytes.length, 0);
  const denied = requests.filter(({ allowed }) => allowed === false).length;
  console.log(
    `${requests.length} requests of ${Math.round(bytes / requests.length)} bytes on average, ${questions} different ` +
      `questions, ${denied} to be denied`,
  );
}

async function load(address: string): Promise<void> {
  const isOpen = oneOf('mode', values.mode, ['closed', 'open']) === 'open';
  const requests: readonly Request[] =
    values.requests === undefined ? makeTraffic(trafficOptions()).requests : readRequests(values.requests);
  const pid = values['server-pid'];
  const figures = await runLoad({
    address,
    requests,
    connections: number('connections', values.connections),
    inFlight: number('in-flight', values['in-flight'] ?? (isOpen ? '4096' : '64')),
    perSecond: isOpen ? number('rate', values.rate) : null,
    arrivals: oneOf('arrivals', values.arrivals, ['even', 'poisson']),
    warmupMs: number('warmup', values.warmup) * 1000,
    durationMs: number('duration', values.duration) * 1000,
    ...(pid === undefined ? {} : { serverPid: number('server-pid', pid) }),
  });
  console.log(values.json ? JSON.stringify(figures) : text(figures));
  if (figures.wrong > 0 || figures.errorCount > 0 || figures.answers === 0) process.exitCode = 1;
}

function text(figures: Figures): string {
  const { latencyUs, errors, server } = figures;
  const us = (value: number): string => value.toFixed(1);
  const lines = [
    `answers    ${figures.answers} in ${figures.seconds.toFixed(2)} s, ${figures.perSecond.toFixed(0)} a second: ` +
      `${figures.allowed} allowed, ${figures.denied} denied`,
    `latency    p50 ${us(latencyUs.p50)}  p90 ${us(latencyUs.p90)}  p99 ${us(latencyUs.p99)}  p99.9 ${us(latencyUs.p999)}  ` +
      `max ${us(latencyUs.max)}  mean ${us(latencyUs.mean)} µs`,
    `wrong      ${figures.wrong}${figures.wrongOnes.map((wrong) => `\n           ${JSON.stringify(wrong)}`).join('')}`,
    `errors     ${figures.errorCount}${Object.entries(errors)
      .map(([why, count]) => `\n           ${count} × ${why}`)
      .join('')}`,
    `connection ${figures.newConnections} new ones, ${figures.askedAgain} calls asked again`,
    `generator  ${us(figures.ownCpuUs)} µs of CPU an answer; late by ${figures.latestMs.toFixed(2)} ms at most`,
  ];
  if (server !== null)
    lines.push(
      `server     ${us(server.cpuUs)} µs of CPU an answer; ${mib(server.rssBytes)} MiB, ${mib(server.peakRssBytes)} at most`,
    );
  return lines.join('\n');
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

if (values.help) console.log(HELP);
else if (values.write !== undefined) write(values.write);
else if (values.address !== undefined) await load(values.address);
else usage('--address or --write is needed');
