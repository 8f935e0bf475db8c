import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withLock } from '../../scripts/lib/lock.mjs';

describe('withLock', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-lock-'));
    file = join(folder, 'deeper', 'work.lock');
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('lets one at a time work, and all in the end', async () => {
    let working = 0;
    let most = 0;
    const work = async () => {
      working++;
      most = Math.max(most, working);
      await sleep(5);
      working--;
    };
    await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)]);
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('gives the result back, and lets go when the work fails', async () => {
    await expect(withLock(file, () => Promise.resolve(42))).resolves.toBe(42);
    await expect(withLock(file, () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');
    expect(existsSync(file)).toBe(false);
  });

  it('takes over from a process that died', async () => {
    const dead = spawnSync(process.execPath, ['--version']).pid;
    file = join(folder, 'work.lock');
    await writeFile(file, String(dead));
    await expect(withLock(file, () => Promise.resolve('done'))).resolves.toBe('done');
  });

  it('takes over from a process that died before it wrote its number', async () => {
    file = join(folder, 'work.lock');
    await writeFile(file, '');
    await expect(withLock(file, () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
