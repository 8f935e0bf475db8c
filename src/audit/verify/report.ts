/** What verifying a log finds. */
import type { GapReason } from '../lines.ts';

export type ProblemCode =
  /** A line, or a seal, is not as it was sealed. */
  | 'changed'
  /** A seal that the key has not made. */
  | 'forged-seal'
  /** A seal of another key than the one given. */
  | 'other-key'
  /** There is a key, and lines that nothing was sealed with. */
  | 'not-sealed'
  /** Batches or decisions that belong between others are not there. */
  | 'missing'
  /** A stream begins in its middle. */
  | 'cut-start'
  /** It is known to have had more at its end. */
  | 'cut-end'
  /** Batches or decisions are there in another order. */
  | 'reordered'
  /** A batch or a decision is there twice. */
  | 'duplicate'
  /** A stream that another one follows is not there. */
  | 'missing-stream'
  /** A stream says that there was none before it, and there was. */
  | 'unlinked-stream'
  /** A process of the instance has written nothing at all. */
  | 'missing-worker'
  /** Something stands behind the end of a stream. */
  | 'after-end';

export interface Problem {
  readonly code: ProblemCode;
  readonly stream: string;
  readonly message: string;
  /** `file:line`, or the file, where it shows; null: nowhere. */
  readonly place: string | null;
}

export interface Loss {
  readonly stream: string;
  readonly reason: GapReason;
  readonly from: number;
  readonly to: number;
  readonly records: number;
}

export interface UncleanEnd {
  readonly stream: string;
  readonly lastSeq: number;
  readonly since: string;
  readonly until: string;
  readonly flushMs: number;
}

export interface StreamReport {
  readonly stream: string;
  readonly sink: string | null;
  /** Decisions that are there. */
  readonly records: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly batches: number;
  /** Of the key that sealed it; null: it is not sealed. */
  readonly key: string | null;
  /** ended: in order; unclean: it stopped, and the next one says so; open: nothing tells whether there was more. */
  readonly end: 'ended' | 'unclean' | 'open';
  /** Time of the last seal. */
  readonly provenUntil: string | null;
  /** Lines behind the last seal. */
  readonly unsealedLines: number;
}

export interface AuditReport {
  readonly good: boolean;
  /** Seals were verified by a key. */
  readonly keyed: boolean;
  readonly streams: readonly StreamReport[];
  readonly problems: readonly Problem[];
  /** What the log itself says is missing. */
  readonly losses: readonly Loss[];
  readonly uncleanEnds: readonly UncleanEnd[];
  /** Files that the log says were removed for their age. */
  readonly retired: readonly string[];
  /** Lines that are none of the decision log. */
  readonly otherLines: number;
}
