import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/telemetry/logger.ts';
import type { Logger, LogLevel } from '../../src/telemetry/logger.ts';

function capture(level: LogLevel = 'info'): { log: Logger; lines: string[]; flushes: () => number } {
  const lines: string[] = [];
  let flushes = 0;
  const log = createLogger(level, { write: (line) => lines.push(line), flushSync: () => (flushes += 1) });
  return { log, lines, flushes: () => flushes };
}

describe('a log line', () => {
  it('is one line of JSON with level, time, fields and message', () => {
    const { log, lines } = capture();
    log.info({ revision: 'r1', rules: 3 }, 'policies loaded');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
    const line = JSON.parse(lines[0]!) as Record<string, unknown>;
    expect(line).toEqual({ level: 'info', time: expect.any(String), revision: 'r1', rules: 3, msg: 'policies loaded' });
    expect(line['time']).toBe(new Date(line['time'] as string).toISOString());
  });

  it('is not written below the level', () => {
    const { log, lines } = capture('warn');
    log.info('quiet');
    log.warn('loud');
    expect(lines).toHaveLength(1);
    const silent = capture('silent');
    silent.log.fatal('nothing');
    expect(silent.lines).toEqual([]);
  });

  it('cannot be broken or coloured by what a field holds', () => {
    const { log, lines } = capture();
    log.info({ file: 'a\n{"level":"fatal"}\u001b[31m\u009b\u202e' }, 'odd name');
    expect(lines).toHaveLength(1);

    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    expect(JSON.parse(lines[0]!)).toMatchObject({ file: 'a\\x0a{"level":"fatal"}\\x1b[31m\\x9b\\u{202e}' });
  });

  it('masks what is named like a secret, at any depth', () => {
    const { log, lines } = capture();
    log.info(
      {
        apiKey: 'SECRET',
        Authorization: 'SECRET',
        request: { headers: { 'x-a': 'SECRET' }, cookie: 'SECRET', host: 'shop' },
        list: [{ password: 'SECRET' }],
        tokens: new Map([['a', 'SECRET']]),
        claims: { sub: 'SECRET' },
      },
      'seen',
    );
    expect(lines[0]).not.toContain('SECRET');
    expect(JSON.parse(lines[0]!)).toMatchObject({
      apiKey: '[masked]',
      Authorization: '[masked]',
      request: { headers: '[masked]', cookie: '[masked]', host: 'shop' },
      list: [{ password: '[masked]' }],
    });
  });

  it('keeps an error with its cause, a date and a map', () => {
    const { log, lines } = capture();
    log.error(
      { err: new Error('outer', { cause: new Error('inner') }), at: new Date(0), map: new Map([['a', 1]]) },
      'failed',
    );
    log.error(new TypeError('alone'));
    expect(JSON.parse(lines[0]!)).toMatchObject({
      err: { type: 'Error', message: 'outer: inner', stack: expect.stringContaining('inner') },
      at: '1970-01-01T00:00:00.000Z',
      map: { a: 1 },
    });
    expect(JSON.parse(lines[1]!)).toMatchObject({ err: { type: 'TypeError', message: 'alone' }, msg: 'alone' });
  });

  it('is bounded, whatever is given', () => {
    const { log, lines } = capture();
    const loop: Record<string, unknown> = { bytes: new Uint8Array(1_000_000) };
    loop['self'] = loop;
    log.info({ loop, long: 'x'.repeat(1_000_000), list: Array.from({ length: 1_000_000 }, (_, i) => i) }, 'big');
    expect(lines[0]!.length).toBeLessThan(10_000);
    expect(JSON.parse(lines[0]!)).toMatchObject({ loop: { bytes: '(1000000 bytes)' } });
  });

  it('is written out at once when it is fatal', () => {
    const { log, flushes } = capture();
    log.error('not yet');
    expect(flushes()).toBe(0);
    log.fatal('now');
    expect(flushes()).toBe(1);
  });
});
