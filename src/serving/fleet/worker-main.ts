/** The program of a worker: answers the checks of the connections that the primary hands to it, until that tells it to end. */
import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { snapshotOptions } from '../../cli/settings.ts';
import { AuditUnusable } from '../../audit/open.ts';
import type { ServiceConfig } from '../../config/config.ts';
import type { ProofMemory, ProofUse } from '../../identity/jwt/used-proofs.ts';
import { runStepsInSlices } from '../../lib/steps.ts';
import { openSnapshot } from '../../policy-index/snapshot.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { createLogger, openLogWriter, openOutputWriter } from '../../telemetry/logger.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { ListenError } from '../../transport/transport.ts';
import { ServingProcess } from '../serving-process.ts';
import { BEAT_MS } from './messages.ts';
import type { Beginning, FromWorker, ToWorker } from './messages.ts';
import { receiveSnapshots } from './snapshot-pipe.ts';

process.title = 'portcullis worker';
/** For calls in flight when the primary is gone: whoever supervises that starts both anew. */
const ORPHAN_DRAIN_MS = 5000;

/** Whatever comes before `begin` would be a mistake. */
let running: RunningWorker | null = null;

// Those that a terminal sends to all of its processes: the primary gets them, too, and says what is to be done.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', (message: ToWorker, handle: unknown) => {
  if (message.kind === 'begin') void begin(message);
  else running?.hear(message, handle instanceof Socket ? handle : null);
});
process.on('disconnect', () => {
  if (running === null) process.exit(1);
  else running.drain(ORPHAN_DRAIN_MS);
});

function send(message: FromWorker): void {
  // Without a primary there is nobody to tell, and `disconnect` says so.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

async function begin({ config, version, number, processes }: Beginning): Promise<void> {
  const lines = openLogWriter();
  const stdout = openOutputWriter();
  const log = createLogger(config.log.level, lines);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught error');
    process.exit(1);
  });
  const usedProofs = new UsedElsewhere();
  try {
    const serving = await ServingProcess.open({ config, log, lines, stdout, version, number, processes, usedProofs });
    running = new RunningWorker(config, serving, usedProofs, log, async () => {
      await Promise.all([lines.flushLast(), stdout.flushLast()]);
      process.exit(0);
    });
    send({ kind: 'begun' });
  } catch (cause) {
    if (!(cause instanceof ListenError || cause instanceof AuditUnusable)) throw cause;
    send({ kind: 'failed', message: cause.message });
  }
}

class RunningWorker {
  readonly #serving: ServingProcess;
  readonly #usedProofs: UsedElsewhere;
  readonly #log: Logger;
  readonly #end: () => Promise<void>;
  #taken = 0;
  #open = 0;
  #received = 0;
  #preparing: Promise<void> = Promise.resolve();
  #prepared: { readonly number: number; readonly snapshot: PolicySnapshot } | null = null;
  #utilization = performance.eventLoopUtilization();
  #draining: Promise<void> | null = null;

  constructor(
    config: ServiceConfig,
    serving: ServingProcess,
    usedProofs: UsedElsewhere,
    log: Logger,
    end: () => Promise<void>,
  ) {
    this.#serving = serving;
    this.#usedProofs = usedProofs;
    this.#log = log;
    this.#end = end;
    const { decisions } = snapshotOptions(config);
    receiveSnapshots((buffer) => {
      const number = ++this.#received;
      this.#preparing = this.#preparing.then(async () => {
        try {
          const snapshot = openSnapshot(buffer, decisions);
          await runStepsInSlices(snapshot.warm());
          this.#prepared = { number, snapshot };
          send({ kind: 'prepared', number });
        } catch (cause) {
          send({ kind: 'unusable', number, message: cause instanceof Error ? cause.message : String(cause) });
        }
      });
    });
    setInterval(() => this.#beat(), BEAT_MS);
  }

  hear(message: Exclude<ToWorker, { readonly kind: 'begin' }>, socket: Socket | null): void {
    switch (message.kind) {
      case 'connection':
        this.#adopt(socket);
        break;
      case 'use':
        this.#use(message.number);
        break;
      case 'read':
        send({
          kind: 'reading',
          id: message.id,
          reading: this.#serving.read(),
          ruleHits: this.#serving.takeRuleHits(),
        });
        break;
      case 'ask':
        void this.#answer(message);
        break;
      case 'proofUse':
        this.#usedProofs.answer(message.id, message.use);
        break;
      case 'drain':
        this.drain(message.timeoutMs);
        break;
    }
  }

  drain(timeoutMs: number): void {
    this.#draining ??= this.#serving.drain(timeoutMs).then(this.#end);
  }

  /** null: its client has left before it was here. */
  #adopt(socket: Socket | null): void {
    this.#taken += 1;
    if (socket === null) return;
    this.#open += 1;
    socket.once('close', () => (this.#open -= 1));
    this.#serving.adopt(socket);
  }

  #use(number: number): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared?.number !== number) {
      // Decides by what nobody meant: another process is better than this one.
      this.#log.fatal({ number }, 'told to use policies that are not here');
      process.exit(1);
    }
    this.#serving.use(prepared.snapshot);
    send({ kind: 'using', number });
  }

  async #answer({ id, question }: Extract<ToWorker, { readonly kind: 'ask' }>): Promise<void> {
    try {
      send({ kind: 'answer', id, answer: await this.#serving.answer(question) });
    } catch (error) {
      this.#log.error({ err: error }, 'unexpected error');
      send({ kind: 'answer', id, answer: null });
    }
  }

  #beat(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    send({ kind: 'beat', taken: this.#taken, open: this.#open, busy: utilization });
  }
}

/** The memory of proofs that all workers share: the primary's. */
class UsedElsewhere implements ProofMemory {
  readonly #asked = new Map<number, (use: ProofUse) => void>();
  #last = 0;

  use(thumbprint: string, jti: string): Promise<ProofUse> {
    return new Promise((resolve) => {
      if (!process.connected) {
        resolve('full');
        return;
      }
      const id = ++this.#last;
      this.#asked.set(id, resolve);
      send({ kind: 'proof', id, thumbprint, jti });
    });
  }

  answer(id: number, use: ProofUse): void {
    this.#asked.get(id)?.(use);
    this.#asked.delete(id);
  }
}
