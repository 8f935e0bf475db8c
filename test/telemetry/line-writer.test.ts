import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LineWriter } from '../../src/telemetry/line-writer.ts';

const MODULE = new URL('../../src/telemetry/line-writer.ts', import.meta.url).href;

describe('lines to a file', () => {
  let directory: string;
  let file: string;
  let fd: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-lines-'));
    file = join(directory, 'log');
    fd = openSync(file, 'w');
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });

  it('come out whole and in order', async () => {
    const writer = new LineWriter({ fd });
    let expected = '';
    for (let i = 0; i < 1000; i++) {
      const line = `${i} größe ${'x'.repeat(i)}\n`;
      expected += line;
      expect(writer.write(line)).toBe(true);
      if (i % 100 === 0) await sleep(1);
    }
    await writer.flush();
    expect(readFileSync(file, 'utf8')).toBe(expected);
    expect(writer.droppedLines).toBe(0);
  });

  it('are refused and counted when too many wait, and taken again afterwards', async () => {
    const writer = new LineWriter({ fd, maxPendingBytes: 10 });
    expect(writer.write('12345678\n')).toBe(true);
    expect(writer.write('a\nb\n')).toBe(false);
    expect(writer.droppedLines).toBe(2);
    await writer.flush();
    expect(writer.write('c\n')).toBe(true);
    await writer.flush();
    expect(readFileSync(file, 'utf8')).toBe('12345678\nc\n');
  });

  it('need no waiting when there are none', async () => {
    await expect(new LineWriter({ fd }).flush()).resolves.toBeUndefined();
  });

  it('are written at the end of the process', () => {
    const writer = new LineWriter({ fd });
    writer.write('a\n');
    writer.write('b\n');
    writer.flushSync();
    expect(readFileSync(file, 'utf8')).toBe('a\nb\n');
  });

  it('that the descriptor does not take are counted, and harm nothing', async () => {
    const readOnly = openSync(file, 'r');
    const writer = new LineWriter({ fd: readOnly });
    writer.write('a\nb\n');
    await writer.flush();
    writer.write('c\n');
    writer.flushSync();
    expect(writer.droppedLines).toBe(3);
    closeSync(readOnly);
  });
});

describe('lines to a disk that is full', () => {
  it('wait, and what there is no room for is refused', async () => {
    // Open until the process ends: it is tried again and again.
    const full = openSync('/dev/full', 'w');
    const writer = new LineWriter({ fd: full, maxPendingBytes: 10 });
    expect(writer.write('1234567\n')).toBe(true);
    let isWritten = false;
    void writer.flush().then(() => (isWritten = true));
    // That it is being written makes room for others.
    expect(writer.write('abcdefg\n')).toBe(true);
    expect(writer.hasRoom(3)).toBe(false);
    expect(writer.write('xyz\n')).toBe(false);
    expect([isWritten, writer.droppedLines]).toEqual([false, 1]);
    await writer.flushLast();
    expect(isWritten).toBe(false);
  });
});

describe('lines to a pipe that nobody reads', () => {
  it('do not hold up the event loop', async () => {
    const program = `
      import { LineWriter } from ${JSON.stringify(MODULE)};
      const writer = new LineWriter({ fd: 2, maxPendingBytes: 1_000_000 });
      const line = 'x'.repeat(999) + '\\n';
      let ticks = 0, longest = 0, last = performance.now();
      const timer = setInterval(() => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        for (let i = 0; i < 100; i++) writer.write(line);
        if (++ticks === 50) {
          clearInterval(timer);
          console.log(JSON.stringify({ longest, dropped: writer.droppedLines }));
          process.kill(process.pid, 'SIGKILL');
        }
      }, 2);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr.pause();
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve).on('exit', () => child.stderr.resume()));
    const { longest, dropped } = JSON.parse(output) as { longest: number; dropped: number };
    expect(dropped).toBeGreaterThan(1000);
    expect(longest).toBeLessThan(1000);
  });
});

describe('the end of a process', () => {
  it('loses no line, although the last ones were just written', () => {
    const logger = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
    const program = `
      import { createLogger, openLogWriter } from ${JSON.stringify(logger)};
      const log = createLogger('info', openLogWriter());
      for (let i = 0; i < 2000; i++) log.info({ i }, 'line');
      process.exit(3);
    `;
    const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
    });
    expect(status).toBe(3);
    expect(stdout).toBe('');
    const numbers = stderr
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { i: number }).i);
    expect(numbers).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });
});
