import { PassThrough } from 'node:stream';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { passOnLines } from '../../src/serving/fleet/whole-lines.ts';

async function passed(chunks: readonly Buffer[]): Promise<Buffer[]> {
  const stream = new PassThrough();
  const written: Buffer[] = [];
  passOnLines(stream, (lines) => written.push(Buffer.from(lines)));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'close');
  return written;
}

describe('lines of a worker', () => {
  it('are passed on whole, and nothing of them is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-z\n]{0,12}$/), { maxLength: 20 }), async (texts) => {
        const written = await passed(texts.filter((text) => text !== '').map((text) => Buffer.from(text)));
        const all = texts.join('');
        for (const lines of written) expect(lines.at(-1)).toBe(0x0a);
        expect(Buffer.concat(written).toString()).toBe(all === '' || all.endsWith('\n') ? all : `${all}\n`);
      }),
    );
  });

  it('that never end are passed on all the same', async () => {
    const written = await passed(Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024, 'x')));
    expect(written.length).toBeGreaterThan(1);
    expect(Buffer.concat(written).toString().replaceAll('\n', '')).toHaveLength(40 * 64 * 1024);
  });
});
