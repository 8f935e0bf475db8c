/**
 * The way of records to one sink: gathered into batches, sealed, delivered in order. While the sink does not take
 * them they wait, on disk where there is a place for that, else in memory; what finds no room is counted, and a
 * gap line says so.
 *
 * INVARIANT: every decision number of the stream is in a line that the sink got, or in a gap line that it got or
 * will get, until the process ends; after that the next stream says up to where this one is known.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { batchName, Lost } from './batch.ts';
import type { Batch, Sink } from './batch.ts';
import { LineMaker } from './lines.ts';
import type { Begin, Gap, StreamEnd } from './lines.ts';
import type { Sealer } from './seal.ts';
import type { Spill } from './spill.ts';
import type { StreamState } from './state.ts';

export interface OutletOptions {
  readonly sink: Sink;
  readonly stream: string;
  /** Without what is known of the stream before. */
  readonly begin: Omit<Begin, 'previous' | 'sink'>;
  readonly previous: StreamEnd | null;
  /** null: the log is not sealed. */
  readonly sealer: Sealer | null;
  /** null: nothing waits on disk. */
  readonly spill: Spill | null;
  /** The sink is far away: what it gets is put on disk first, so that a crash does not take it. */
  readonly spillsFirst: boolean;
  /** null: nothing is told to the next process. */
  readonly state: StreamState | null;
  readonly maxQueueBytes: number;
  /** After this time a batch goes on that is not full; at most the flush interval. */
  readonly holdMs: number;
  readonly onError: (error: unknown, what: string) => void;
  readonly now?: () => number;
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/** A batch of this size is closed: hashing it does not keep requests waiting. */
const MAX_BATCH_BYTES = 256 * 1024;
/** Between two attempts, about: the first, and the longest. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 15_000;
export interface OutletCounts {
  /** Decisions that the sink has. */
  readonly written: number;
  /** Decisions that it never gets. */
  readonly dropped: number;
  /** Decisions that waited on disk. */
  readonly spilled: number;
  readonly gaps: number;
  /** Attempts that failed, the disk's with them. */
  readonly errors: number;
  readonly queueBytes: number;
  readonly spillBytes: number;
  /** For how long the sink has taken nothing while something waits for it; 0: nothing waits. */
  readonly stalledMs: number;
}

export class Outlet {
  readonly #options: OutletOptions;
  readonly #lines: LineMaker;
  readonly #now: () => number;
  readonly #random: () => number;
  /** The batch that is open. */
  #open: Buffer[] = [];
  #openBytes = 0;
  #openRecords = 0;
  /** First decision that it answers for; those of gaps with it. */
  #from = 1;
  #to = 0;
  #timer: NodeJS.Timeout | null = null;
  #gaps: Gap[] = [];
  /** Closed, in order, in memory alone. */
  #memory: Batch[] = [];
  #memoryBytes = 0;
  #ordinal = 0;
  /** By name, of this stream: what the next process has to know when the batch is there for good. */
  readonly #ends = new Map<string, StreamEnd>();
  #inFlight: { readonly name: string; readonly sinceMs: number } | null = null;
  #sending: Promise<void> | null = null;
  #spilling: Promise<void> = Promise.resolve();
  #failures = 0;
  readonly #closing = new AbortController();
  #known: StreamEnd;
  readonly #counts = { written: 0, dropped: 0, spilled: 0, gaps: 0, errors: 0 };
  #waitingSinceMs: number | null = null;

  constructor(options: OutletOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#lines = new LineMaker(options.stream, this.#now);
    const { begin, sink, previous, stream } = options;
    this.#known = { stream, seq: 0, batch: 0, hash: '', timeMs: this.#now(), clean: false };
    this.#say(this.#lines.begin({ ...begin, sink: sink.name, previous }));
    if (previous?.clean === false) this.#say(this.#lines.uncleanEnd(previous, begin.flushMs));
    this.#close();
  }

  get counts(): OutletCounts {
    return {
      ...this.#counts,
      queueBytes: this.#openBytes + this.#memoryBytes,
      spillBytes: this.#options.spill?.bytes ?? 0,
      stalledMs: this.#waitingSinceMs === null ? 0 : this.#now() - this.#waitingSinceMs,
    };
  }

