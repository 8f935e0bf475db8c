import { PassThrough } from 'node:stream';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { passOnLines } from '../../src/serving/fleet/whole-lines.ts';
import type { LineTaker } from '../../src/serving/fleet/whole-lines.ts';

/** Takes so many bytes until it is flushed. */
class Taker implements LineTaker {
  readonly written: Buffer[] = [];
  readonly #room: number;
  #waiting = 0;
  refused = 0;

  constructor(room: number) {
    this.#room = room;
  }

  hasRoom(bytes: number): boolean {
    return this.#waiting === 0 || this.#waiting + bytes <= this.#room;
  }

  write(lines: Buffer): boolean {
    if (!this.hasRoom(lines.length)) this.refused += 1;
    this.#waiting += lines.length;
    this.written.push(Buffer.from(lines));
    return true;
  }

  async flush(): Promise<void> {
    await nextTurn();
    this.#waiting = 0;
  }
}

async function passed(chunks: readonly Buffer[], room = Number.POSITIVE_INFINITY): Promise<Buffer[]> {
  const stream = new PassThrough();
  const taker = new Taker(room);
  const { written } = taker;
  passOnLines(stream, taker);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'close');
  expect(taker.refused).toBe(0);
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

  it('wait in their pipe while there is no room, and come in order', async () => {
    const texts = Array.from({ length: 200 }, (_, i) => `${i}\n`);
    const written = await passed(
      texts.map((text) => Buffer.from(text)),
      10,
    );
    expect(Buffer.concat(written).toString()).toBe(texts.join(''));
  });

  it('that never end are passed on all the same', async () => {
    const written = await passed(Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024, 'x')));
    expect(written.length).toBeGreaterThan(1);
    expect(Buffer.concat(written).toString().replaceAll('\n', '')).toHaveLength(40 * 64 * 1024);
  });
});
