/**
 * The lines of the log that are no decisions: they say where a stream begins and ends, what is missing in it, and
 * they seal it. A stream is what one process writes from its start to its end; decisions are numbered in it.
 */

/** Of every line; another one when what a field means changes, not when one is added. */
export const SCHEMA_VERSION = 1;

/** What is known of the end of a stream. */
export interface StreamEnd {
  readonly stream: string;
  /** Of the last decision; 0: none. */
  readonly seq: number;
  /** Of the last batch; 0: none, or the log is not sealed. */
  readonly batch: number;
  /** Of that batch, in hexadecimal; empty: the log is not sealed. */
  readonly hash: string;
  /** When that was written, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** It was ended in order: there is nothing behind it. */
  readonly clean: boolean;
}

export interface Begin {
  readonly instance: string;
  readonly worker: number;
  /** How many processes answer checks in this instance. */
  readonly workers: number;
  readonly sink: string;
  readonly flushMs: number;
  /** Decisions that cannot be recorded are denied. */
  readonly required: boolean;
  /** How it is sealed. */
  readonly method: string;
  /** Of the process that wrote here before; null: none is known. */
  readonly previous: StreamEnd | null;
}

/** Why decisions are missing. */
export type GapReason =
  /** Memory was full, and so was what there was besides. */
  | 'no-room'
  /** The sink took the lines, and said that it lost some. */
  | 'sink-lost'
  /** What had waited on disk could not be read any more. */
  | 'spill-lost';

export interface Gap {
  readonly reason: GapReason;
  /** Of which stream. */
  readonly of: string;
  /** Numbers of the first and the last one. */
  readonly from: number;
  readonly to: number;
  readonly records: number;
  /** Numbers of the batches that are missing with them; null: what is missing never was in one. */
  readonly batches: readonly [number, number] | null;
}

/** A file of the log that was removed because there were too many. */
export interface Retired {
  readonly file: string;
  /** What was the last in it. */
  readonly of: string;
  readonly batch: number;
  readonly seq: number;
  readonly hash: string;
}

export class LineMaker {
  readonly #stream: string;
  readonly #now: () => number;

  constructor(stream: string, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  begin({ previous, ...begin }: Begin): string {
    const known = previous === null ? null : endFields(previous);
    return this.#line('info', 'audit begin', { ...begin, previous: known });
  }

  /**
   * The stream before was not ended: what it had decided since its last known number is lost, and that was not
   * older than `flushMs` when it ended, between `since` and `until`.
   */
  uncleanEnd(of: StreamEnd, flushMs: number): string {
    return this.#line('warn', 'audit unclean end', {
      of: of.stream,
      lastSeq: of.seq,
      lastBatch: of.batch,
      since: iso(of.timeMs),
      until: iso(this.#now()),
      flushMs,
    });
  }

  gap(gap: Gap): string {
    return this.#line('warn', 'audit gap', { ...gap });
  }

  retired(retired: Retired): string {
    return this.#line('info', 'audit retired', { ...retired });
  }

  /** `seq`: of the last decision, recorded or not. */
  end(seq: number): string {
    return this.#line('info', 'audit end', { seq });
  }

  #line(level: string, msg: string, fields: Readonly<Record<string, unknown>>): string {
    const head = { level, time: iso(this.#now()), msg, schema: SCHEMA_VERSION, stream: this.#stream };
    return `${JSON.stringify({ ...head, ...fields })}\n`;
  }
}

function endFields({ timeMs, ...end }: StreamEnd): object {
  return { ...end, time: iso(timeMs) };
}

export function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
