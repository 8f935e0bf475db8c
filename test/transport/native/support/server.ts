import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TransportState } from '../../../../src/telemetry/transport-state.ts';

export interface Memory {
  /** Bytes in use after garbage was collected. */
  readonly left: number;
  /** Most bytes of the process since the last time this was asked. */
  readonly peak: number;
}

/** {@link ./server-process.ts} from outside. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly address: string;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
    child.on('message', ({ id, result }: { id: number; result: unknown }) => {
      this.#waiting.get(id)?.resolve(result);
      this.#waiting.delete(id);
    });
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the server has died'));
    });
  }

  /** `maxHeldBytes`: what all peers together may have it hold. */
  static async start(maxHeldBytes?: number): Promise<ServerProcess> {
    const args = maxHeldBytes === undefined ? [] : [String(maxHeldBytes)];
    const child = fork(new URL('./server-process.ts', import.meta.url), args, {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    });
    const [{ result }] = (await once(child, 'message')) as [{ result: string }];
    return new ServerProcess(child, result);
  }

  get lives(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  memory(): Promise<Memory> {
    return this.#ask('memory') as Promise<Memory>;
  }

  /** What was logged since the last time. */
  log(): Promise<string[]> {
    return this.#ask('log') as Promise<string[]>;
  }

  counts(): Promise<TransportState> {
    return this.#ask('counts') as Promise<TransportState>;
  }

  /** How many calls of `/test/Held` wait for {@link answerHeld}. */
  held(): Promise<number> {
    return this.#ask('held') as Promise<number>;
  }

  answerHeld(): Promise<unknown> {
    return this.#ask('answer');
  }

  async stop(): Promise<void> {
    if (!this.lives) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }

  #ask(ask: string): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ask });
    });
  }
}
