/**
 * Loaded into each process of the service with `--import`, for the soak only: writes down every second what memory the process
 * holds, and how long its thread was away. A file for each process, since with workers only one of them could talk to us.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Names the directory; absent: nothing is written. */
export const DIRECTORY_VARIABLE = 'SOAK_WATCH_DIRECTORY';
export const SAMPLE_SUFFIX = '.json';

/** Bytes and milliseconds. */
export interface ProcessSample {
  readonly pid: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly buffers: number;
  /** By which timers were late since the process began. */
  readonly delayMaxMs: number;
  readonly delayP99Ms: number;
  /** Of this second alone. */
  readonly lastDelayMaxMs: number;
  readonly cpuSeconds: number;
}

const EVERY_MS = 1_000;
const TICK_MS = 1;
/** Reading the sources and the first policies is no pause of a service at work. */
const START_MS = 5_000;

function watch(directory: string): void {
  const delay = monitorEventLoopDelay({ resolution: TICK_MS });
  const lastDelay = monitorEventLoopDelay({ resolution: TICK_MS });
  delay.enable();
  lastDelay.enable();
  setTimeout(() => delay.reset(), START_MS).unref();
  const file = join(directory, `${process.pid}${SAMPLE_SUFFIX}`);
  // What is counted is the time between two ticks, with the tick.
  const late = (ns: number): number => Math.max(0, ns / 1e6 - TICK_MS);
  setInterval(() => {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const sample: ProcessSample = {
      pid: process.pid,
      rss,
      heapUsed,
      buffers: Math.max(external, arrayBuffers),
      delayMaxMs: late(delay.max),
      delayP99Ms: late(delay.percentile(99)),
      lastDelayMaxMs: late(lastDelay.max),
      cpuSeconds: (user + system) / 1e6,
    };
    lastDelay.reset();
    writeFileSync(`${file}.new`, JSON.stringify(sample));
    renameSync(`${file}.new`, file);
  }, EVERY_MS).unref();
}

const directory = process.env[DIRECTORY_VARIABLE];
// The thread that loads policies gets the same options, and is not the one that serves.
if (isMainThread && directory !== undefined) watch(directory);
