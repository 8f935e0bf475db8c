/**
 * Loaded into the service with `--import`, for profiles only: the thread that serves is profiled from within, since what it does
 * is nobody else's to see. The parent process says when.
 */
import { Session } from 'node:inspector/promises';
import type { HeapProfiler, Profiler } from 'node:inspector';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export type ToService =
  | { readonly ask: 'start'; readonly of: 'cpu'; readonly intervalUs: number }
  | { readonly ask: 'start'; readonly of: 'allocations'; readonly intervalBytes: number }
  | { readonly ask: 'stop' };

export interface Profiles {
  readonly cpu: Profiler.Profile | null;
  readonly allocations: HeapProfiler.SamplingHeapProfile | null;
  /** Of collections, while it was profiled. */
  readonly collections: { readonly count: number; readonly minor: number; readonly ms: number };
  readonly wallMs: number;
  readonly cpuMs: number;
}

class Profiling {
  readonly #session = new Session();
  #of: 'cpu' | 'allocations' = 'cpu';
  #collections = { count: 0, minor: 0, ms: 0 };
  #startedMs = 0;
  #startedCpu = process.threadCpuUsage();

  constructor() {
    this.#session.connect();
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        readonly detail?: { readonly kind?: number };
      })[]) {
        this.#collections.count++;
        this.#collections.ms += entry.duration;
        if (entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MINOR) this.#collections.minor++;
      }
    }).observe({ entryTypes: ['gc'] });
  }

  async start(asked: Extract<ToService, { readonly ask: 'start' }>): Promise<void> {
    this.#of = asked.of;
    if (asked.of === 'cpu') {
      await this.#session.post('Profiler.enable');
      await this.#session.post('Profiler.setSamplingInterval', { interval: asked.intervalUs });
      await this.#session.post('Profiler.start');
    } else {
      // What is collected again is what costs: it counts too.
      await this.#session.post('HeapProfiler.startSampling', {
        samplingInterval: asked.intervalBytes,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
    }
    this.#collections = { count: 0, minor: 0, ms: 0 };
    this.#startedMs = performance.now();
    this.#startedCpu = process.threadCpuUsage();
  }

  async stop(): Promise<Profiles> {
    const { user, system } = process.threadCpuUsage(this.#startedCpu);
    const measured = {
      collections: this.#collections,
      wallMs: performance.now() - this.#startedMs,
      cpuMs: (user + system) / 1000,
    };
    if (this.#of === 'cpu') {
      const { profile } = await this.#session.post('Profiler.stop');
      return { ...measured, cpu: profile, allocations: null };
    }
    const { profile } = await this.#session.post('HeapProfiler.stopSampling');
    return { ...measured, cpu: null, allocations: profile };
  }
}

// The thread that loads policies gets the same options, and is not the one that serves.
if (isMainThread && process.send !== undefined) {
  const profiling = new Profiling();
  process.on('message', (message: ToService) => {
    if (message.ask === 'start') void profiling.start(message).then(() => process.send!({ started: true }));
    else void profiling.stop().then((profiles) => process.send!(profiles));
  });
  // However it went, nothing that was started stays.
  process.on('disconnect', () => process.exit(1));
  process.channel?.unref();
}
