import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_DENIALS_PER_SECOND, Observer } from '../../../src/admin/observe/observer.ts';
import { RecordedFields } from '../../../src/audit/recorded-fields.ts';
import { entryOf } from '../../../src/extauthz/record.ts';
import { NOW_MS, snapshotOf, testService } from '../../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../../extauthz/support/yaml.ts';

const SNAPSHOT = snapshotOf(policiesYaml([access('ALLOW', { name: 'a', ...operation({ paths: ['/a'] }) })]));
const FIELDS = new RecordedFields({ headers: [], claims: [] });

let observer: Observer | null = null;
afterEach(() => {
  observer?.close();
  observer = null;
});

function world(maxEntries = 10_000) {
  let made = 0;
  const observing = new Observer({
    recent: { maxEntries, maxBytes: 1_000_000 },
    entryOf: (record) => {
      made += 1;
      return entryOf(record, FIELDS, null);
    },
    ruleOf: () => null,
    now: () => NOW_MS,
  });
  observer = observing;
  const checks = testService(SNAPSHOT, { record: (record) => observing.see(record, true) });
  const entries = async (): Promise<number> => {
    const kept = (await observing.answer({ kind: 'kept' })) as { readonly entries: number };
    return kept.entries;
  };
  return { checks, entries, made: () => made };
}

describe('what a process keeps of its checks', () => {
  it('is every denial up to a rate, which a flood of them does not pass', async () => {
    const { checks, entries, made } = world();
    for (let i = 0; i < 1000; i++) checks.check({ path: '/b' });
    expect(await entries()).toBe(MAX_DENIALS_PER_SECOND);
    expect(made()).toBe(MAX_DENIALS_PER_SECOND);
    checks.nowMs += 1000;
    for (let i = 0; i < 1000; i++) checks.check({ path: '/b' });
    expect(await entries()).toBe(2 * MAX_DENIALS_PER_SECOND);
  });

  it('is a few of those that were allowed', async () => {
    const { checks, entries, made } = world();
    for (let i = 0; i < 4; i++) checks.check({ path: '/a' });
    expect(await entries()).toBe(4);
    for (let i = 0; i < 10_000; i++) checks.check({ path: '/a' });
    expect(await entries()).toBe(14);
    expect(made()).toBe(14);
  });

  it('is nothing where nothing is to be kept', async () => {
    const { checks, entries, made } = world(0);
    checks.check({ path: '/b' });
    expect(await entries()).toBe(0);
    expect(made()).toBe(0);
    expect(await observer!.answer({ kind: 'recall', id: checks.records[0]?.id ?? '' })).toBeNull();
  });
});
