import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { sendSnapshot, SnapshotParser } from '../../src/serving/fleet/snapshot-pipe.ts';

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

describe('snapshots on a pipe', () => {
  it('arrive as they were sent, however they are cut', async () => {
    const snapshot = fc.uint8Array({ minLength: 1, maxLength: 2000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(snapshot, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 700 }),
        async (all, cut) => {
          const pipe = new PassThrough({ highWaterMark: 2 ** 20 });
          for (const bytes of all) await sendSnapshot(pipe, shared(bytes));
          const sent = pipe.read() as Buffer;
          const taken: Buffer[] = [];
          const parser = new SnapshotParser((buffer) => taken.push(Buffer.from(buffer)));
          for (let at = 0; at < sent.length; at += cut) parser.take(sent.subarray(at, at + cut));
          expect(taken).toEqual(all.map((bytes) => Buffer.from(bytes)));
        },
      ),
    );
  });

  it('of several chunks arrive whole', async () => {
    const bytes = Uint8Array.from({ length: 700_000 }, (_, index) => index % 251);
    const pipe = new PassThrough();
    const taken: Buffer[] = [];
    const parser = new SnapshotParser((buffer) => taken.push(Buffer.from(buffer)));
    pipe.on('data', (chunk: Buffer) => parser.take(chunk));
    await sendSnapshot(pipe, shared(bytes));
    expect(taken).toHaveLength(1);
    expect(taken[0]!.equals(bytes)).toBe(true);
  });

  it('are not begun with a length that none can have', () => {
    for (const length of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40]) {
      const head = Buffer.alloc(8);
      head.writeDoubleLE(length);
      const parser = new SnapshotParser(() => undefined);
      expect(() => parser.take(head)).toThrow('no length');
    }
  });

  it('cannot be sent to a worker that is gone', async () => {
    const pipe = new PassThrough();
    pipe.on('error', () => undefined);
    pipe.destroy(new Error('gone'));
    await expect(sendSnapshot(pipe, shared(Uint8Array.of(1)))).rejects.toThrow();
  });
});
