import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KeptSet, UnusableSet } from '../../src/pap/kept-set.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { outcomeOf, SETTINGS, snapshotOf } from '../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../extauthz/support/yaml.ts';

const snapshot = snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/a'] }))]));
const digest = digestOf(snapshot);

function digestOf({ buffer }: PolicySnapshot): string {
  return createHash('sha256').update(Buffer.from(buffer)).digest('hex');
}

describe('the last good set', () => {
  let directory: string;
  let kept: KeptSet;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-state-'));
    kept = new KeptSet(join(directory, 'new'), 'policies', SETTINGS);
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('is nothing before any was kept', async () => {
    expect(await kept.restore()).toBeNull();
  });

  it('decides as it did, in a file that only its owner reads', async () => {
    await kept.keep(snapshot, digest);
    const restored = (await kept.restore())!;
    expect(restored.revision).toBe(snapshot.revision);
    for (const path of ['/a', '/b']) expect(outcomeOf(restored, { path })).toBe(outcomeOf(snapshot, { path }));
    expect(outcomeOf(restored, { path: '/a' })).toMatch(/^allow/);
    expect(statSync(kept.path).mode & 0o777).toBe(0o600);
  });

  it('is the last of those that were kept, and leaves nothing beside it', async () => {
    const other = snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/b'] }))]));
    await Promise.all([kept.keep(snapshot, digest), kept.keep(other, digestOf(other))]);
    expect((await kept.restore())?.revision).toBe(other.revision);
    expect(readdirSync(join(directory, 'new'))).toHaveLength(1);
  });

  it.each<[string, RegExp, (content: Buffer) => Buffer]>([
    ['cut off', /digest/, (content) => content.subarray(0, content.length - 4)],
    ['cut off in its first line', /does not begin/, (content) => content.subarray(0, 10)],
    ['empty', /does not begin/, () => Buffer.alloc(0)],
    [
      'changed in one bit',
      /digest/,
      (content) => Buffer.from(content.map((byte, i) => (i === content.length - 9 ? byte ^ 1 : byte))),
    ],
    [
      'of another version',
      /does not begin/,
      (content) => Buffer.from(content.toString('latin1').replace('"portcullis":1', '"portcullis":9'), 'latin1'),
    ],
    [
      'no snapshot at all',
      /too short|begin/,
      (content) => {
        const head = JSON.parse(content.toString('latin1').split('\n')[0]!) as Record<string, unknown>;
        const body = Buffer.from('not a snapshot..');
        return Buffer.concat([
          Buffer.from(`${JSON.stringify({ ...head, digest: createHash('sha256').update(body).digest('hex') })}\n`),
          body,
        ]);
      },
    ],
  ])('is refused when it is %s', async (_, message, spoil) => {
    await kept.keep(snapshot, digest);
    writeFileSync(kept.path, spoil(readFileSync(kept.path)));
    await expect(kept.restore()).rejects.toThrow(UnusableSet);
    await expect(kept.restore()).rejects.toThrow(message);
  });

  it.each([
    ['files', new Map([['origin', 'other']])],
    ['settings', new Map([['origin', 'policies']])],
  ])('is refused when it was made from other %s', async (what, options) => {
    await kept.keep(snapshot, digest);
    const settings = what === 'settings' ? { ...SETTINGS, defaultAction: 'ALLOW' as const } : SETTINGS;
    const other = new KeptSet(join(directory, 'new'), options.get('origin')!, settings);
    await expect(other.restore()).rejects.toThrow(/other files or with other settings/);
  });

  it('stays when a new one cannot be written', async () => {
    await kept.keep(snapshot, digest);
    const nowhere = new KeptSet(join(kept.path, 'below-a-file'), 'policies', SETTINGS);
    await expect(nowhere.keep(snapshot, digest)).rejects.toThrow();
    expect((await kept.restore())?.revision).toBe(snapshot.revision);
  });
});
