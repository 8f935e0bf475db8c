/** How many processes make sense here: of processors and memory as much as this one may use, container limits and all. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** Several services on one large machine are better off than one with hundreds of processes. */
const MAX_WORKERS = 64;
/**
 * For a worker with some thousands of rules and a full decision cache. A machine with many processors and a small memory
 * limit, as that of a sidecar, has room for fewer workers than processors.
 */
const WORKER_BYTES = 256 * 1024 * 1024;

export interface CoreSources {
  /** The text of a file; null: there is none. */
  readonly read?: (path: string) => string | null;
  /** Processors that the scheduler would let this process run on. */
  readonly affinity?: () => number;
  /** Bytes of memory that this process may use. */
  readonly memory?: () => number;
}

/** As many as there is room for, at least one. */
export function usableWorkers(sources: CoreSources = {}): number {
  const { memory = usableMemory } = sources;
  return Math.max(1, Math.min(usableCores(sources), Math.floor(memory() / WORKER_BYTES)));
}

function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Whole processors, at least one. A CPU limit of 1.5 gives one: two busy workers would use their share of each period of
 * the scheduler up and then all stand still until the next, which shows in the 99th percentile.
 *
 * The limit is the tightest one between this process and the root of its hierarchy: `cpu.max` (cgroup v2,
 * https://docs.kernel.org/admin-guide/cgroup-v2.html) or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1).
 */
function usableCores({ read = readText, affinity = availableParallelism }: CoreSources = {}): number {
  const limit = cpuLimit(read);
  return Math.max(1, Math.min(affinity(), Math.floor(limit), MAX_WORKERS));
}

function cpuLimit(read: (path: string) => string | null): number {
  const limits = [Number.POSITIVE_INFINITY];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    // hierarchy-ID:controller-list:path; the list is empty in version 2.
    const [, controllers, ...rest] = line.split(':');
    if (controllers === undefined) continue;
    const own = rest.join(':');
    if (controllers === '') {
      for (const path of upwards('/sys/fs/cgroup', own)) limits.push(quotaOf(read(`${path}/cpu.max`)));
    } else if (controllers.split(',').includes('cpu')) {
      for (const mount of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'])
        for (const path of upwards(mount, own)) {
          const quota = read(`${path}/cpu.cfs_quota_us`);
          const period = read(`${path}/cpu.cfs_period_us`);
          if (quota !== null && period !== null) limits.push(quotaOf(`${quota.trim()} ${period.trim()}`));
        }
    }
  }
  return Math.min(...limits);
}

/** `mount` with `path`, and all above it: in a container the path may be one that is not mounted there. */
function* upwards(mount: string, path: string): Generator<string> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  for (let length = parts.length; length >= 0; length--) yield [mount, ...parts.slice(0, length)].join('/');
}

/** `QUOTA PERIOD` in microseconds; `max` and `-1` are no limit, nor is what cannot be read. */
function quotaOf(text: string | null): number {
  const match = /^(\d+) (\d+)$/.exec(text?.trim() ?? '');
  const cores = match === null ? Number.NaN : Number(match[1]) / Number(match[2]);
  return cores > 0 ? cores : Number.POSITIVE_INFINITY;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
