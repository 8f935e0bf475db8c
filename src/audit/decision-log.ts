/**
 * The decision log: each denial, and a sample of what was allowed. On the request's path an entry is
 * only gathered; it is rendered and written when the event loop has answered what was waiting.
 */
import type { DecisionEntry } from './entry.ts';
import { renderEntry } from './render.ts';

/** Where lines go. `LineWriter` of the telemetry folder is one. */
export interface DecisionSink {
  /** Whole lines. False: there is no room, and none of them will be written. Must not throw. */
  write(lines: string): boolean;
  /** Resolves when all lines taken so far are written or lost. */
  flush(): Promise<void>;
}

export interface DecisionLogOptions {
  readonly denials: boolean;
  /** Share of allowed requests that are logged, 0 to 1. */
  readonly allowSample: number;
  readonly sink: DecisionSink;
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/**
 * Entries gathered within one turn of the event loop. A turn answers what came in on all connections at
 * once, which is hundreds; more than this is a flood, of which the log keeps the first and counts the rest.
 */
const MAX_GATHERED = 10_000;

export class DecisionLog {
  readonly #denials: boolean;
  readonly #allowSample: number;
  readonly #sink: DecisionSink;
  readonly #random: () => number;
  #gathered: DecisionEntry[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  #written = 0;
  #dropped = 0;

  constructor({ denials, allowSample, sink, random = Math.random }: DecisionLogOptions) {
    this.#denials = denials;
    this.#allowSample = allowSample;
    this.#sink = sink;
    this.#random = random;
  }

  /** Entries that the sink took, and entries that found no room. */
  get counts(): { readonly written: number; readonly dropped: number } {
    return { written: this.#written, dropped: this.#dropped };
  }

  /**
   * Logs a decision if it is wanted. `make` is called only then, and before this returns (what it reads
   * may be gone afterwards); `source` is handed to it, so that no closure is needed.
   */
  record<Source>(allowed: boolean, source: Source, make: (source: Source) => DecisionEntry): void {
    if (allowed) {
      if (this.#allowSample === 0 || this.#random() >= this.#allowSample) return;
    } else if (!this.#denials) return;

    if (this.#gathered.length >= MAX_GATHERED) {
      this.#dropped += 1;
      return;
    }
    this.#gathered.push(make(source));
    this.#scheduled ??= setImmediate(() => this.#writeGathered());
  }

  /** Writes what is gathered and waits until the sink has it; for the end of a drain. */
  async flush(): Promise<void> {
    this.#writeGathered();
    await this.#sink.flush();
  }

  #writeGathered(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    if (this.#gathered.length === 0) return;
    const entries = this.#gathered;
    this.#gathered = [];
    let lines = '';
    for (const entry of entries) lines += renderEntry(entry);
    if (this.#sink.write(lines)) this.#written += entries.length;
    else this.#dropped += entries.length;
  }
}