  get #isEmpty(): boolean {
    return this.#memory.length === 0 && (this.#options.spill?.first ?? null) === null;
  }

  hasRoom(bytes: number): boolean {
    return this.#openBytes + this.#memoryBytes + bytes <= this.#options.maxQueueBytes;
  }

  /** The lines of the decisions with these numbers; there has to be room. */
  take(lines: Buffer, from: number, to: number): void {
    this.#settleGaps();
    this.#open.push(lines);
    this.#openBytes += lines.length;
    this.#openRecords += to - from + 1;
    this.#to = to;
    this.#isDue();
  }

  /** The decisions with these numbers are not recorded here. */
  lose(from: number, to: number): void {
    const records = to - from + 1;
    this.#miss({ reason: 'no-room', of: this.#options.stream, from, to, records, batches: null });
  }

  #missBatch(reason: 'sink-lost' | 'spill-lost', batch: Omit<Batch, 'bytes'>): void {
    const { stream: of, ordinal, from, to, records } = batch;
    this.#miss({ reason, of, from, to, records, batches: [ordinal, ordinal] });
  }

  #miss(gap: Gap): void {
    this.#counts.dropped += gap.records;
    const last = this.#gaps.at(-1);
    if (last === undefined || !isNext(gap, last)) {
      this.#counts.gaps += 1;
      this.#gaps.push(gap);
    } else {
      const { to, records, batches } = gap;
      this.#gaps[this.#gaps.length - 1] = {
        ...last,
        to,
        records: last.records + records,
        batches: last.batches === null || batches === null ? null : [last.batches[0], batches[1]],
      };
    }
    this.#startTimer();
  }

  /** A line of the log that is no decision. */
  say(make: (lines: LineMaker) => string): void {
    this.#say(make(this.#lines));
    this.#startTimer();
  }

  /**
   * Ends the stream. Resolves when the sink has all of it, or it waits on disk, or `timeoutMs` are over; what is then
   * still in memory alone is lost, and counted.
   */
  async close(seq: number, timeoutMs: number): Promise<void> {
    this.#settleGaps();
    this.#say(this.#lines.end(seq));
    this.#to = Math.max(this.#to, seq);
    this.#close(true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#sending, late]);
    clearTimeout(timer);
    this.#closing.abort();
    this.#spill(true);
    await this.#spilling;
    for (const { records } of this.#memory) this.#counts.dropped += records;
    if (this.#memory.length > 0)
      this.#options.onError(new Error('the sink does not take them'), 'decision records are lost');
    await this.#options.state?.save(this.#known);
    await this.#options.sink.close();
  }

  #say(line: string): void {
    const bytes = Buffer.from(line);
    this.#open.push(bytes);
    this.#openBytes += bytes.length;
  }

  #settleGaps(): void {
    if (this.#gaps.length === 0) return;
    for (const gap of this.#gaps) {
      this.#say(this.#lines.gap(gap));
      // Only now does the log tell of them.
      if (gap.reason === 'no-room') this.#to = Math.max(this.#to, gap.to);
    }
    this.#gaps = [];
  }

  #isDue(): void {
    if (this.#openBytes >= MAX_BATCH_BYTES) this.#close();
    else this.#startTimer();
  }

  #startTimer(): void {
    this.#timer ??= setTimeout(() => this.#closeOpen(), this.#options.holdMs);
  }

  #closeOpen(): void {
    this.#stopTimer();
    // Not while there is no room: such lines would then pile up themselves, where one says it all in the end.
    if (this.hasRoom(0)) this.#settleGaps();
    this.#close();
    if (this.#gaps.length > 0) this.#startTimer();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #close(clean = false): void {
    this.#stopTimer();
    if (this.#open.length === 0) return;
    const { stream, sealer } = this.#options;
    const from = this.#from;
    const to = this.#to;
    let bytes = this.#open.length === 1 ? this.#open[0]! : Buffer.concat(this.#open);
    let sealed = { batch: 0, hash: '' };
    const timeMs = this.#now();
    if (sealer !== null) {
      const { line, ...rest } = sealer.seal(bytes, { from, to, records: this.#openRecords }, timeMs);
      bytes = Buffer.concat([bytes, Buffer.from(line)]);
      sealed = rest;
    }
    const records = this.#openRecords;
    const name = batchName(stream, ++this.#ordinal, { from, to, records });
    this.#memory.push({ name, stream, ordinal: this.#ordinal, from, to, records, bytes });
    this.#ends.set(name, { stream, seq: to, ...sealed, timeMs, clean });
    this.#memoryBytes += bytes.length;
    this.#waitingSinceMs ??= timeMs;
    this.#open = [];
    this.#openBytes = 0;
    this.#openRecords = 0;
    this.#from = to + 1;
    this.#spill(false);
    this.#sending ??= this.#sendAll();
  }

  /** Puts on disk what waits too long in memory alone. */
  #spill(all: boolean): void {
    const { spill, spillsFirst, begin } = this.#options;
    if (spill === null) return;
    const isHanging = this.#inFlight !== null && this.#now() - this.#inFlight.sinceMs >= begin.flushMs;
    if (!all && !spillsFirst && this.#failures === 0 && !isHanging) return;
    this.#spilling = this.#spilling.then(async () => {
      for (const batch of [...this.#memory]) {
        try {
          if (!(await spill.put(batch))) return;
        } catch (error) {
          this.#counts.errors += 1;
          this.#options.onError(error, 'decision records cannot wait on disk');
          return;
        }
        this.#forget(batch.name);
        this.#counts.spilled += batch.records;
        this.#isThere(batch.name);
      }
    });
  }

  async #sendAll(): Promise<void> {
    // Once this turn is over: what it has closed goes together, and nobody waits for it.
    await Promise.resolve();
    for (;;) {
      await this.#spilling;
      const batch = await this.#next();
      if (batch === null) break;
      if (await this.#send(batch)) continue;
      if (this.#closing.signal.aborted) break;
      this.#spill(false);
      const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
      // Half of it by chance: those that failed together do not come back together.
      const jittered = waitMs * (0.5 + this.#random() / 2);
      await sleep(jittered, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
    this.#sending = null;
    if (this.#closing.signal.aborted) return;
    if (!this.#isEmpty) this.#sending = this.#sendAll();
  }

  /** The oldest, wherever it waits; null: none. */
  async #next(): Promise<Batch | null> {
    const { spill } = this.#options;
    for (;;) {
      const onDisk = spill?.first ?? null;
      const inMemory = this.#memory[0] ?? null;
      if (spill === null || onDisk === null || (inMemory !== null && inMemory.name < onDisk.name)) return inMemory;
      try {
        return await spill.read(onDisk);
      } catch (error) {
        this.#counts.errors += 1;
        this.#options.onError(error, 'decision records that waited on disk cannot be read');
        this.#missBatch('spill-lost', onDisk);
        this.#ends.delete(onDisk.name);
        await spill.remove(onDisk.name).catch(() => undefined);
      }
    }
  }

  async #send(batch: Batch): Promise<boolean> {
    const { sink } = this.#options;
    this.#inFlight = { name: batch.name, sinceMs: this.#now() };
    let isLost = false;
    try {
      await sink.send(batch);
      this.#counts.written += batch.records;
    } catch (error) {
      this.#counts.errors += 1;
      if (!(error instanceof Lost)) {
        this.#failures += 1;
        this.#options.onError(error, 'decision records cannot be delivered');
        return false;
      }
      isLost = true;
      this.#missBatch('sink-lost', batch);
    } finally {
      this.#inFlight = null;
    }
    this.#failures = 0;
    await this.#spilling;
    this.#forget(batch.name);
    await this.#options.spill?.remove(batch.name).catch((error: unknown) => {
      this.#options.onError(error, 'delivered decision records stay on disk');
    });
    this.#waitingSinceMs = this.#isEmpty ? null : this.#now();
    if (!isLost) this.#isThere(batch.name);
    this.#ends.delete(batch.name);
    return true;
  }

  #forget(name: string): void {
    const at = this.#memory.findIndex((batch) => batch.name === name);
    if (at < 0) return;
    this.#memoryBytes -= this.#memory[at]!.bytes.length;
    this.#memory.splice(at, 1);
  }

  /** A crash does not take it any more. */
  #isThere(name: string): void {
    const end = this.#ends.get(name);
    if (end === undefined || end.seq < this.#known.seq || end.batch < this.#known.batch) return;
    this.#known = end;
    void this.#options.state?.save(end);
  }
}

function isNext(gap: Gap, last: Gap): boolean {
  const follows = gap.batches === null ? last.batches === null : last.batches?.[1] === gap.batches[0] - 1;
  return gap.of === last.of && gap.reason === last.reason && gap.from === last.to + 1 && follows;
}
