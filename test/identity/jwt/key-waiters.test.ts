import { describe, expect, it } from '@jest/globals';
import { KeyWaiters } from '../../../src/identity/jwt/key-waiters.ts';
import type { KeySet } from '../../../src/identity/proof.ts';
import { TestKeys, keySet } from './support/issuer.ts';

describe('KeyWaiters', () => {
  it('has room for 1,000 of one provider and 4,000 in all, and again when they are gone', async () => {
    const waiters = new KeyWaiters();
    const sources = Array.from({ length: 5 }, () => new TestKeys());
    const ends: ((set: KeySet | null) => void)[] = [];
    const wait = (source: TestKeys): Promise<KeySet | null> =>
      waiters.wait(source, () => new Promise((resolve) => ends.push(resolve)));
    const fill = (): number[] =>
      sources.map((source) => {
        const before = ends.length;
        for (let i = 0; i < 1_001; i++) all.push(wait(source));
        return ends.length - before;
      });
    let all: Promise<KeySet | null>[] = [];
    expect(fill()).toEqual([1_000, 1_000, 1_000, 1_000, 0]);
    const set = keySet(1);
    for (const end of ends.splice(0)) end(set);
    expect((await Promise.all(all)).filter((each) => each === set)).toHaveLength(4_000);
    all = [];
    expect(fill()).toEqual([1_000, 1_000, 1_000, 1_000, 0]);
    for (const end of ends) end(null);
    await Promise.all(all);
  });

  it('has room again after a failure', async () => {
    const waiters = new KeyWaiters();
    const keys = new TestKeys();
    for (let i = 0; i < 1_001; i++) {
      await expect(waiters.wait(keys, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    }
  });
});
