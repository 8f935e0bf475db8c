/**
 * `npm run bench:cache`: how many checks the decision cache answers, of the whole service from bytes to bytes with the
 * sample policies. Every request has an id and a source port of its own, as real ones have.
 */
import { parseArgs } from 'node:util';
import { describeMachine, machine } from '../lib/machine.ts';
import { message } from '../lib/message.ts';
import type { Message } from '../lib/message.ts';
import { freshSeed, random, zipf } from '../lib/random.ts';
import type { Random } from '../lib/random.ts';
import { textTable } from '../lib/table.ts';
import { openSampleService } from './service.ts';
import type { SampleService } from './service.ts';
import { ONE_OFF, distinctRequests, requestsWithFreshIds } from './traffic.ts';

const KEYS = 10_000;
const EXPONENT = 1.1;
const REQUESTS = 1_000_000;
/** The clock of the traffic, which the lives of cached decisions go by. */
const BUSY_PER_SECOND = 20_000;
const CALM_PER_SECOND = 2_000;
const BURST_ROUNDS = 200_000;
const NOON_MS = Date.parse('2026-06-01T12:00:00Z');

const TARGET_ZIPF = 0.98;
const TARGET_FRESH_IDS = 0.95;

interface Phase {
  readonly what: string;
  readonly target: number | null;
  readonly requests: number;
  readonly hits: number;
  readonly evictions: number;
  readonly entries: number;
  readonly bytesPerEntry: number;
  readonly allowed: number;
  readonly us: number;
}

const { values } = parseArgs({ options: { seed: { type: 'string' }, requests: { type: 'string' } } });
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const requests = values.requests === undefined ? REQUESTS : Number(values.requests);
if (globalThis.gc === undefined) throw new Error('run with --expose-gc');

const from = random(seed);
const keys = distinctRequests(KEYS, from).map(message);
const rank = zipf(KEYS, EXPONENT);
const phases: Phase[] = [];

function heap(): number {
  // The service of the phase before is not gone with the first.
  for (let n = 0; n < 3; n++) globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

/** `draw` gives the next request and whether it counts: those of a burst are sent and not counted. */
function run(
  what: string,
  target: number | null,
  service: SampleService,
  count: number,
  perSecond: number,
  draw: (random: Random) => { readonly of: Message; readonly counts: boolean },
  startMs = NOON_MS,
): void {
  const before = service.statistics;
  const heapBefore = heap();
  let counted = 0;
  let hits = 0;
  let allowed = 0;
  let spentMs = 0;
  for (let i = 0; i < count; i++) {
    const { of, counts } = draw(from);
    const bytes = of.next(from);
    const started = performance.now();
    const { cache, allowed: letIn } = service.check(bytes, startMs + Math.floor((i * 1000) / perSecond));
    spentMs += performance.now() - started;
    if (!counts) continue;
    counted++;
    if (cache === 'hit') hits++;
    if (letIn) allowed++;
  }
  const { evictions, size } = service.statistics;
  const grown = size - before.size;
  console.log(`${what}: ${percent(hits / counted)} of ${counted}`);
  phases.push({
    what,
    target,
    requests: counted,
    hits,
    evictions: evictions - before.evictions,
    entries: size,
    bytesPerEntry: grown < 1000 ? Number.NaN : (heap() - heapBefore) / grown,
    allowed: allowed / counted,
    us: (spentMs * 1000) / count,
  });
}

const drawKey = (): { readonly of: Message; readonly counts: boolean } => ({ of: keys[rank(from)]!, counts: true });

const warm = await openSampleService();
for (let i = 0; i < 20_000; i++) warm.check(keys[i % KEYS]!.next(from), NOON_MS);

run(`zipf, ${BUSY_PER_SECOND}/s`, TARGET_ZIPF, await openSampleService(), requests, BUSY_PER_SECOND, drawKey);
run(`zipf, ${CALM_PER_SECOND}/s`, null, await openSampleService(), requests, CALM_PER_SECOND, drawKey);

const withIds = requestsWithFreshIds(2000, from).map(message);
const rankOfIds = zipf(withIds.length, EXPONENT);
run('a fresh id in each path', TARGET_FRESH_IDS, await openSampleService(), requests, BUSY_PER_SECOND, () => ({
  of: withIds[rankOfIds(from)]!,
  counts: true,
}));

// As many keys that are never seen again as the cache has room for, and as many again, one for every ordinary request.
const scanned = await openSampleService();
const oneOff = message(ONE_OFF);
const burst = Math.min(BURST_ROUNDS, requests);
run('zipf before a burst', null, scanned, burst, BUSY_PER_SECOND, drawKey);
const burstMs = NOON_MS + (burst * 1000) / BUSY_PER_SECOND;
let turn = 0;
const drawInBurst = (): { readonly of: Message; readonly counts: boolean } =>
  turn++ % 2 === 0 ? drawKey() : { of: oneOff, counts: false };
run('zipf amid one-off keys', null, scanned, 2 * burst, BUSY_PER_SECOND, drawInBurst, burstMs);
run(
  'zipf after the burst',
  null,
  scanned,
  burst,
  BUSY_PER_SECOND,
  drawKey,
  burstMs + (2 * burst * 1000) / BUSY_PER_SECOND,
);

console.log(`${describeMachine(machine())}
seed ${seed}, ${KEYS} keys, Zipf exponent ${EXPONENT}; sample policies (${scanned.ruleCount} rules), cache of ${scanned.maxEntries} entries for ${scanned.ttlSeconds} s
misses count first sights; ${withIds.length} different requests have fresh ids in their paths\n`);
console.log(
  textTable(
    [
      'traffic',
      'requests',
      'hits',
      'misses',
      'ratio',
      'target',
      'evictions',
      'entries',
      'B/entry',
      'allowed',
      'µs a check',
    ],
    phases.map((phase) => [
      phase.what,
      String(phase.requests),
      String(phase.hits),
      String(phase.requests - phase.hits),
      percent(phase.hits / phase.requests),
      phase.target === null ? '' : `${percent(phase.target)} ${isMet(phase) ? 'met' : 'MISSED'}`,
      String(phase.evictions),
      String(phase.entries),
      Number.isNaN(phase.bytesPerEntry) || phase.bytesPerEntry < 0 ? '' : phase.bytesPerEntry.toFixed(0),
      percent(phase.allowed),
      phase.us.toFixed(1),
    ]),
  ),
);
if (!phases.every(isMet)) process.exitCode = 1;

function isMet({ target, hits, requests: asked }: Phase): boolean {
  return target === null || hits / asked >= target;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
