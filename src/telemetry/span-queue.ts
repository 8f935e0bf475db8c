/**
 * Spans on their way to a collector. On the request's path one is only put into a list; they are encoded and sent in batches, one
 * after the other. What does not fit is dropped and counted: a collector that is down or slow costs memory that is bounded, and
 * no request anything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Lost } from '../lib/collector.ts';
import type { Span } from './span.ts';

/** As OpenTelemetry's own processor has it (https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor). */
const MAX_BATCH = 512;
/** How long a span waits for others. */
const GATHER_MS = 1000;
/** Between attempts at one batch. After the last the batch is given up, and the next one has its turn. */
const RETRY_MS = [1000, 2000, 4000];

export interface SpanQueueOptions {
  readonly maxQueue: number;
  /** Sends a batch; resolves with how many of it were refused. Rejects when it did not arrive; with {@link Lost} when it never will. */
  readonly send: (spans: readonly Span[]) => Promise<number>;
  readonly onError: (error: unknown) => void;
  readonly retryMs?: readonly number[];
}

/**
 * Spans that were sent; dropped, since there was no room or no collector that took them; and not made, since there were as many as
 * may be in that second. Requests with them, and those that failed. Spans that wait now.
 */
export type SpanCounts = Readonly<Record<'sent' | 'dropped' | 'limited' | 'sendings' | 'failures' | 'queued', number>>;

export class SpanQueue {
  readonly #options: SpanQueueOptions;
  readonly #closing = new AbortController();
  #waiting: Span[] = [];
  #sendingSpans = 0;
  #sending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #sent = 0;
  #dropped = 0;
  #limited = 0;
  #sendings = 0;
  #failures = 0;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
  }

  get counts(): SpanCounts {
    return {
      sent: this.#sent,
      dropped: this.#dropped,
      limited: this.#limited,
      sendings: this.#sendings,
      failures: this.#failures,
      queued: this.#waiting.length + this.#sendingSpans,
    };
  }

  add(span: Span): void {
    if (this.#waiting.length >= this.#options.maxQueue) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(span);
    if (this.#sending === null) this.#schedule();
  }

  /** A span that is not made, since there were enough. */
  limit(): void {
    this.#limited += 1;
  }

  /** Sends what waits, for so long; the rest is dropped. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), timeoutMs);
    do {
      this.#begin();
      await this.#sending;
    } while (this.#waiting.length > 0 && !this.#closing.signal.aborted);
    clearTimeout(timer);
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
  }

  /** A request costs as much as hundreds of spans: what is no whole batch waits for more. */
  #schedule(): void {
    if (this.#waiting.length >= MAX_BATCH) this.#begin();
    else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#begin(), GATHER_MS).unref();
  }

  #begin(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // Not in the turn of the check that filled the batch.
    this.#sending ??= new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#sendBatch())
      .finally(() => {
        this.#sending = null;
        this.#schedule();
      });
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_BATCH);
    if (batch.length === 0) return;
    this.#sendingSpans = batch.length;
    const refused = await this.#deliver(batch);
    this.#sent += batch.length - refused;
    this.#dropped += refused;
    this.#sendingSpans = 0;
  }

  /** How many of it were not taken. */
  async #deliver(batch: readonly Span[]): Promise<number> {
    const { send, onError, retryMs = RETRY_MS } = this.#options;
    const isOver = (): boolean => this.#closing.signal.aborted;
    for (let attempt = 0; ; attempt++) {
      try {
        this.#sendings += 1;
        return await this.#untilClosed(send(batch));
      } catch (error) {
        this.#failures += 1;
        onError(error);
        const pauseMs = retryMs[attempt];
        if (error instanceof Lost || pauseMs === undefined || isOver()) return batch.length;
        await sleep(pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
        if (isOver()) return batch.length;
      }
    }
  }

  #untilClosed<Value>(sending: Promise<Value>): Promise<Value> {
    const { signal } = this.#closing;
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(new Error('the service ends'));
      signal.addEventListener('abort', leave, { once: true });
      sending.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }
}
