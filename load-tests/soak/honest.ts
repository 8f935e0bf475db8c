/**
 * A process with honest connections, which come and go, over which the service is asked: as fast as it answers, or at a fixed
 * rate, and then latency counts from the moment at which a request was due. Every answer is judged.
 */
import { createHistogram } from 'node:perf_hooks';
import { checkRequest } from '../../test/extauthz/support/engine.ts';
import { envoyFields } from '../generator/call-headers.ts';
import type { Fields } from '../generator/call-headers.ts';
import { ClientConnection } from '../generator/connection.ts';
import type { ConnectionOwner } from '../generator/connection.ts';
import { PreparedRequest } from '../generator/prepared-request.ts';
import { random } from '../lib/random.ts';
import type { Random } from '../lib/random.ts';
import { askOf, CLASSES } from '../reload/policies.ts';
import type { RequestClass, SetName } from '../reload/policies.ts';
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

/** In the place of every id that differs in every request. */
const SOME_ID = '00000000-0000-4000-8000-000000000000';
/** What Envoy sends, but for the time that it waits: here every answer is waited for. */
const FIELDS: Fields = envoyFields().filter(([name]) => name !== 'grpc-timeout');
const WINDOW_BYTES = 2 ** 20;
const MAX_IN_FLIGHT = 1_000;

/** One connection, with what became of its calls. */
class Honest implements ConnectionOwner {
  readonly #client: HonestClient;
  readonly connection: ClientConnection;
  /** Of calls that have failed; whether with their connection or alone is known only afterwards. */
  #failures: string[] = [];
  #localPort = 0;
  #told = false;
  /** We leave: nothing more is asked, and when all is answered it is closed. */
  left = false;

  constructor(client: HonestClient, port: number) {
    this.#client = client;
    this.connection = new ClientConnection(
      {
        address: `127.0.0.1:${port}`,
        fields: FIELDS,
        windowBytes: WINDOW_BYTES,
        maxInFlight: MAX_IN_FLIGHT,
        firstStreamId: 1,
      },
      this,
    );
  }

  get takes(): boolean {
    return !this.left && this.connection.canStart;
  }

  leave(): void {
    this.left = true;
    if (this.connection.inFlight === 0) this.connection.destroy();
  }

  read(bytes: Buffer, start: number, end: number): number {
    return this.#client.judge.read(bytes, start, end);
  }

  answered(request: number, dueMs: number, read: number): void {
    this.#client.answered(request, dueMs, read);
  }

