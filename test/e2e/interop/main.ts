/**
 * `npm run test:interop`: clients that others wrote against the service with its native transport, on every way in. Each asks
 * for allowed, denied, malformed and large checks; every call must end with OK, every answer must be right, and the
 * service must have nothing to complain about.
 */
import type { InteropClient } from './client.ts';
import { CHECKS } from './checks.ts';
import { checksBy, complaintsOf, startDeployment, WAYS, type Deployment, type Way } from './deployment.ts';
import { ghz } from './ghz.ts';
import { h2load, nghttp } from './nghttp2.ts';
import { tryScenarios } from './scenarios.ts';

/** Of each check by each client on each way. */
const TIMES = 1_000;
/** nghttp makes all requests at once, on one connection, and tells of every frame. */
const TIMES_AT_ONCE = 100;
/** Fewer than the service waits for before it says that nobody shows a certificate. */
const SCENARIO_TIMES = 400;

const CLIENTS: readonly (readonly [client: InteropClient, times: number])[] = [
  [ghz('grpc-go (ghz)', []), TIMES],
  [ghz('grpc-go (ghz), gzip', ['--enable-compression']), TIMES],
  [h2load, TIMES],
  [nghttp, TIMES_AT_ONCE],
];

/** Prints a line, and returns whether all was well. */
async function interop(deployment: Deployment, client: InteropClient, times: number): Promise<boolean> {
  const what = `${client.name}, ${deployment.way}`;
  const before = await checksBy(deployment.service);
  const problems = await client.ask(deployment, times);
  if (problems === null) {
    process.stdout.write(`-     ${what}: this client does not come this way\n`);
    return true;
  }
  const after = await checksBy(deployment.service);
  const expected = new Map<string, number>();
  for (const { counted } of CHECKS) expected.set(counted, (expected.get(counted) ?? 0) + times);
  for (const counted of new Set([...expected.keys(), ...Object.keys(after)])) {
    const answered = (after[counted] ?? 0) - (before[counted] ?? 0);
    if (answered !== (expected.get(counted) ?? 0)) problems.push(`${answered} answers were ${counted}`);
  }
  problems.push(...complaintsOf(deployment.service));
  process.stdout.write(`${problems.length === 0 ? 'ok   ' : 'WRONG'} ${what}: ${times * CHECKS.length} checks\n`);
  for (const problem of problems.slice(0, 10)) process.stdout.write(`      ${problem}\n`);
  return problems.length === 0;
}

async function onWay(way: Way): Promise<boolean> {
  const deployment = await startDeployment(way);
  try {
    let good = true;
    for (const [client, times] of CLIENTS) good = (await interop(deployment, client, times)) && good;
    return good;
  } finally {
    await deployment.stop();
  }
}

/** Connections that are told to leave every second, under calls: grpc-go has to find a new one each time. */
async function whileLeaving(): Promise<boolean> {
  const deployment = await startDeployment('tcp', { limits: { maxConnectionAgeSeconds: 1 } });
  try {
    return await interop(deployment, ghz('grpc-go (ghz), GOAWAY every second', ['--rps', '1000']), TIMES);
  } finally {
    await deployment.stop();
  }
}

let good = true;
for (const way of WAYS) good = (await onWay(way)) && good;
good = (await whileLeaving()) && good;
const problems = await tryScenarios(SCENARIO_TIMES);
process.stdout.write(`${problems.length === 0 ? 'ok   ' : 'WRONG'} the commands of load-tests/scenarios\n`);
for (const problem of problems) process.stdout.write(`      ${problem}\n`);
good = problems.length === 0 && good;
process.exitCode = good ? 0 : 1;
