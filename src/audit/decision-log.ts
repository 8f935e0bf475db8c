/**
 * The decision log: which decisions are recorded, and their numbers. On the request's path an entry is only gathered;
 * it is rendered when the event loop has answered what was waiting, and goes to the sinks from there.
 *
 * Where records are required they are rendered at once: whether there is room has to be known before the answer.
 */
import type { AuditMode } from '../policy/model.ts';
import type { DecisionEntry } from './entry.ts';
import type { OutletCounts } from './outlet.ts';
import { renderEntry } from './render.ts';

/** Where lines go: `Outlet` is one. */
export interface RecordOutlet {
  readonly counts: OutletCounts;
  hasRoom(bytes: number): boolean;
  take(lines: Buffer, from: number, to: number): void;
  lose(from: number, to: number): void;
  close(seq: number, timeoutMs: number): Promise<void>;
}

export interface DecisionLogOptions {
  readonly denials: boolean;
  /** Share of allowed requests that are logged, 0 to 1. */
  readonly allowSample: number;
  /** What cannot be recorded has to be denied. */
  readonly required: boolean;
  readonly stream: string;
  readonly outlets: readonly RecordOutlet[];
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/**
 * Entries gathered within one turn of the event loop. A turn answers what came in on all connections at
 * once, which is hundreds; more than this is a flood, of which the log keeps the first and counts the rest.
 */
const MAX_GATHERED = 10_000;

/** Records are handed over in pieces of about this: a batch is made of whole pieces, and collectors take no large ones. */
const MAX_PIECE_CHARACTERS = 128 * 1024;

export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #random: () => number;
  #gathered: DecisionEntry[] = [];
  /** Decisions of this turn that were not gathered. */
  #flooded = 0;
  #scheduled: NodeJS.Immediate | null = null;
  #seq = 0;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  get required(): boolean {
    return this.#options.required;
  }

  /** Of all sinks together; of the one that takes nothing for longest how long that is. */
  get counts(): OutletCounts {
    const all = this.#options.outlets.map(({ counts }) => counts);
    const sum = (of: (counts: OutletCounts) => number): number => all.reduce((total, each) => total + of(each), 0);
    return {
      written: sum(({ written }) => written),
      dropped: sum(({ dropped }) => dropped),
      spilled: sum(({ spilled }) => spilled),
      gaps: sum(({ gaps }) => gaps),
      errors: sum(({ errors }) => errors),
      queueBytes: sum(({ queueBytes }) => queueBytes),
      spillBytes: sum(({ spillBytes }) => spillBytes),
      stalledMs: Math.max(...all.map(({ stalledMs }) => stalledMs)),
    };
  }

  /**
   * Records a decision if it is wanted; false: it would have to be, and cannot be, so that it must not be answered.
   * `make` is called only where it is wanted, and before this returns (what it reads may be gone afterwards); `source`
   * is handed to it, so that no closure is needed.
   */
  record<Source>(
    allowed: boolean,
    mode: AuditMode | null,
    source: Source,
    make: (source: Source) => DecisionEntry,
  ): boolean {
    if (allowed ? !this.#wantsAllowed(mode) : !this.#options.denials) return true;
    if (this.#options.required) return this.#recordAtOnce(make(source));
    if (this.#gathered.length >= MAX_GATHERED) this.#flooded += 1;
    else this.#gathered.push(make(source));
    this.#scheduled ??= setImmediate(() => this.#renderGathered());
    return true;
  }

  #wantsAllowed(mode: AuditMode | null): boolean {
    if (mode === 'all') return true;
    if (mode === 'denied') return false;
    const { allowSample } = this.#options;
    return allowSample !== 0 && this.#random() < allowSample;
  }

  #recordAtOnce(entry: DecisionEntry): boolean {
    const seq = ++this.#seq;
    const line = Buffer.from(renderEntry(entry, this.#options.stream, seq));
    const { outlets } = this.#options;
    // All or none: a record that one sink has of a decision that was not made would be wrong.
    const hasRoom = outlets.every((outlet) => outlet.hasRoom(line.length));
    for (const outlet of outlets) {
      if (hasRoom) outlet.take(line, seq, seq);
      else outlet.lose(seq, seq);
    }
    return hasRoom;
  }

  /** Ends the stream; for the end of a drain. */
  async close(timeoutMs: number): Promise<void> {
    this.#renderGathered();
    await Promise.all(this.#options.outlets.map((outlet) => outlet.close(this.#seq, timeoutMs)));
  }

  #renderGathered(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    if (this.#gathered.length === 0) return;
    const entries = this.#gathered;
    const flooded = this.#flooded;
    this.#gathered = [];
    this.#flooded = 0;
    const { stream, outlets } = this.#options;
    let from = this.#seq + 1;
    let text = '';
    for (const entry of entries) {
      text += renderEntry(entry, stream, ++this.#seq);
      if (text.length < MAX_PIECE_CHARACTERS) continue;
      this.#handOver(text, from);
      from = this.#seq + 1;
      text = '';
    }
    if (text !== '') this.#handOver(text, from);
    if (flooded === 0) return;
    for (const outlet of outlets) outlet.lose(this.#seq + 1, this.#seq + flooded);
    this.#seq += flooded;
  }

  /** The records from `from` on. */
  #handOver(text: string, from: number): void {
    const lines = Buffer.from(text);
    for (const outlet of this.#options.outlets) {
      if (outlet.hasRoom(lines.length)) outlet.take(lines, from, this.#seq);
      else outlet.lose(from, this.#seq);
    }
  }
}
