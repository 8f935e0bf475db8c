/** The client from outside, and what others used while it measured. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onCore } from '../bench/servers.ts';
import { cpuSecondsOf } from '../lib/process-cost.ts';
import type { FromClient } from './client-process.ts';
import type { HttpReport, HttpTask } from './http-client.ts';

const PROGRAM = fileURLToPath(new URL('./client-process.ts', import.meta.url));

export interface Measured extends HttpReport {
  /** Microseconds of CPU for each answer, of each process that was asked about. */
  readonly cpuUs: readonly number[];
}

export class HttpClient {
  readonly #process: ChildProcess;

  constructor(core: number | null) {
    const [command, args] = onCore(core, process.execPath, [PROGRAM]);
    this.#process = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  measure(task: HttpTask, pids: readonly number[]): Promise<Measured> {
    return new Promise((resolve, reject) => {
      let before: number[] = [];
      let after: number[] = [];
      const left = (code: number | null): void => reject(new Error(`the client left with code ${code ?? 'none'}`));
      const heard = (message: FromClient): void => {
        if (message.tell === 'begin') before = pids.map(cpuSecondsOf);
        else if (message.tell === 'end') after = pids.map(cpuSecondsOf);
        if (message.tell !== 'report') return;
        this.#process.off('exit', left).off('message', heard);
        const { report } = message;
        resolve({ ...report, cpuUs: pids.map((_, i) => ((after[i]! - before[i]!) * 1e6) / report.answers) });
      };
      this.#process.on('message', heard).once('exit', left);
      this.#process.send(task);
    });
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
