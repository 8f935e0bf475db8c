/** Measures one size of one shape, in a process of its own. */
import type { Decision } from '../../src/pdp/decision.ts';
import { random } from '../lib/random.ts';
import { median } from '../lib/statistics.ts';
import { buildEngine, outcome, outcomeNumber } from './engine.ts';
import type { Engine, Prepared } from './engine.ts';
import type { ChildTask, PreparedFacts, Slice, SlowestFacts } from './protocol.ts';
import { SHAPES } from './shapes/all.ts';
import { policySetOf } from './shapes/shape.ts';
import type { Part, RequestKind } from './shapes/shape.ts';

/** Of rules that are compiled before anything is measured: so that code is compiled and its memory taken. */
const WARM_RULES = 1000;
/** Enough that no measured decision is evicted. */
const CACHE_ENTRIES = 200_000;
/** A batch lasts about this long: a thousand times what the clock resolves, and short beside a scheduler's slice. */
const BATCH_NS = 200_000;
/** So many messages stay in the processor's caches from their being walked to their being decided. */
const MAX_BATCH = 64;
/** Repeats of each request when the slowest one is looked for. */
const REPEATS = 5;

interface Requests {
  readonly kind: RequestKind;
  readonly prepared: readonly Prepared[];
  /** What decides each: see {@link outcomeNumber}. */
  readonly outcomes: Int32Array;
  /** Where the next batch begins. */
  at: number;
}

export class Measurement {
  readonly #engine: Engine;
  readonly #requests: readonly Requests[];
  readonly facts: PreparedFacts;

