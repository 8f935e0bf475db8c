/** The generator in a process and on a core of its own. */
import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/e2e/support/child-process.ts';
import type { Figures } from '../generator/figures.ts';
import { onCore } from './servers.ts';

const GENERATOR = fileURLToPath(new URL('../generator/main.ts', import.meta.url));

export interface Task {
  readonly address: string;
  readonly pid: number;
  /** As `generator/main.ts --write` writes them. */
  readonly requestsFile: string;
  readonly connections: number;
  readonly inFlight: number;
  /** null: a closed loop. */
  readonly perSecond: number | null;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly core: number | null;
}

export async function generate(task: Task): Promise<Figures> {
  const [command, args] = onCore(task.core, process.execPath, [
    GENERATOR,
    ...['--address', task.address, '--server-pid', String(task.pid), '--requests', task.requestsFile],
    ...['--connections', String(task.connections), '--in-flight', String(task.inFlight)],
    ...(task.perSecond === null ? [] : ['--mode', 'open', '--rate', task.perSecond.toFixed(1)]),
    ...['--warmup', String(task.warmupSeconds), '--duration', String(task.seconds), '--json'],
  ]);
  const child = startChild({ name: 'the generator', command, args });
  await child.exited;
  // It ends with 1 when something was wrong, and says what.
  const line = child.stdoutLines().at(-1);
  if (line?.startsWith('{') !== true) throw new Error(`the generator ended: ${child.output()}`);
  return JSON.parse(line) as Figures;
}
