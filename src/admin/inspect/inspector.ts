/**
 * Looks into policies for the admin server, in a thread of its own: what takes seconds with a hundred thousand rules must not
 * keep a check waiting. One task at a time, a few that wait, each bounded in time; the thread is there while it is asked.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { keyOf } from '../../telemetry/rule-hits.ts';
import type { RuleHits } from '../../telemetry/rule-hits.ts';
import { HttpError } from '../route.ts';
import type { AdminResponse } from '../route.ts';
import type { FromThread, InspectorSettings, Task, ToThread } from './messages.ts';

/** The compiled file has another ending, which the compiler does not write here for us. */
const FILE = import.meta.url.endsWith('.ts')
  ? new URL('./inspect-thread.ts', import.meta.url)
  : new URL('./inspect-thread.js', import.meta.url);

/** A list of 100,000 rules takes a second or two, and more on a machine that is busy. */
const TIMEOUT_MS = 15_000;
const MAX_WAITING = 8;
/** People look at a page for a while. */
const IDLE_MS = 60_000;
/** The rules of a policy as objects are some KiB each. */
const MAX_HEAP_MIB = 512;
/** Counts that cross in one turn of the event loop: about a millisecond. */
const HITS_IN_A_TURN = 1000;
/** With so many, what crossed a moment ago is counted as that of now. */
const MANY_HITS = 5000;
const FRESH_MS = 3000;

export interface InspectorOptions {
  readonly settings: InspectorSettings;
  /** In force now; null: none yet. */
  readonly snapshot: () => PolicySnapshot | null;
  /** How often which rule decided. */
  readonly hits: () => Promise<readonly RuleHits[]>;
  readonly timeoutMs?: number;
}

export class Inspector {
  readonly #options: InspectorOptions;
  #thread: { readonly worker: Worker; snapshot: PolicySnapshot | null; freshUntilMs: number } | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** @throws {@link HttpError} 503 when it is not to be had now, 4xx when the task is no good */
  async run(task: Task): Promise<AdminResponse> {
    if (this.#waiting >= MAX_WAITING) throw later('busy', 'other answers of this kind are being made');
    this.#waiting += 1;
    const done = this.#last.then(() => this.#run(task));
    this.#last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#waiting -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    await this.#end();
  }

  async #run(task: Task): Promise<AdminResponse> {
    const snapshot = this.#options.snapshot();
    if (snapshot === null || this.#closed) throw later('not-ready', 'there are no policies yet');
    clearTimeout(this.#idle);
    const thread = (this.#thread ??= { worker: this.#start(), snapshot: null, freshUntilMs: 0 });
    const { worker } = thread;
    const send = (message: ToThread): void => worker.postMessage(message);
    if (thread.snapshot !== snapshot) send({ kind: 'snapshot', buffer: snapshot.buffer });
    thread.snapshot = snapshot;
    const counts = task.kind === 'policies' || task.kind === 'rules' || task.kind === 'callers';
    if (counts && performance.now() >= thread.freshUntilMs) {
      const hits = await this.#sendHits(send);
      if (hits > MANY_HITS) thread.freshUntilMs = performance.now() + FRESH_MS;
    }
    const answer = this.#answer(worker);
    send({ kind: 'task', task });
    const told = await answer;
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
    if (told.kind === 'refused') throw new HttpError(told.status, told.code, told.message);
    return { status: told.status, contentType: 'application/json', body: told.body };
  }

  #start(): Worker {
    const worker = new Worker(FILE, {
      name: 'policy inspection',
      workerData: this.#options.settings,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    // Whoever waits for an answer hears of it too.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.#thread?.worker === worker) this.#thread = null;
    });
    worker.unref();
    return worker;
  }

  /** How many there were. */
  async #sendHits(send: (message: ToThread) => void): Promise<number> {
    const hits = await this.#options.hits();
    for (let at = 0; at === 0 || at < hits.length; at += HITS_IN_A_TURN) {
      const part = hits.slice(at, at + HITS_IN_A_TURN).map((each) => [keyOf(each), each.hits] as const);
      send({ kind: 'hits', part, first: at === 0 });
      await turn();
    }
    return hits.length;
  }

  #answer(worker: Worker): Promise<FromThread> {
    return new Promise((resolve, reject) => {
      const fail = (error: HttpError): void => {
        settle();
        void this.#end();
        reject(error);
      };
      const told = (message: FromThread): void => {
        settle();
        resolve(message);
      };
      const failed = (cause: unknown): void => {
        const { code } = cause as { readonly code?: unknown };
        if (code === 'ERR_WORKER_OUT_OF_MEMORY')
          fail(later('too-much', 'this takes more memory than it may; ask for less'));
        else {
          settle();
          reject(cause instanceof Error ? cause : new Error(String(cause)));
        }
      };
      const exited = (): void => fail(later('ended', 'the answer was not finished'));
      const timer = setTimeout(
        () => fail(later('too-slow', 'this takes longer than it may; ask for less')),
        this.#options.timeoutMs ?? TIMEOUT_MS,
      );
      const settle = (): void => {
        clearTimeout(timer);
        worker.off('message', told).off('error', failed).off('exit', exited);
      };
      worker.once('message', told).once('error', failed).once('exit', exited);
    });
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.worker.terminate();
  }
}

function later(code: string, message: string): HttpError {
  return new HttpError(503, code, message, { 'retry-after': '1' });
}
