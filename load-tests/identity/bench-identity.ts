/**
 * `npm run bench:identity`: what proving who asks costs. The whole service from bytes to bytes, in this process but for
 * the last table. No network is needed: key sets stand in the policies.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { GrpcJsTransport } from '../../src/transport/grpc-js/transport.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { median, quantile } from '../lib/statistics.ts';
import { textTable } from '../lib/table.ts';
import type { ClientReport, ClientTask } from './client.ts';
import { ALGORITHMS, messageOf, openWorld } from './world.ts';
import type { World } from './world.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '6' }, rounds: { type: 'string', default: '30' } },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const TARGET_SEEN = 1.3;
const TARGET_P99 = 2;
const FIRST_SEEN = 300;
const DIFFERENT = 512;
const NEW_TOKENS_PER_SECOND = 500;
const CACHED_PER_SECOND = 1000;

const misses: string[] = [];
const judged = (what: string, ratio: number, target: number): string => {
  const isMet = ratio <= target;
  if (!isMet) misses.push(what);
  return `${isMet ? 'met   ' : 'MISSED'} ${what} ×${ratio.toFixed(2)}, at most ×${target}`;
};

/** Microseconds a check, of wall clock and of the thread's CPU: all messages once. */
function pass(world: World, messages: readonly Buffer[]): { readonly us: number; readonly cpuUs: number } {
  const cpuBefore = process.threadCpuUsage();
  const started = performance.now();
  for (const bytes of messages) if (world.check(bytes) instanceof Promise) throw new Error('it had to be waited for');
  const us = ((performance.now() - started) * 1000) / messages.length;
  const cpu = process.threadCpuUsage(cpuBefore);
  return { us, cpuUs: (cpu.user + cpu.system) / messages.length };
}

async function seenBefore(keepDecisions: boolean, ids: 'one path each' | 'a fresh id in each path'): Promise<void> {
  const world = await openWorld(keepDecisions);
  const tokens = await Promise.all(Array.from({ length: DIFFERENT }, () => world.token('ES256')));
  // Paths of equal length, so that only the token differs.
  const make = (place: string, round: number) =>
    tokens.map((token, i) => {
      const id = ids === 'one path each' ? i : round * DIFFERENT + i;
      return messageOf(`/${place}/${String(id).padStart(8, '0')}`, place === 'orders' ? token : null);
    });
  for (const bytes of make('orders', 0)) await world.check(bytes);
  const without: { us: number; cpuUs: number }[] = [];
  const withToken: { us: number; cpuUs: number }[] = [];
  for (let round = 1; round <= rounds + 5; round++) {
    const [open, asked] = [make('public', round), make('orders', round)];
    const a = pass(world, open);
    const b = pass(world, asked);
    // The first ones are for the compiler and the caches.
    if (round <= 5) continue;
    without.push(a);
    withToken.push(b);
  }
  world.expectAllowed();
  world.close();
  const [a, b] = [without, withToken].map((all) => median(all.map(({ us }) => us))) as [number, number];
  const [cpuA, cpuB] = [without, withToken].map((all) => median(all.map(({ cpuUs }) => cpuUs))) as [number, number];
  const what = `${keepDecisions ? 'decisions kept' : 'no decision kept'}, ${ids}`;
  seenRows.push([what, a.toFixed(2), b.toFixed(2), cpuA.toFixed(2), cpuB.toFixed(2), `×${(b / a).toFixed(2)}`]);
  if (keepDecisions && ids === 'one path each') verdicts.push(judged('a token seen before', b / a, TARGET_SEEN));
}

const seenRows: string[][] = [];
const verdicts: string[] = [];
await seenBefore(true, 'one path each');
await seenBefore(true, 'a fresh id in each path');
await seenBefore(false, 'one path each');

