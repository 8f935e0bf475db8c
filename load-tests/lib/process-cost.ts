/** What a process costs, with its children: CPU time of all threads, and memory. From `/proc`, so on Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second in which `/proc` counts (USER_HZ), the same on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds. Threads that have ended count, and so do children that were waited for. */
export function cpuSecondsOf(pid: number): number {
  return tree(pid).reduce((sum, each) => sum + ownCpuSeconds(each), 0);
}

export interface Memory {
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/** Pages that processes share are counted in each of them. */
export function memoryOf(pid: number): Memory {
  const all = tree(pid).map((each) => read(`/proc/${each}/status`));
  const sum = (field: string): number =>
    all.reduce(
      (total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024,
      0,
    );
  return { rssBytes: sum('VmRSS'), peakRssBytes: sum('VmHWM') };
}

function ownCpuSeconds(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may have spaces. Behind it come fields 3 and on; utime, stime, cutime and cstime are 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((ticks, field) => ticks + Number(field), 0) / TICKS;
}

/** A process and those that it started, as far as they are still there. */
function tree(pid: number): number[] {
  const children = tasks(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).trim().split(' '));
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => tree(Number(child)))];
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