  failed(_request: number, _dueMs: number, why: string): void {
    if (this.#failures.length === 0) queueMicrotask(() => this.#countFailures());
    this.#failures.push(why);
  }

  /** Envoy would have no answer for such a call either. */
  returned(request: number, dueMs: number): void {
    this.failed(request, dueMs, 'a call that GOAWAY left out');
  }

  room(): void {
    this.#localPort ||= this.connection.localPort ?? 0;
    if (this.left) this.leave();
  }

  leaving(): void {
    this.#told = true;
  }

  closed(_connection: ClientConnection, why: string): void {
    const unanswered = this.#failures.length;
    this.#failures = [];
    const good = unanswered === 0 && (this.left || this.#told) && !why.includes('protocol') && !why.includes('code');
    this.#client.closed(this, this.#localPort, good ? null : `${unanswered} calls were not answered: ${why}`);
  }

  #countFailures(): void {
    for (const why of this.#failures) this.#client.failed(why);
    this.#failures = [];
  }
}

class HonestClient {
  readonly #task: HonestTask;
  readonly #random: Random;
  readonly judge: Judge;
  readonly #requests: readonly (readonly PreparedRequest[])[];
  readonly #connections: Honest[] = [];
  readonly #leaving = new Set<Honest>();
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
  #number = 0;
  #turn = 0;
  #longestLateMs = 0;
  #running = true;
  #churn: NodeJS.Timeout | undefined;

  constructor(task: HonestTask) {
    this.#task = task;
    this.#random = random(task.seed);
    this.judge = new Judge(task.revisions);
    this.#requests = CLASSES.map((of) =>
      Array.from({ length: REQUESTS_PER_CLASS }, () => {
        const ask = askOf(of, task.services, this.#random);
        const headers = { 'x-request-id': SOME_ID };
        return new PreparedRequest({ bytes: checkRequest({ ...ask, headers }), allowed: null });
      }),
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
    this.judge.expectOnly(set);
  }

  #connect(): void {
    this.#opened++;
    this.#connections.push(new Honest(this, this.#task.port));
  }

  #replaceOne(): void {
    const [honest] = this.#connections.splice(this.#random.int(this.#connections.length), 1);
    this.#connect();
    if (honest === undefined) return;
    this.#leaving.add(honest);
    honest.leave();
  }

  #sendDue(): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    if (this.#perSecond === 0) {
      const wanted = Math.ceil(this.#task.inFlight / this.#task.connections);
      for (const honest of this.#connections)
        while (honest.takes && honest.connection.inFlight < wanted) this.#ask(honest, nowMs);
    } else {
      const elapsedMs = nowMs - this.#startedMs;
      const due = Math.floor((elapsedMs * this.#perSecond) / 1_000);
      if (this.#sent < due)
        this.#longestLateMs = Math.max(this.#longestLateMs, elapsedMs - ((this.#sent + 1) * 1_000) / this.#perSecond);
      while (this.#sent < due) {
        const honest = this.#nextThatTakes();
        // What is due is late, and its latency tells.
        if (honest === null) break;
        this.#ask(honest, this.#startedMs + (++this.#sent * 1_000) / this.#perSecond);
      }
    }
    for (const { connection } of this.#connections) connection.flush();
  }

  #nextThatTakes(): Honest | null {
    for (let tries = 0; tries < this.#connections.length; tries++) {
      this.#turn = (this.#turn + 1) % this.#connections.length;
      if (this.#connections[this.#turn]!.takes) return this.#connections[this.#turn]!;
    }
    return null;
  }

  #ask({ connection }: Honest, dueMs: number): void {
    const kind = CLASSES.indexOf(TURNS[this.#random.int(TURNS.length)]!);
    const request = this.judge.epoch * CLASSES.length + kind;
    connection.start(this.#random.pick(this.#requests[kind]!), request, dueMs, this.#number++, Date.now());
  }

  answered(request: number, dueMs: number, read: number): void {
    this.#answers++;
    this.#latencyUs.record(Math.max(1, Math.round((performance.now() - dueMs) * 1_000)));
    const kind = request % CLASSES.length;
    const problem = this.judge.verdict(kind, (request - kind) / CLASSES.length, read);
    if (problem === null) return;
    if (problem === OVERLOADED) {
      this.#overloaded++;
      return;
    }
    this.#wrong++;
    this.#say(problem);
  }

  failed(why: string): void {
    this.#failed++;
    this.#say(why);
  }

  /** `why`: null when it ended as it should: one of us was leaving, and every call was answered. */
  closed(honest: Honest, localPort: number, why: string | null): void {
    const at = this.#connections.indexOf(honest);
    if (at >= 0) {
      if (why === null) this.#toldToLeave++;
      this.#connections.splice(at, 1);
      if (this.#running) this.#connect();
    }
    this.#leaving.delete(honest);
    if (why !== null) this.#lost.push({ localPort, why });
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
    return [...this.#connections, ...this.#leaving].reduce((sum, { connection }) => sum + connection.inFlight, 0);
  }

  async stop(): Promise<HonestReport> {
    this.churn(0);
    this.#running = false;
    const endMs = performance.now() + LAST_ANSWERS_MS;
    while (this.#open() > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
    const report = this.report();
    for (const { connection } of [...this.#connections, ...this.#leaving]) connection.destroy();
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
