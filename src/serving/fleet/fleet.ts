/**
 * Several processes that answer checks, under one that accepts connections, loads policies and answers for all.
 *
 * INVARIANT: a worker gets connections only while it decides by the snapshot in force, and that changes only when all
 * of them have the next one.
 */
import type { Socket } from 'node:net';
import type { Ask, Question, QuestionOf } from '../../admin/observe/questions.ts';
import type { ServiceConfig } from '../../config/config.ts';
import { USED_PROOFS_DEFAULTS, UsedProofs } from '../../identity/jwt/used-proofs.ts';
import { runStepsInSlices } from '../../lib/steps.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { addReadings, ended } from '../../telemetry/add-readings.ts';
import type { LineWriter } from '../../telemetry/line-writer.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { mergeProofStates } from '../../telemetry/merge-identity.ts';
import type { MetricsReading, WorkersState } from '../../telemetry/metrics.ts';
import { RuleHitLedger } from '../../telemetry/rule-hits.ts';
import { openFrontDoor } from '../../transport/front-door.ts';
import type { FrontDoor } from '../../transport/front-door.ts';
import type { TransportLog } from '../../transport/transport.ts';
import { isIn } from '../counted-rules.ts';
import type { DataPlane, DataPlaneReading } from '../data-plane.ts';
import { leastLoaded } from './least-loaded.ts';
import { BEAT_MS } from './messages.ts';
import { Worker, WorkerEnded } from './worker.ts';

export interface FleetOptions {
  readonly config: ServiceConfig;
  readonly log: Logger;
  /** Where the lines of the workers' logs go, and those of their standard output. */
  readonly lines: LineWriter;
  readonly stdout: LineWriter;
  /** Of the program. */
  readonly version: string;
  readonly workers: number;
}

/** Beats that may be missing before a worker is taken for hung: far more than any pause of a living one. */
const MAX_SILENT_TICKS = 10;
/** The same before it has begun: starting takes a second, and many times that where everything else starts too. */
const MAX_START_TICKS = 60;
/** Beyond so many a worker gets no connections while others give signs of life. */
const MAX_LIVELY_TICKS = 3;
/** Connections that wait while no worker serves. */
const MAX_HELD_CONNECTIONS = 256;
/** A worker that has lived so long did not end because of how it started: the next one is started at once. */
const LONG_LIFE_MS = 10_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
/** Beyond the time that calls have, for the worker to end: its last decision records have to be delivered. */
const EXIT_MS = 5000;

export class Fleet implements DataPlane {
  readonly ruleHits = new RuleHitLedger();
  readonly #options: FleetOptions;
  readonly #usedProofs = new UsedProofs(USED_PROOFS_DEFAULTS, Date.now);
  readonly #all = new Set<Worker>();
  /** Those that decide by {@link #current}. */
  readonly #serving = new Set<Worker>();
  readonly #held: Socket[] = [];
  readonly #timer: NodeJS.Timeout;
  #door: FrontDoor | null = null;
  #current: PolicySnapshot | null = null;
  #taking: Promise<void> = Promise.resolve();
  #draining = false;
  #replaced = 0;
  #delayMs = 0;
  /** Of workers that have ended. */
  #past: MetricsReading | null = null;