  constructor(task: ChildTask) {
    const shape = SHAPES.find(({ name }) => name === task.shape);
    if (shape === undefined) throw new Error(`there is no shape ${task.shape}`);
    const part = shape.part(task.rules);
    warmUp(shape.part(Math.min(task.rules, WARM_RULES)), task.seed);

    const before = memory();
    const built = buildOften(part, task);
    this.#engine = built.engine;
    const afterBuild = memory();

    const asked = drawRequests(part, task, this.#engine);
    const beforeUse = memory();
    const scopeNs = firstScopes(asked, this.#engine, task.checkMs);
    const { requests, checked } = checkAll(asked, this.#engine, task);
    this.#requests = requests;
    const afterUse = memory();
    const heapBytes = added(before, afterBuild);
    // Alive until here: their going would be taken for room that the snapshot gave back.
    sink.sum += asked.expected.length;
    this.facts = {
      kinds: part.kinds,
      ruleCount: this.#engine.snapshot.ruleCount,
      buildSeconds: built.seconds,
      buildCpuSeconds: built.cpuSeconds,
      scopeUs: median(scopeNs) / 1000,
      workloads: scopeNs.length,
      heapBytes,
      heapBytesInUse: heapBytes + added(beforeUse, afterUse),
      checked,
    };
  }

  round(sliceMs: number): Slice[] {
    const slices = this.#requests.map((requests) =>
      slice(requests.kind, requests, sliceMs, this.#engine, (prepared) => this.#engine.decide(prepared)),
    );
    const cached = this.#requests.find(({ kind }) => kind === 'random') ?? this.#requests[0]!;
    for (const prepared of cached.prepared) this.#engine.decideCached(prepared);
    const hitsBefore = this.#engine.cacheHits();
    const ofCache = slice('cached', cached, sliceMs, this.#engine, (prepared) => this.#engine.decideCached(prepared));
    if (this.#engine.cacheHits() - hitsBefore !== ofCache.decisions)
      throw new Error('a decision that should have been in the cache was made anew');
    return [...slices, ofCache];
  }

  slowest(budgetMs: number): SlowestFacts {
    const endMs = performance.now() + budgetMs;
    let slowest: SlowestFacts = { ns: 0, kind: 'miss' };
    // In turn, so that a short budget leaves no kind out.
    for (let i = 0; performance.now() < endMs; i++) {
      let some = false;
      for (const { kind, prepared } of this.#requests) {
        const one = prepared[i];
        if (one === undefined) continue;
        some = true;
        const ns = this.#quickest(one);
        if (ns > slowest.ns) slowest = { ns, kind };
      }
      if (!some) break;
    }
    return slowest;
  }

  #quickest(prepared: Prepared): number {
    let quickest = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const started = process.hrtime.bigint();
      sink.sum += outcomeNumber(this.#engine.decide(prepared));
      quickest = Math.min(quickest, Number(process.hrtime.bigint() - started));
    }
    return quickest;
  }
}

/** What is computed goes somewhere, or the compiler may leave it out. */
const sink = { sum: 0 };

function slice(
  of: Slice['of'],
  requests: Requests,
  sliceMs: number,
  engine: Engine,
  decideOne: (prepared: Prepared) => Decision,
): Slice {
  const { prepared, outcomes } = requests;
  const batchesNs: number[] = [];
  const cpuBefore = process.threadCpuUsage();
  const endMs = performance.now() + sliceMs;
  let batch = 1;
  let decisions = 0;
  let wrong = 0;
  let decidingNs = 0;
  const startedMs = performance.now();
  do {
    for (let n = 0; n < batch; n++) engine.receive(prepared[(requests.at + n) % prepared.length]!);
    const started = process.hrtime.bigint();
    for (let n = 0; n < batch; n++) {
      const i = requests.at;
      requests.at = i + 1 === prepared.length ? 0 : i + 1;
      // Compared in the loop: the answer is used, and a wrong one is never counted as a quick one.
      if (outcomeNumber(decideOne(prepared[i]!)) !== outcomes[i]) wrong++;
    }
    const batchNs = Number(process.hrtime.bigint() - started);
    decidingNs += batchNs;
    const perDecision = batchNs / batch;
    decisions += batch;
    batchesNs.push(perDecision);
    batch = Math.max(1, Math.min(MAX_BATCH, Math.round(BATCH_NS / perDecision)));
  } while (performance.now() < endMs);
  if (wrong > 0) throw new Error(`${wrong} of ${decisions} decisions changed while they were measured`);
  // Some systems count it in steps of milliseconds: over a whole slice that is little, over a batch it is all.
  const cpu = process.threadCpuUsage(cpuBefore);
  // Walking the messages took the rest of the time.
  const share = decidingNs / 1e6 / (performance.now() - startedMs);
  const cpuMs = ((cpu.user + cpu.system) / 1000) * share;
  // The first batch found out how large batches are to be.
  return { of, batchesNs: batchesNs.length > 1 ? batchesNs.slice(1) : batchesNs, decisions, cpuMs };
}

function warmUp(part: Part, seed: number): void {
  const engine = buildEngine(policySetOf(part), 100);
  const from = random(seed);
  for (const kind of part.kinds)
    for (let i = 0; i < 300; i++) {
      const prepared = engine.prepare(part.request(kind, from).ask);
      sink.sum += outcomeNumber(engine.decide(prepared)) + outcomeNumber(engine.decideCached(prepared));
    }
}

function buildOften(part: Part, task: ChildTask): { engine: Engine; seconds: number; cpuSeconds: number } {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  let engine: Engine | null = null;
  for (let n = 0; engine === null || n < task.builds; n++) {
    engine = null;
    const built = buildOnce(part, task.seed);
    engine = built.engine;
    seconds.push(built.seconds);
    cpuSeconds.push(built.cpuSeconds);
  }
  return { engine, seconds: median(seconds), cpuSeconds: median(cpuSeconds) };
}

/** A function of its own, so that nothing on the stack holds the policies when memory is looked at. */
function buildOnce(part: Part, seed: number): { engine: Engine; seconds: number; cpuSeconds: number } {
  const set = policySetOf(part);
  const first = part.request('miss', random(seed)).ask;
  const started = performance.now();
  const cpuBefore = process.threadCpuUsage();
  const engine = buildEngine(set, CACHE_ENTRIES);
  engine.scopeOf(engine.prepare(first));
  const cpu = process.threadCpuUsage(cpuBefore);
  return { engine, seconds: (performance.now() - started) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

interface Asked {
  readonly kinds: readonly RequestKind[];
  readonly prepared: readonly (readonly Prepared[])[];
  readonly expected: readonly (readonly string[])[];
}

function drawRequests(part: Part, task: ChildTask, engine: Engine): Asked {
  const from = random(task.seed);
  const drawn = part.kinds.map((kind) =>
    Array.from({ length: task.requests }, () => {
      const { ask, expected } = part.request(kind, from);
      return { prepared: engine.prepare(ask), expected };
    }),
  );
  return {
    kinds: part.kinds,
    prepared: drawn.map((all) => all.map(({ prepared }) => prepared)),
    expected: drawn.map((all) => all.map(({ expected }) => expected)),
  };
}

/** Nanoseconds for each workload, as far as time allows. */
function firstScopes(asked: Asked, engine: Engine, budgetMs: number): number[] {
  const endMs = performance.now() + budgetMs;
  const times: number[] = [];
  const seen = new Set<unknown>();
  for (const prepared of asked.prepared.flat()) {
    if (performance.now() > endMs) break;
    const started = process.hrtime.bigint();
    const scope = engine.scopeOf(prepared);
    const ns = Number(process.hrtime.bigint() - started);
    if (seen.has(scope)) continue;
    seen.add(scope);
    times.push(ns);
  }
  return times;
}

/** Throws at the first wrong decision. */
function checkAll(asked: Asked, engine: Engine, task: ChildTask): { requests: Requests[]; checked: number } {
  const endMs = performance.now() + task.checkMs;
  const outcomes = asked.prepared.map((all) => new Int32Array(all.length));
  let reached = 0;
  // In turn, so that a slow engine has some of every kind checked.
  for (; reached < task.requests && performance.now() < endMs; reached++)
    for (const [k, kind] of asked.kinds.entries()) {
      const decision = engine.decide(asked.prepared[k]![reached]!);
      const told = outcome(decision);
      const expected = asked.expected[k]![reached]!;
      if (told !== expected)
        throw new Error(
          `wrong: a request (${task.shape}, ${task.rules} rules, seed ${task.seed}, ${kind} ${reached}) is answered by \`${told}\` instead of \`${expected}\``,
        );
      outcomes[k]![reached] = outcomeNumber(decision);
    }
  const requests = asked.kinds.map((kind, k) => ({
    kind,
    prepared: asked.prepared[k]!.slice(0, reached),
    outcomes: outcomes[k]!,
    at: 0,
  }));
  return { requests, checked: reached * asked.kinds.length };
}

/**
 * Bytes in use. Node counts a SharedArrayBuffer under `arrayBuffers` and not under `external`, where it counts every
 * other buffer and a little besides: of what was added, the larger of the two has both.
 */
function memory(): NodeJS.MemoryUsage {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage();
}

function added(before: NodeJS.MemoryUsage, after: NodeJS.MemoryUsage): number {
  const buffers = Math.max(after.external - before.external, after.arrayBuffers - before.arrayBuffers);
  return after.heapUsed - before.heapUsed + buffers;
}
