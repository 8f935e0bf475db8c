import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { painterFor, write } from '../../src/cli/terminal.ts';

const RED = '\u001b[31mx\u001b[39m';

test.each([
  ['a terminal', true, {}, RED],
  ['a pipe', false, {}, 'x'],
  ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, 'x'],
  ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, RED],
  ['a terminal that has no colours', true, { TERM: 'dumb' }, 'x'],
])('colours on %s', (_name, isTTY, env, painted) => {
  const stream = Object.assign(new PassThrough(), { isTTY });
  expect(painterFor(stream, env)('red', 'x')).toBe(painted);
});

test('waits for a slow reader, and not for one that has gone', async () => {
  const stream = new PassThrough({ highWaterMark: 4 });
  let written = false;
  const writing = write(stream, 'more than four').then(() => (written = true));
  await new Promise(setImmediate);
  expect(written).toBe(false);
  stream.read();
  await writing;
  const second = write(stream, 'again too much');
  stream.destroy();
  await second;
  await write(stream, 'after the end');
  expect(stream.listenerCount('drain')).toBe(0);
});
