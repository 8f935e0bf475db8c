/**
 * Asks the service at a fixed rate, whatever the answers do (an open loop), over a few HTTP/2 connections, and looks
 * at every answer. Latency counts from the moment at which a request was due, so that a stall is not left out of it.
 */
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { createHistogram } from 'node:perf_hooks';
import type { RecordableHistogram } from 'node:perf_hooks';
import type { Claim } from '../../src/attributes/claim.ts';
import { WireReader } from '../../src/extauthz/wire/reader.ts';
import { readStruct } from '../../src/extauthz/wire/struct.ts';
import { message } from '../lib/message.ts';
import type { Message } from '../lib/message.ts';
import { random } from '../lib/random.ts';
import type { Random } from '../lib/random.ts';
import { askOf, CLASSES } from './policies.ts';
import type { RequestClass } from './policies.ts';

export interface ClientTask {
  readonly port: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly services: number;
  readonly seed: number;
}

export type ToClient =
  | { readonly ask: 'start'; readonly task: ClientTask }
  | { readonly ask: 'phase'; readonly name: string }
  | { readonly ask: 'stop' };

/** Milliseconds. */
export interface PhaseFigures {
  readonly answers: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Answers that are gRPC errors, or no answers. */
  readonly errors: readonly string[];
  readonly errorCount: number;
}

export interface ClientReport {
  readonly phases: Readonly<Record<string, PhaseFigures>>;
  /** How often requests of a class were allowed and denied under a revision. */
  readonly answers: readonly {
    readonly revision: string;
    readonly of: RequestClass;
    readonly allowed: number;
    readonly denied: number;
  }[];
  /** Of each connection, the revisions in the order in which its answers had them, neighbours alike once. */
  readonly revisions: readonly (readonly string[])[];
  /** By which the client itself was late: part of every latency. */
  readonly longestLateMs: number;
}

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
/** Different requests of each class: enough that the cache is neither always hit nor never. */
const REQUESTS_PER_CLASS = 4000;
/** Of ten: most requests are allowed under both sets. */
const TURNS: readonly RequestClass[] = ['both', 'both', 'both', 'both', 'both', 'both', ...CLASSES.slice(1)];
/** Errors that are kept word by word. */
const MAX_ERRORS = 10;

class Phase {
  readonly latencyUs: RecordableHistogram = createHistogram();
  readonly errors: string[] = [];
  errorCount = 0;

  fail(what: string): void {
    this.errorCount++;
    if (this.errors.length < MAX_ERRORS) this.errors.push(what);
  }

  figures(): PhaseFigures {
    const ms = (percentile: number): number => this.latencyUs.percentile(percentile) / 1000;
    return {
      answers: this.latencyUs.count,
      p50: ms(50),
      p99: ms(99),
      p999: ms(99.9),
      max: this.latencyUs.count === 0 ? 0 : this.latencyUs.max / 1000,
      errors: this.errors,
      errorCount: this.errorCount,
    };
  }
}

