/**
 * A process with honest connections, which come and go, over which the service is asked: as fast as it answers, or at a fixed
 * rate, and then latency counts from the moment at which a request was due. Every answer is judged.
 */
import { createHistogram } from 'node:perf_hooks';
import { message } from '../lib/message.ts';
import type { Message } from '../lib/message.ts';
import { random } from '../lib/random.ts';
import type { Random } from '../lib/random.ts';
import { askOf, CLASSES } from '../reload/policies.ts';
import type { RequestClass, SetName } from '../reload/policies.ts';
import { Connection } from './connection.ts';
import type { Call, ConnectionEvents } from './connection.ts';
import { Judge, OVERLOADED } from './judge.ts';
import type { Revisions } from './judge.ts';

export interface HonestTask {
  readonly port: number;
  readonly services: number;
  readonly seed: number;
  readonly revisions: Revisions;
  readonly connections: number;
  /** Of all connections together while the service is asked as fast as it answers. */
  readonly inFlight: number;
}

export type ToHonest =
  | { readonly ask: 'start'; readonly task: HonestTask }
  /** Requests a second; 0: as fast as they are answered. */
  | { readonly ask: 'rate'; readonly perSecond: number }
  /** Connections that are left a second, for new ones. */
  | { readonly ask: 'churn'; readonly perSecond: number }
  | { readonly ask: 'expect'; readonly set: SetName | null }
  | { readonly ask: 'report' }
  | { readonly ask: 'stop' };

export interface HonestReport {
  readonly answers: number;
  readonly wrong: number;
  /** Denials because the service had too much in hand. */
  readonly overloaded: number;
  /** Calls that ended otherwise than with an answer, those of lost connections aside. */
  readonly failed: number;
  /** Connections that ended before their calls were answered. */
  readonly lost: readonly LostConnection[];
  /** What was wrong or failed, the first of them word by word. */
  readonly words: readonly string[];
  readonly opened: number;
  /** How many the service itself asked to leave. */
  readonly toldToLeave: number;
  readonly unanswered: number;
  /** Milliseconds. */
  readonly latency: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly longestLateMs: number;
}

export interface LostConnection {
  readonly localPort: number;
  readonly why: string;
}

const REQUESTS_PER_CLASS = 2_000;
/** Of ten: most requests are allowed under both sets. */
const TURNS: readonly RequestClass[] = ['both', 'both', 'both', 'both', 'both', 'both', ...CLASSES.slice(1)];
const MAX_WORDS = 20;
/** At the end, what is in flight has so long to be answered. */
const LAST_ANSWERS_MS = 10_000;

class HonestClient implements ConnectionEvents {
  readonly #task: HonestTask;
  readonly #random: Random;
  readonly #judge: Judge;
  readonly #messages: readonly (readonly Message[])[];
  readonly #connections: Connection[] = [];
  readonly #leaving = new Set<Connection>();
  #latencyUs = createHistogram();
  readonly #words: string[] = [];
  readonly #lost: LostConnection[] = [];
  #answers = 0;
  #wrong = 0;
  #overloaded = 0;
  #failed = 0;
  #opened = 0;
  #toldToLeave = 0;
  #perSecond = 0;
  #startedMs = 0;
  #sent = 0;
  #turn = 0;
  #longestLateMs = 0;
  #running = true;
  #churn: NodeJS.Timeout | undefined;

