import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/audit/batch.ts';
import type { Retired } from '../../../src/audit/lines.ts';
import { FileSink } from '../../../src/audit/sinks/file-sink.ts';
import type { FileSinkOptions } from '../../../src/audit/sinks/file-sink.ts';
import { directory, STREAM } from '../support.ts';

function batch(text: string): Batch {
  return { name: 'x', stream: STREAM, ordinal: 1, from: 1, to: 1, records: 1, bytes: Buffer.from(text) };
}

function sinkIn(path: string, options: Partial<FileSinkOptions> = {}) {
  const retired: Retired[] = [];
  const errors: string[] = [];
  const sink = new FileSink({
    directory: path,
    instance: 'host',
    worker: 3,
    stream: STREAM,
    maxBytes: 1000,
    maxAgeSeconds: 60,
    maxFiles: 0,
    onRetired: (each) => retired.push(each),
    onError: (_, what) => errors.push(what),
    ...options,
  });
  return { sink, retired, errors };
}

const contents = (path: string): string[] =>
  readdirSync(path)
    .sort()
    .map((name) => readFileSync(join(path, name), 'utf8'));

describe('the files of a process', () => {
  it('have its instance, its number and its start in their names', async () => {
    using place = directory();
    const { sink } = sinkIn(place.path);
    await sink.send(batch('a\n'));
    await sink.send(batch('b\n'));
    await sink.close();
    expect(readdirSync(place.path)).toEqual(['audit-host-3-20260102T030405006Z-000001.jsonl']);
    expect(contents(place.path)).toEqual(['a\nb\n']);
  });

  it('follow each other when one is large, and a batch is whole in one', async () => {
    using place = directory();
    const { sink } = sinkIn(place.path, { maxBytes: 10 });
    for (const text of ['12345\n', '123\n', '12345\n', `${'x'.repeat(50)}\n`]) await sink.send(batch(text));
    await sink.close();
    expect(contents(place.path)).toEqual(['12345\n123\n', '12345\n', `${'x'.repeat(50)}\n`]);
  });

  it('follow each other when one is old', async () => {
    using place = directory();
    let nowMs = 0;
    const { sink } = sinkIn(place.path, { now: () => nowMs });
    await sink.send(batch('a\n'));
    nowMs = 59_999;
    await sink.send(batch('b\n'));
    nowMs = 60_000;
    await sink.send(batch('c\n'));
    await sink.close();
    expect(contents(place.path)).toEqual(['a\nb\n', 'c\n']);
  });

  it('are at most as many as there may be; who is removed is told, with the last thing in it', async () => {
    using place = directory();
    writeFileSync(join(place.path, 'audit-host-33-20260101T000000000Z-000001.jsonl'), 'of another process\n');
    const { sink, retired } = sinkIn(place.path, { maxBytes: 10, maxFiles: 2 });
    const seal = (number: number): string =>
      `${JSON.stringify({ msg: 'audit seal', stream: STREAM, batch: number, to: 10 * number, hash: `h${number}` })}\n`;
    for (const number of [1, 2, 3, 4]) await sink.send(batch(seal(number)));
    await sink.close();
    expect(retired).toEqual([
      { file: 'audit-host-3-20260102T030405006Z-000001.jsonl', of: STREAM, batch: 1, seq: 10, hash: 'h1' },
      { file: 'audit-host-3-20260102T030405006Z-000002.jsonl', of: STREAM, batch: 2, seq: 20, hash: 'h2' },
    ]);
    expect(readdirSync(place.path)).toHaveLength(3);
  });

  it('never go over one that is there', async () => {
    using place = directory();
    writeFileSync(join(place.path, 'audit-host-3-20260102T030405006Z-000001.jsonl'), 'before\n');
    const { sink } = sinkIn(place.path);
    await expect(sink.send(batch('a\n'))).rejects.toThrow('EEXIST');
    expect(contents(place.path)).toEqual(['before\n']);
  });
});

describe('a disk that is full', () => {
  it('leaves no half batch behind: the next attempt begins where the last whole one ended', async () => {
    using place = directory();
    let room = 12;
    const { sink } = sinkIn(place.path, {
      // The disk's answers as a full one gives them: half a write, then ENOSPC.
      openFile: async (...args: Parameters<typeof open>) => {
        const handle = await open(...args);
        const write = handle.write.bind(handle) as (
          bytes: Buffer,
          at: number,
          length: number,
          position: number,
        ) => Promise<{ bytesWritten: number }>;
        handle.write = (async (bytes: Buffer, at: number, length: number, position: number) => {
          if (room === 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          const { bytesWritten } = await write(bytes, at, Math.min(length, room), position);
          room -= bytesWritten;
          return { bytesWritten };
        }) as unknown as typeof handle.write;
        return handle;
      },
    });
    await sink.send(batch('12345678\n'));
    await expect(sink.send(batch('abcdefgh\n'))).rejects.toThrow('ENOSPC');
    await expect(sink.send(batch('abcdefgh\n'))).rejects.toThrow('ENOSPC');
    room = 1000;
    await sink.send(batch('abcdefgh\n'));
    await sink.send(batch('more\n'));
    await sink.close();
    expect(contents(place.path)).toEqual(['12345678\nabcdefgh\nmore\n']);
  });

  it('is an error of the kernel, too', async () => {
    using place = directory();
    const { sink } = sinkIn(place.path, { openFile: (() => open('/dev/full', 'w')) as unknown as typeof open });
    await expect(sink.send(batch('a\n'))).rejects.toThrow('ENOSPC');
    await sink.close();
  });
});
