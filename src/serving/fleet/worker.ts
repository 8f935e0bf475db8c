/** One worker, as the primary sees it. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Answers, Question, QuestionOf } from '../../admin/observe/questions.ts';
import type { ProofMemory } from '../../identity/jwt/used-proofs.ts';
import type { RuleHits } from '../../telemetry/rule-hits.ts';
import type { DataPlaneReading } from '../data-plane.ts';
import type { Candidate } from './least-loaded.ts';
import type { Beat, Beginning, FromWorker, ToWorker } from './messages.ts';
import { sendSnapshot } from './snapshot-pipe.ts';
import { passOnLines } from './whole-lines.ts';
import type { LineTaker } from './whole-lines.ts';

/** The compiled file has another ending, which the compiler does not write here for us. */
const FILE = import.meta.url.endsWith('.ts')
  ? new URL('./worker-main.ts', import.meta.url)
  : new URL('./worker-main.js', import.meta.url);

/** Who asks for figures does not wait longer than this for a worker that is busy; the last ones are at hand. */
const READ_TIMEOUT_MS = 1000;
/** Nor for the answer to a question of the admin server. */
const ANSWER_TIMEOUT_MS = 2000;
/** More are refused: a worker that hangs is asked again and again. */
const MAX_QUESTIONS = 64;

export interface WorkerOptions {
  readonly beginning: Beginning;
  readonly usedProofs: ProofMemory;
  /** Gets what rules decided, each decision once. */
  readonly count: (ruleHits: readonly RuleHits[]) => void;
  /** Where the lines of its standard error and its standard output go. */
  readonly lines: LineTaker;
  readonly stdout: LineTaker;
}

/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** It has ended, before it could do what it was asked for. */
export class WorkerEnded extends Error {
  override readonly name = 'WorkerEnded';
}

/** It said that it cannot do what it was asked for. */
export class WorkerRefused extends Error {
  override readonly name = 'WorkerRefused';
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

export class Worker implements Candidate {
  readonly #child: ChildProcess;
  readonly #pipe: Writable;
  readonly #usedProofs: ProofMemory;
  readonly #count: (ruleHits: readonly RuleHits[]) => void;
  /** By what they wait for. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #reads = new Map<number, (reading: DataPlaneReading) => void>();
  readonly #questions = new Map<number, (answer: Answers[Question['kind']] | undefined) => void>();
  /** See {@link Beginning}. */
  readonly number: number;
  readonly ended: Promise<End>;
  #beat: Beat | null = null;
  #hasBegun = false;
  #silentTicks = 0;
  #handed = 0;
  #snapshots = 0;
  #sent: Promise<void> = Promise.resolve();
  #readNumber = 0;
  #questionNumber = 0;
  #lastReading: DataPlaneReading | null = null;
  #isRunning = true;

