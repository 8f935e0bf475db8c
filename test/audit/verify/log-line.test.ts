/** The published schema says what lines are; `audit verify` reads them with a looser eye. What the one takes the other must take. */
import { describe, expect, it } from '@jest/globals';
import { LineMaker } from '../../../src/audit/lines.ts';
import type { StreamEnd } from '../../../src/audit/lines.ts';
import { lineSchema } from '../../../src/audit/record-schema.ts';
import { renderEntry } from '../../../src/audit/render.ts';
import { sealKey, Sealer } from '../../../src/audit/seal.ts';
import { logLineOf } from '../../../src/audit/verify/log-line.ts';
import { ENTRY, STREAM } from '../support.ts';
import type { Line } from '../support.ts';

const HASH = 'a'.repeat(64);
const END: StreamEnd = { stream: STREAM, seq: 3, batch: 2, hash: HASH, timeMs: 0, clean: false };
const lines = new LineMaker(STREAM, () => 0);
const { line: seal } = new Sealer(STREAM, sealKey('hmac-sha256', Buffer.alloc(32))).seal(
  Buffer.from('x\n'),
  { from: 1, to: 1, records: 1 },
  0,
);

const BEGIN = {
  instance: 'host',
  worker: 0,
  workers: 1,
  sink: 'file',
  flushMs: 10,
  required: false,
  method: 'ed25519',
} as const;

/** At least one of each kind, as the log writes it. */
const WRITTEN: readonly Line[] = [
  renderEntry(ENTRY, STREAM, 1),
  lines.begin({ ...BEGIN, previous: null }),
  lines.begin({ ...BEGIN, previous: END }),
  lines.uncleanEnd(END, 10),
  lines.gap({ reason: 'no-room', of: STREAM, from: 1, to: 2, records: 2, batches: null }),
  lines.gap({ reason: 'sink-lost', of: STREAM, from: 1, to: 0, records: 0, batches: [1, 2] }),
  lines.gap({ reason: 'spill-lost', of: STREAM, from: 1, to: 2, records: 2, batches: [1, 1] }),
  lines.retired({ file: 'f', of: STREAM, batch: 1, seq: 1, hash: HASH }),
  lines.end(0),
  seal,
].map((line) => JSON.parse(line) as Line);

const isPublished = (line: Line): boolean => lineSchema.safeParse(line).success;
const isRead = (line: Line): boolean => logLineOf(JSON.stringify(line)) !== null;

/** What else could stand in a field: other kinds of values, and values at the edges of what is meant. */
const OTHERS: readonly unknown[] = [null, '', 'x', HASH, 'none', 0, 1, -1, 1.5, 2 ** 40, true, [], [1, 1], [0, 1], {}];

function* changed(line: Line): Iterable<Line> {
  for (const [key, value] of Object.entries(line)) {
    const { [key]: _, ...without } = line;
    yield without;
    for (const other of OTHERS) yield { ...line, [key]: other };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    for (const inner of changed(value as Line)) yield { ...line, [key]: inner };
  }
}

describe('the lines of the log', () => {
  it('are all in the schema, and read', () => {
    expect(WRITTEN.filter((line) => !isPublished(line))).toEqual([]);
    expect(WRITTEN.filter((line) => !isRead(line))).toEqual([]);
    const published = lineSchema.options.map(({ shape }) => shape.msg.value);
    expect(new Set(WRITTEN.map(({ msg }) => msg))).toEqual(new Set(published));
  });

  it('are read whenever they are as the schema says', () => {
    let taken = 0;
    for (const line of WRITTEN.flatMap((each) => [...changed(each)])) {
      if (!isPublished(line)) continue;
      taken += 1;
      expect([isRead(line), line]).toEqual([true, line]);
    }
    expect(taken).toBeGreaterThan(50);
  });

  it('are not read when what is verified is not there', () => {
    const needless = new Set(['level', 'time', 'hash', 'lastBatch', 'flushMs', 'required']);
    for (const line of WRITTEN.filter(({ msg }) => msg !== 'decision' && msg !== 'audit seal')) {
      for (const key of Object.keys(line).filter((name) => !needless.has(name))) {
        const { [key]: _, ...without } = line;
        expect([key, isRead(without)]).toEqual([key, false]);
      }
    }
  });
});