  private constructor(options: FleetOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), BEAT_MS);
  }

  /** @throws {@link ListenError} or {@link WorkerRefused} when the address or the certificates are not usable */
  static async open(options: FleetOptions): Promise<Fleet> {
    options.log.info({ workers: options.workers }, 'starting the processes that answer checks');
    const fleet = new Fleet(options);
    try {
      await Promise.all(Array.from({ length: options.workers }, () => fleet.#begin(fleet.#start())));
      const { config, log } = options;
      const doorLog: TransportLog = (level, message, fields) => log[level](fields, message);
      fleet.#door = await openFrontDoor({ address: config.listen }, doorLog, (socket) => fleet.#give(socket));
      return fleet;
    } catch (cause) {
      await fleet.#stop();
      throw cause;
    }
  }

  get address(): string {
    return this.#door?.address ?? this.#options.config.listen;
  }

  get workers(): WorkersState {
    return { serving: this.#serving.size, replaced: this.#replaced };
  }

  take(snapshot: PolicySnapshot): Promise<void> {
    const taken = this.#taking.then(() => this.#take(snapshot));
    this.#taking = taken.catch(() => undefined);
    return taken;
  }

  async read(): Promise<DataPlaneReading> {
    const readings = (await Promise.all([...this.#all].map((worker) => worker.read()))).filter((each) => each !== null);
    const [first, ...others] = readings;
    if (first === undefined) throw new Error('no process that answers checks tells how it is doing');
    const past = this.#past === null ? [] : [this.#past];
    const listeners = new Map(readings.flatMap((each) => each.listeners.map((one) => [one.listener, one] as const)));
    const metrics = addReadings(first.metrics, ...others.map((each) => each.metrics), ...past);
    // Their lines pass through here, and can be lost here.
    const logDroppedLines =
      (metrics.logDroppedLines ?? 0) + this.#options.lines.droppedLines + this.#options.stdout.droppedLines;
    return {
      metrics: { ...metrics, logDroppedLines, rules: this.ruleHits.read() },
      identity: mergeProofStates(first.identity, ...others.map(({ identity }) => identity)),
      listeners: [...listeners.values()],
    };
  }

  readonly ask: Ask = async <Kind extends Question['kind']>(question: QuestionOf<Kind>) => {
    const asked = [...this.#all];
    const answers = await Promise.all(asked.map((worker) => worker.ask(question)));
    return { asked: asked.length, answers: answers.filter((answer) => answer !== undefined) };
  };

  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#door?.close();
    for (const socket of this.#held.splice(0)) socket.destroy();
    const timer = setTimeout(() => {
      for (const worker of this.#all) worker.kill();
    }, timeoutMs + EXIT_MS);
    for (const worker of this.#all) worker.drain(timeoutMs);
    await Promise.all([...this.#all].map((worker) => worker.ended));
    clearTimeout(timer);
    clearInterval(this.#timer);
  }

  /** Ends everything at once, for a start that failed. */
  async #stop(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    for (const worker of this.#all) worker.kill();
    await Promise.all([...this.#all].map((worker) => worker.ended));
    this.#door?.close();
  }

  #start(): Worker {
    const { config, log, lines, stdout, version, workers: processes } = this.#options;
    const taken = new Set([...this.#all].map((each) => each.number));
    let number = 0;
    while (taken.has(number)) number += 1;
    const worker = new Worker({
      beginning: { config, version, number, processes },
      usedProofs: this.#usedProofs,
      count: (ruleHits) => this.ruleHits.add(ruleHits),
      lines,
      stdout,
    });
    const startedMs = performance.now();
    this.#all.add(worker);
    void worker.ended.then(({ code, signal }) => {
      this.#all.delete(worker);
      this.#serving.delete(worker);
      this.#remember(worker);
      if (this.#draining) return;
      log.error({ pid: worker.pid, code, signal }, 'a process that answers checks has ended, and is replaced');
      this.#replace(performance.now() - startedMs);
    });
    return worker;
  }

  /** Resolves when it serves. */
  async #begin(worker: Worker): Promise<void> {
    await worker.begun();
    // So that there is something to tell of it from the first moment on.
    await worker.read();
    let has: PolicySnapshot | null = null;
    // Another one may come into force while it takes this one.
    while (has !== this.#current) {
      has = this.#current!;
      await worker.use(await worker.prepare(has.buffer));
    }
    this.#serving.add(worker);
    for (const socket of this.#held.splice(0)) this.#give(socket);
  }

  #replace(livedMs: number): void {
    this.#replaced += 1;
    this.#delayMs = livedMs >= LONG_LIFE_MS ? 0 : Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, this.#delayMs * 2));
    const { log } = this.#options;
    setTimeout(() => {
      if (this.#draining) return;
      const worker = this.#start();
      this.#begin(worker).then(
        () => log.info({ pid: worker.pid }, 'a process that answers checks has taken the place of one that ended'),
        (cause: unknown) => {
          // Its end is logged, and has it replaced.
          if (!(cause instanceof WorkerEnded)) log.error({ err: cause }, 'a process that answers checks cannot begin');
          worker.kill();
        },
      );
    }, this.#delayMs).unref();
  }

  /** All have it, then all use it. */
  async #take(snapshot: PolicySnapshot): Promise<void> {
    const prepared = new Map<Worker, number>();
    for (;;) {
      // Those that begin meanwhile get connections, too.
      const lacking = [...this.#serving].filter((worker) => !prepared.has(worker));
      if (lacking.length === 0) break;
      await Promise.all(
        lacking.map(async (worker) => {
          const number = await alive(worker.prepare(snapshot.buffer));
          if (number !== null) {
            prepared.set(worker, number);
            return;
          }
          // Should it live on, it cannot be reached any more, and everybody would wait for it.
          worker.kill();
          await worker.ended;
        }),
      );
    }
    this.#current = snapshot;
    await Promise.all([...this.#serving].map((worker) => alive(worker.use(prepared.get(worker)!))));
    void this.#forgetRules(snapshot);
  }

  /** What was decided under the policies before is heard of first. */
  async #forgetRules(snapshot: PolicySnapshot): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.read()));
    await runStepsInSlices(this.ruleHits.keep(isIn(snapshot)));
  }

  #give(socket: Socket): void {
    // One that hangs looks idle, and would keep what it is given until it is ended.
    const lively = [...this.#serving].filter(({ silentTicks }) => silentTicks <= MAX_LIVELY_TICKS);
    const worker = leastLoaded(lively) ?? leastLoaded([...this.#serving]);
    if (worker !== null) worker.give(socket);
    else if (!this.#draining && this.#held.length < MAX_HELD_CONNECTIONS) this.#held.push(socket);
    else socket.destroy();
  }

  #tick(): void {
    for (const worker of this.#all) {
      // So that little is lost of what it has counted when it ends.
      void worker.read();
      if (worker.tick() <= (worker.hasBegun ? MAX_SILENT_TICKS : MAX_START_TICKS)) continue;
      this.#options.log.error({ pid: worker.pid }, 'a process that answers checks hangs, and is ended');
      worker.kill();
    }
  }

  #remember({ lastReading }: Worker): void {
    if (lastReading === null) return;
    const counted = ended(lastReading.metrics);
    this.#past = this.#past === null ? counted : addReadings(this.#past, counted);
  }
}

/** null: it has ended, which is not the others' fault. */
async function alive<Value>(asked: Promise<Value>): Promise<Value | null> {
  try {
    return await asked;
  } catch (cause) {
    if (cause instanceof WorkerEnded) return null;
    throw cause;
  }
}