  constructor({ beginning, usedProofs, count, lines, stdout }: WorkerOptions) {
    this.number = beginning.number;
    this.#usedProofs = usedProofs;
    this.#count = count;
    const child = fork(FILE, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    });
    this.#child = child;
    this.#pipe = child.stdio[4] as Writable;
    // What it means is that the worker is gone, which its end says.
    this.#pipe.on('error', () => undefined);
    passOnLines(child.stderr as Readable, lines);
    passOnLines(child.stdout as Readable, stdout);
    child.on('message', (message) => this.#hear(message as FromWorker));
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => this.#end({ code, signal }, resolve));
      child.once('error', (cause) => {
        // Not started at all: there is no `exit` then.
        if (child.pid === undefined) this.#end({ code: null, signal: null }, resolve, cause);
      });
    });
    this.#send({ kind: 'begin', ...beginning });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  get beat(): Beat | null {
    return this.#beat;
  }

  get handed(): number {
    return this.#handed;
  }

  get lastReading(): DataPlaneReading | null {
    return this.#lastReading;
  }

  /** Resolves when it can take connections. */
  begun(): Promise<void> {
    return this.#wait('begun');
  }

  /** Resolves with the number to {@link use} when it has the snapshot and could decide by it. */
  async prepare(buffer: SharedArrayBuffer): Promise<number> {
    const number = ++this.#snapshots;
    const prepared = this.#wait(`prepared ${number}`);
    // After the one before, whose answer nobody may be waiting for any more.
    const sent = this.#sent.then(() => sendSnapshot(this.#pipe, buffer));
    this.#sent = sent.catch(() => undefined);
    const arrived = sent.catch((cause: unknown) => {
      throw new WorkerEnded('the snapshot did not reach it', { cause });
    });
    await Promise.all([arrived, prepared]);
    return number;
  }

  /** Resolves when it decides by what it has prepared last. */
  use(number: number): Promise<void> {
    const using = this.#wait(`using ${number}`);
    this.#send({ kind: 'use', number });
    return using;
  }

  /** `socket` is the worker's from here on. */
  give(socket: Socket): void {
    this.#handed += 1;
    if (!this.#isRunning) {
      socket.destroy();
      return;
    }
    const message: ToWorker = { kind: 'connection' };
    this.#child.send(message, socket, {}, (cause) => {
      if (cause !== null) socket.destroy();
    });
  }

  /** The last figures when it does not answer in time; null: there never were any. */
  async read(): Promise<DataPlaneReading | null> {
    const id = ++this.#readNumber;
    let timer: NodeJS.Timeout | undefined;
    const reading = await new Promise<DataPlaneReading | null>((resolve) => {
      timer = setTimeout(() => resolve(null), READ_TIMEOUT_MS);
      this.#reads.set(id, resolve);
      this.#send({ kind: 'read', id });
    });
    clearTimeout(timer);
    this.#reads.delete(id);
    return reading ?? this.#lastReading;
  }

  /** undefined: no answer in time. */
  async ask<Kind extends Question['kind']>(question: QuestionOf<Kind>): Promise<Answers[Kind] | undefined> {
    if (!this.#isRunning || this.#questions.size >= MAX_QUESTIONS) return undefined;
    const id = ++this.#questionNumber;
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answers[Question['kind']] | undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
      this.#questions.set(id, resolve);
      this.#send({ kind: 'ask', id, question });
    });
    clearTimeout(timer);
    this.#questions.delete(id);
    return answer as Answers[Kind] | undefined;
  }

  /** Once in the time of a beat: for how many of them it has given no sign of life. */
  tick(): number {
    return ++this.#silentTicks;
  }

  /** It can take connections. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** How many ticks ago it gave a sign of life. */
  get silentTicks(): number {
    return this.#silentTicks;
  }

  /** Tells it to answer what is in flight and to end. */
  drain(timeoutMs: number): void {
    this.#send({ kind: 'drain', timeoutMs });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #send(message: ToWorker): void {
    if (!this.#isRunning) return;
    // A worker that is gone cannot be told anything, and its end is heard of.
    this.#child.send(message, undefined, {}, () => undefined);
  }

  #wait(what: string): Promise<void> {
    if (!this.#isRunning) return Promise.reject(new WorkerEnded('it has ended'));
    return new Promise((resolve, reject) => this.#waiting.set(what, { resolve, reject }));
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'begun':
        this.#hasBegun = true;
        this.#silentTicks = 0;
        this.#settle('begun');
        break;
      case 'failed':
        this.#settle('begun', new WorkerRefused(message.message));
        break;
      case 'prepared':
      case 'using':
        this.#settle(`${message.kind} ${message.number}`);
        break;
      case 'unusable':
        this.#settle(`prepared ${message.number}`, new WorkerRefused(message.message));
        break;
      case 'beat':
        this.#beat = message;
        this.#silentTicks = 0;
        break;
      case 'reading':
        this.#count(message.ruleHits);
        this.#lastReading = message.reading;
        this.#reads.get(message.id)?.(message.reading);
        break;
      case 'answer':
        this.#questions.get(message.id)?.(message.answer);
        break;
      case 'proof':
        void this.#answerProof(message.id, message.thumbprint, message.jti);
        break;
    }
  }

  async #answerProof(id: number, thumbprint: string, jti: string): Promise<void> {
    this.#send({ kind: 'proofUse', id, use: await this.#usedProofs.use(thumbprint, jti) });
  }

  #settle(what: string, failure: Error | null = null): void {
    const waiting = this.#waiting.get(what);
    this.#waiting.delete(what);
    if (failure === null) waiting?.resolve();
    else waiting?.reject(failure);
  }

  #end(end: End, resolve: (end: End) => void, cause?: Error): void {
    this.#isRunning = false;
    for (const what of [...this.#waiting.keys()]) this.#settle(what, new WorkerEnded('it has ended', { cause }));
    for (const answer of this.#questions.values()) answer(undefined);
    for (const answer of this.#reads.values()) if (this.#lastReading !== null) answer(this.#lastReading);
    resolve(end);
  }
}
