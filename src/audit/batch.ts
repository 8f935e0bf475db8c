/** What sinks are given, and what is left of it when they take nothing. */

/** Whole lines that are written together. */
export interface Batch {
  /** By which batches of one sink are in order, those of earlier streams first; fit for a file name. */
  readonly name: string;
  readonly stream: string;
  /** Number of the batch in the stream, from 1: that of its seal where it is sealed. */
  readonly ordinal: number;
  /** Numbers of the first and last decision that belong here, those in a gap with them; `to` < `from`: none. */
  readonly from: number;
  readonly to: number;
  /** How many of them are in it. */
  readonly records: number;
  /** The last line is the seal where batches are sealed. */
  readonly bytes: Buffer;
}

export interface Sink {
  readonly name: string;
  /** Resolves when it has the batch for good, rejects when it has not; then it is asked again. */
  send(batch: Batch): Promise<void>;
  /** Nothing comes any more. */
  close(): Promise<void>;
}

/** The sink took a batch and lost something of it: asking again would not help. */
export { Lost } from '../lib/collector.ts';

const DIGITS = 12;
const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-(\d{12})-(\d+)-(\d+)-(\d+)$/;

/** What a file name has of a stream: when it began. `2026-11-24T16:43:01.123Z` → `20261124T164301123Z`. */
export function streamStamp(stream: string): string {
  return stream.slice(stream.lastIndexOf('/') + 1).replace(/[-:.]/g, '');
}

export function batchName(stream: string, ordinal: number, range: Pick<Batch, 'from' | 'to' | 'records'>): string {
  const { from, to, records } = range;
  return `${streamStamp(stream)}-${String(ordinal).padStart(DIGITS, '0')}-${from}-${to}-${records}`;
}

/** What its name says of a batch, but for whose stream it is; null: no name of one. */
export function partsOfName(
  name: string,
): (Pick<Batch, 'ordinal' | 'from' | 'to' | 'records'> & { readonly began: string }) | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, milli, ordinal, from, to, records] = match;
  return {
    began: `${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`,
    ordinal: Number(ordinal),
    from: Number(from),
    to: Number(to),
    records: Number(records),
  };
}