  constructor(task: HonestTask) {
    this.#task = task;
    this.#random = random(task.seed);
    this.#judge = new Judge(task.revisions);
    this.#messages = CLASSES.map((of) =>
      Array.from({ length: REQUESTS_PER_CLASS }, () => message(askOf(of, task.services, this.#random))),
    );
    for (let n = 0; n < task.connections; n++) this.#connect();
    this.rate(0);
    setInterval(() => this.#sendDue(), 1);
  }

  rate(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#startedMs = performance.now();
    this.#sent = 0;
    this.#longestLateMs = 0;
    this.#latencyUs = createHistogram();
  }

  churn(perSecond: number): void {
    clearInterval(this.#churn);
    if (perSecond > 0) this.#churn = setInterval(() => this.#replaceOne(), 1_000 / perSecond);
  }

  expect(set: SetName | null): void {
    this.#judge.expectOnly(set);
  }

  #connect(): void {
    this.#opened++;
    this.#connections.push(new Connection(this.#task.port, this));
  }

  #replaceOne(): void {
    const [connection] = this.#connections.splice(this.#random.int(this.#connections.length), 1);
    this.#connect();
    if (connection === undefined) return;
    this.#leaving.add(connection);
    connection.leave();
  }

  #sendDue(): void {
    if (!this.#running) return;
    if (this.#perSecond === 0) {
      for (const connection of this.#connections) {
        const wanted = Math.ceil(this.#task.inFlight / this.#task.connections);
        while (connection.open < wanted && this.#ask(connection, performance.now()));
        connection.flush();
      }
      return;
    }
    const elapsedMs = performance.now() - this.#startedMs;
    const due = Math.floor((elapsedMs * this.#perSecond) / 1_000);
    if (this.#sent < due)
      this.#longestLateMs = Math.max(this.#longestLateMs, elapsedMs - ((this.#sent + 1) * 1_000) / this.#perSecond);
    while (this.#sent < due) {
      const dueMs = this.#startedMs + ((this.#sent + 1) * 1_000) / this.#perSecond;
      if (!this.#askAny(dueMs)) break;
      this.#sent++;
    }
    for (const connection of this.#connections) connection.flush();
  }

  /** False: no connection takes one now, which makes what is due late. */
  #askAny(dueMs: number): boolean {
    for (let tries = 0; tries < this.#connections.length; tries++) {
      this.#turn = (this.#turn + 1) % this.#connections.length;
      if (this.#ask(this.#connections[this.#turn]!, dueMs)) return true;
    }
    return false;
  }

  #ask(connection: Connection, dueMs: number): boolean {
    const kind = CLASSES.indexOf(TURNS[this.#random.int(TURNS.length)]!);
    const bytes = this.#random.pick(this.#messages[kind]!).next(this.#random);
    if (!connection.takes(bytes.length)) return false;
    connection.ask(bytes, { dueMs, sentMs: performance.now(), kind });
    return true;
  }

  answered(call: Call, bytes: Buffer): void {
    this.#answers++;
    this.#latencyUs.record(Math.max(1, Math.round((performance.now() - call.dueMs) * 1_000)));
    const problem = this.#judge.verdict(call.kind, call.sentMs, bytes);
    if (problem === null) return;
    if (problem === OVERLOADED) {
      this.#overloaded++;
      return;
    }
    this.#wrong++;
    this.#say(problem);
  }

  failed(_call: Call, why: string): void {
    this.#failed++;
    this.#say(why);
  }

  closed(connection: Connection, why: string | null): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) {
      // Not one that we left.
      if (why === null) this.#toldToLeave++;
      this.#connections.splice(at, 1);
      if (this.#running) this.#connect();
    }
    this.#leaving.delete(connection);
    if (why !== null) this.#lost.push({ localPort: connection.localPort, why });
  }

  #say(what: string): void {
    if (this.#words.length < MAX_WORDS) this.#words.push(what);
  }

  report(): HonestReport {
    const ms = (percentile: number): number => this.#latencyUs.percentile(percentile) / 1_000;
    return {
      answers: this.#answers,
      wrong: this.#wrong,
      overloaded: this.#overloaded,
      failed: this.#failed,
      lost: this.#lost,
      words: this.#words,
      opened: this.#opened,
      toldToLeave: this.#toldToLeave,
      unanswered: this.#open(),
      latency: {
        p50: ms(50),
        p99: ms(99),
        p999: ms(99.9),
        max: this.#latencyUs.count === 0 ? 0 : this.#latencyUs.max / 1_000,
      },
      longestLateMs: this.#longestLateMs,
    };
  }

  #open(): number {
    return [...this.#connections, ...this.#leaving].reduce((sum, { open }) => sum + open, 0);
  }

  async stop(): Promise<HonestReport> {
    this.churn(0);
    this.#running = false;
    const endMs = performance.now() + LAST_ANSWERS_MS;
    while (this.#open() > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
    const report = this.report();
    for (const connection of [...this.#connections, ...this.#leaving]) connection.destroy();
    return report;
  }
}

let client: HonestClient | null = null;

process.on('message', (told: ToHonest) => {
  if (told.ask === 'start') client = new HonestClient(told.task);
  else if (client === null) throw new Error('not started yet');
  else
    switch (told.ask) {
      case 'rate':
        client.rate(told.perSecond);
        return;
      case 'churn':
        client.churn(told.perSecond);
        return;
      case 'expect':
        client.expect(told.set);
        return;
      case 'report':
        process.send!(client.report());
        return;
      case 'stop':
        void client.stop().then((report) => process.send!(report, () => process.exit(0)));
    }
});

// However the soak went, nothing that it started stays.
process.on('disconnect', () => process.exit(1));