const firstRows: string[][] = [];
for (const algorithm of ALGORITHMS) {
  const world = await openWorld(true);
  const tokens = await Promise.all(Array.from({ length: FIRST_SEEN + 50 }, () => world.token(algorithm)));
  const messages = tokens.map((token, i) => messageOf(`/orders/${i}`, token));
  for (const bytes of messages.slice(0, 50)) await world.check(bytes);
  const wall: number[] = [];
  const all = process.cpuUsage();
  const thread = process.threadCpuUsage();
  for (const bytes of messages.slice(50)) {
    const started = performance.now();
    await world.check(bytes);
    wall.push((performance.now() - started) * 1000);
  }
  const ofThread = process.threadCpuUsage(thread);
  const ofAll = process.cpuUsage(all);
  const each = ({ user, system }: NodeJS.CpuUsage): string => ((user + system) / FIRST_SEEN).toFixed(0);
  firstRows.push([algorithm, median(wall).toFixed(0), quantile(wall, 0.99).toFixed(0), each(ofThread), each(ofAll)]);
  world.expectAllowed();
  world.close();
}

/** Asked by another process over one HTTP/2 connection, as Envoy does. */
async function latencies(port: number, again: readonly Buffer[], fresh: readonly Buffer[]): Promise<readonly number[]> {
  const base64 = (messages: readonly Buffer[]): string[] => messages.map((bytes) => bytes.toString('base64'));
  const client = fork(new URL('./client.ts', import.meta.url));
  const task: ClientTask = { port, seconds, perSecond: CACHED_PER_SECOND, again: base64(again), once: base64(fresh) };
  client.send(task);
  const [report] = (await once(client, 'message')) as [ClientReport];
  client.disconnect();
  if (report.failed > 0) throw new Error(`${report.failed} calls failed`);
  return report.latencies;
}

const world = await openWorld(true);
const transport = new GrpcJsTransport(() => undefined);
const listener = await transport.listen(
  {
    address: '127.0.0.1:0',
    tls: null,
    reflection: false,
    maxMessageBytes: 1024 * 1024,
    maxConcurrentStreams: 1000,
    maxConnectionAgeSeconds: 0,
  },
  {
    unary: new Map([['/envoy.service.auth.v3.Authorization/Check', (bytes) => world.check(bytes)]]),
    serverStream: new Map(),
    answersAnyPeer: new Set(),
  },
);
const port = Number(listener.address.split(':').at(-1));
const seen = await Promise.all(Array.from({ length: DIFFERENT }, () => world.token('ES256')));
const cached = seen.map((token, i) => messageOf(`/orders/${i}`, token));
for (let i = 0; i < 3; i++) for (const bytes of cached) await world.check(bytes);
await latencies(port, cached, []);
const burstRows: string[][] = [];
const ratios: number[] = [];
for (let round = 0; round < 3; round++) {
  const fresh: Buffer[] = [];
  for (let i = 0; i < NEW_TOKENS_PER_SECOND * seconds; i++)
    fresh.push(messageOf(`/orders/new-${i}`, await world.token(ALGORITHMS[i % ALGORITHMS.length]!)));
  const quiet = await latencies(port, cached, []);
  const busy = await latencies(port, cached, fresh);
  const row = (what: string, late: readonly number[]): string[] => [
    what,
    String(late.length),
    ...[0.5, 0.99, 0.999, 1].map((share) => quantile(late, share).toFixed(2)),
  ];
  burstRows.push(row('quiet', quiet), row(`${NEW_TOKENS_PER_SECOND} new tokens/s`, busy));
  ratios.push(quantile(busy, 0.99) / quantile(quiet, 0.99));
}
await listener.drain(1000);
world.expectAllowed();
world.close();
verdicts.push(judged('p99 of cached checks amid new tokens, median of rounds,', median(ratios), TARGET_P99));

console.log(`${describeMachine(machine())}\n`);
console.log('A check without a token and with one that was seen before, µs: medians of passes, in turn');
console.log(textTable(['', 'without', 'with', 'CPU without', 'CPU with', 'ratio'], seenRows));
console.log('\nA check with a token that is seen for the first time, µs: one after the other');
console.log(textTable(['algorithm', 'median', 'p99', 'CPU of the thread', 'CPU of all threads'], firstRows));
console.log(`\nCached checks, ${CACHED_PER_SECOND} a second over one connection: ms from when each was due`);
console.log(textTable(['', 'checks', 'p50', 'p99', 'p99.9', 'max'], burstRows));
console.log(`\n${verdicts.join('\n')}`);
if (misses.length > 0) process.exitCode = 1;