class LoadClient {
  readonly #task: ClientTask;
  readonly #random: Random;
  readonly #sessions: ClientHttp2Session[];
  readonly #messages: ReadonlyMap<RequestClass, readonly Message[]>;
  readonly #phases = new Map<string, Phase>();
  readonly #answers = new Map<string, { allowed: number; denied: number }>();
  readonly #revisions: string[][];
  readonly #startedMs = performance.now();
  #phase: Phase;
  #sent = 0;
  #open = 0;
  #longestLateMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(task: ClientTask) {
    this.#task = task;
    this.#random = random(task.seed);
    this.#messages = new Map(
      CLASSES.map((of) => [
        of,
        Array.from({ length: REQUESTS_PER_CLASS }, () => message(askOf(of, task.services, this.#random))),
      ]),
    );
    this.#sessions = Array.from({ length: task.connections }, () => connect(`http://127.0.0.1:${task.port}`));
    this.#revisions = this.#sessions.map(() => []);
    this.#phase = this.phase('start');
    for (const session of this.#sessions)
      session.on('error', (error: Error) => this.#phase.fail(`connection: ${error.message}`));
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#sendDue(), 1);
  }

  phase(name: string): Phase {
    this.#phase = new Phase();
    this.#phases.set(name, this.#phase);
    return this.#phase;
  }

  #sendDue(): void {
    const { perSecond } = this.#task;
    const elapsedMs = performance.now() - this.#startedMs;
    const due = Math.floor((elapsedMs * perSecond) / 1000);
    if (this.#sent < due)
      this.#longestLateMs = Math.max(this.#longestLateMs, elapsedMs - ((this.#sent + 1) * 1000) / perSecond);
    while (this.#sent < due) this.#send(this.#startedMs + (++this.#sent * 1000) / perSecond);
  }

  #send(dueMs: number): void {
    const phase = this.#phase;
    const connection = this.#sent % this.#sessions.length;
    const of = TURNS[this.#random.int(TURNS.length)]!;
    const payload = this.#random.pick(this.#messages.get(of)!).next(this.#random);
    const frame = Buffer.allocUnsafe(5 + payload.length);
    frame[0] = 0;
    frame.writeUInt32BE(payload.length, 1);
    payload.copy(frame, 5);
    const stream = this.#sessions[connection]!.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: CHECK,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    this.#open++;
    let received: Buffer = Buffer.alloc(0);
    let status = 'none';
    let answered = false;
    stream.on('response', (headers: IncomingHttpHeaders) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('trailers', (headers: IncomingHttpHeaders) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (answered || received.length < 5 || received.length < 5 + received.readUInt32BE(1)) return;
      // Looked at as soon as it is whole, so that answers are seen in the order in which they came.
      answered = true;
      this.#look(received.subarray(5), of, connection, phase);
    });
    stream.on('error', (error: Error) => phase.fail(`stream: ${error.message}`));
    stream.on('close', () => {
      this.#open--;
      if (status !== '0' || !answered) phase.fail(`grpc-status ${status}${answered ? '' : ', no answer'}`);
      else phase.latencyUs.record(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
    });
    stream.end(frame);
  }

  #look(bytes: Buffer, of: RequestClass, connection: number, phase: Phase): void {
    const { code, metadata } = readAnswer(bytes);
    const revision = metadata.get('revision');
    const allowed = code === 0;
    if (typeof revision !== 'string' || (metadata.get('decision') === 'allow') !== allowed) {
      phase.fail(`an answer without revision, or one that contradicts itself: ${JSON.stringify([code, ...metadata])}`);
      return;
    }
    const key = `${revision} ${of}`;
    let counts = this.#answers.get(key);
    if (counts === undefined) this.#answers.set(key, (counts = { allowed: 0, denied: 0 }));
    if (allowed) counts.allowed++;
    else counts.denied++;
    const seen = this.#revisions[connection]!;
    if (seen.at(-1) !== revision) seen.push(revision);
  }

  async stop(): Promise<ClientReport> {
    clearInterval(this.#timer);
    for (let waited = 0; this.#open > 0 && waited < 100; waited++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    if (this.#open > 0) this.#phase.fail(`${this.#open} requests were never answered`);
    for (const session of this.#sessions) session.close();
    return {
      phases: Object.fromEntries([...this.#phases].map(([name, phase]) => [name, phase.figures()])),
      answers: [...this.#answers].map(([key, counts]) => {
        const [revision, of] = key.split(' ') as [string, RequestClass];
        return { revision, of, ...counts };
      }),
      revisions: this.#revisions,
      longestLateMs: this.#longestLateMs,
    };
  }
}

/** CheckResponse: `status` (1) with its `code` (1), and `dynamic_metadata` (4), which comes in two parts to be merged. */
function readAnswer(bytes: Buffer): { readonly code: number; readonly metadata: ReadonlyMap<string, Claim> } {
  let code = 0;
  const metadata = new Map<string, Claim>();
  const response = new WireReader(bytes);
  while (response.next()) {
    if (response.field === 1) {
      const status = response.message();
      while (status.next()) {
        if (status.field === 1) code = status.number();
        else status.skip();
      }
    } else if (response.field === 4)
      for (const [name, value] of readStruct(response.message())) metadata.set(name, value);
    else response.skip();
  }
  return { code, metadata };
}

let client: LoadClient | null = null;

process.on('message', (told: ToClient) => {
  if (told.ask === 'start') client = new LoadClient(told.task);
  else if (client === null) throw new Error('not started yet');
  else if (told.ask === 'phase') client.phase(told.name);
  else
    void client.stop().then((report) => {
      process.send!(report, () => process.exit(0));
    });
});

// However the benchmark went, nothing that it started stays.
process.on('disconnect', () => process.exit(1));
