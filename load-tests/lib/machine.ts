/** What a figure was measured on: without it, it is not a result. */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly node: string;
  /** Of the checkout; `+` behind it: with changes to what is measured. */
  readonly revision: string;
  /** How busy the machine was at the beginning: runnable threads on average over the last minute. */
  readonly load: number;
  readonly date: string;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    revision: gitRevision(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
    date: new Date().toISOString(),
  };
}

function gitRevision(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
    return git('rev-parse', '--short=8', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : '+');
  } catch {
    // A copy without its history is measured like any other.
    return 'unknown';
  }
}

export function describeMachine(on: Machine): string {
  return `${on.cpu}, ${on.cores} cores, node ${on.node}, revision ${on.revision}, load ${on.load}, ${on.date}`;
}
