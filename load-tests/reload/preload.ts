/**
 * Loaded into the service with `--import`, for this benchmark only: tells how long its serving thread was away, and
 * what memory it holds, when the parent process asks.
 */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

export type ToService = { readonly ask: 'reset' } | { readonly ask: 'sample'; readonly collect: boolean };

/** Milliseconds and bytes. */
export interface ServiceSample {
  /** By which timers were late, since the last reset: with the other processes of the machine. */
  readonly delayMaxMs: number;
  readonly delayP99Ms: number;
  /** The longest time between two ticks of a millisecond, and the thread's CPU time within it. */
  readonly longestGapMs: number;
  readonly cpuInLongestGapMs: number;
  /** The most CPU time that the thread itself took between two ticks: what is the service's own doing. */
  readonly longestBusyMs: number;
  readonly longestCollectionMs: number;
  readonly heapUsed: number;
  readonly buffers: number;
  readonly rss: number;
  readonly peakRss: number;
  readonly cpuSeconds: number;
}

const TICK_MS = 1;
const COLLECTIONS = 3;
const COLLECTION_PAUSE_MS = 200;
/** The engine keeps the pages that a heap has given up for eight seconds, for the next heap that wants some. */
const PAGES_KEPT_MS = 10_000;

class Watch {
  readonly #delay = monitorEventLoopDelay({ resolution: TICK_MS });
  #lastMs = performance.now();
  #lastCpu = process.threadCpuUsage();
  #longestGapMs = 0;
  #cpuInLongestGapMs = 0;
  #longestBusyMs = 0;
  #longestCollectionMs = 0;

  constructor() {
    this.#delay.enable();
    setInterval(() => this.#tick(), TICK_MS).unref();
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        this.#longestCollectionMs = Math.max(this.#longestCollectionMs, duration);
    }).observe({ entryTypes: ['gc'] });
  }

  #tick(): void {
    const nowMs = performance.now();
    const cpu = process.threadCpuUsage();
    const gapMs = nowMs - this.#lastMs;
    const busyMs = (cpu.user + cpu.system - this.#lastCpu.user - this.#lastCpu.system) / 1000;
    if (gapMs > this.#longestGapMs) {
      this.#longestGapMs = gapMs;
      this.#cpuInLongestGapMs = busyMs;
    }
    this.#longestBusyMs = Math.max(this.#longestBusyMs, busyMs);
    this.#lastMs = nowMs;
    this.#lastCpu = cpu;
  }

  reset(): void {
    this.#delay.reset();
    this.#longestGapMs = this.#cpuInLongestGapMs = this.#longestBusyMs = this.#longestCollectionMs = 0;
    this.#lastMs = performance.now();
    this.#lastCpu = process.threadCpuUsage();
  }

  async sample(collect: boolean): Promise<ServiceSample> {
    // Looked at before collecting, which takes its time.
    const delays = {
      // What is counted is the time between two ticks, with the tick.
      delayMaxMs: Math.max(0, this.#delay.max / 1e6 - TICK_MS),
      delayP99Ms: Math.max(0, this.#delay.percentile(99) / 1e6 - TICK_MS),
      longestGapMs: this.#longestGapMs,
      cpuInLongestGapMs: this.#cpuInLongestGapMs,
      longestBusyMs: this.#longestBusyMs,
      longestCollectionMs: this.#longestCollectionMs,
    };
    if (collect) {
      // What one collection finds unused holds other things, which the next one finds.
      for (let n = 0; n < COLLECTIONS; n++) {
        globalThis.gc?.();
        await sleep(COLLECTION_PAUSE_MS);
      }
      await sleep(PAGES_KEPT_MS);
    }
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const { maxRSS } = process.resourceUsage();
    return {
      ...delays,
      heapUsed,
      buffers: Math.max(external, arrayBuffers),
      rss,
      peakRss: maxRSS * 1024,
      cpuSeconds: (user + system) / 1e6,
    };
  }
}

// The thread that loads policies gets the same options, and is not the one that serves.
if (isMainThread && process.send !== undefined) {
  const watch = new Watch();
  process.on('message', (message: ToService) => {
    if (message.ask === 'reset') watch.reset();
    else void watch.sample(message.collect).then((sample) => process.send!(sample));
  });
  // However the benchmark went, nothing that it started stays.
  process.on('disconnect', () => process.exit(1));
  // It must be able to leave while the parent is there.
  process.channel?.unref();
}
