import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DecisionCache, MAX_KEY_LENGTH } from '../../src/pdp/decision-cache.ts';
import { questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, policiesYaml, when } from '../extauthz/support/yaml.ts';

const snapshot = snapshotOf(
  policiesYaml([access('ALLOW', when('request.headers[x-a]', ['a']), when('request.headers[x-b]', ['b']))]),
);
const cache = new DecisionCache<{ readonly n: number }>({ maxEntries: 3 });

function keyOf(ask: Ask, extra = '', from = snapshot): string | null {
  const question = questionOf(from, ask);
  if (question.refused !== null) throw new Error('refused');
  return cache.key(question.scope, question.request, extra);
}

describe('the key of a decision', () => {
  it('holds what the rules read, and nothing else', () => {
    expect(keyOf({ path: '/a', headers: { 'x-a': '1' } })).toBe(
      keyOf({ path: '/b', headers: { 'x-a': '1', 'x-c': '2' } }),
    );
  });

  it.each<[string, Ask, Ask]>([
    ['a value', { headers: { 'x-a': '1' } }, { headers: { 'x-a': '2' } }],
    ['where it stands', { headers: { 'x-a': '1' } }, { headers: { 'x-b': '1' } }],
    [
      'where one ends and the other begins',
      { headers: { 'x-a': '1', 'x-b': '2' } },
      { headers: { 'x-a': '12', 'x-b': '' } },
    ],
    ['absent from empty', { headers: {} }, { headers: { 'x-a': '' } }],
    ['lines that hold a separator', { headers: { 'x-a': '1;1:b' } }, { headers: { 'x-a': '1', 'x-b': 'b' } }],
    [
      'two lines from one that is joined',
      { headers: { 'x-a': '1,2' } },
      {
        rawHeaders: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      },
    ],
    [
      'two lines from one with a comma',
      { rawHeaders: [['x-a', '1,2']] },
      {
        rawHeaders: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      },
    ],
    [
      'bytes that a lossy decoder would take for one',
      { rawHeaders: [['x-a', Buffer.of(0xff)]] },
      { rawHeaders: [['x-a', Buffer.of(0xfe)]] },
    ],
  ])('tells %s apart', (_, a, b) => {
    expect(keyOf(a)).not.toBe(keyOf(b));
  });

  it('is equal for equal values only, whatever is in them', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '0', '1', ';', ':', 'j', '-'), maxLength: 6 });
    const lines = fc.array(fc.tuple(fc.constantFrom('x-a', 'x-b'), value), { maxLength: 3 });
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(lines, (rawHeaders) => {
        const of = (name: string): string[] => rawHeaders.filter(([each]) => each === name).map(([, text]) => text);
        const what = JSON.stringify([of('x-a'), of('x-b')]);
        const key = keyOf({ rawHeaders })!;
        expect(seen.get(key) ?? what).toBe(what);
        seen.set(key, what);
      }),
      { numRuns: 2000 },
    );
    expect(keyOf({ headers: { 'x-a': 'a1;b' } })).not.toBe(keyOf({ headers: { 'x-a': 'a', 'x-b': 'b0;' } }));
  });

  it('tells revisions, workloads and what the answer reads besides apart', () => {
    const ask: Ask = { headers: { 'x-a': '1' } };
    expect(keyOf(ask, 'x')).not.toBe(keyOf(ask, 'y'));
    expect(keyOf({ ...ask, destinationLabels: { app: 'other' } })).not.toBe(keyOf(ask));
    const other = snapshotOf(policiesYaml([access('ALLOW', when('request.headers[x-a]', ['a']))]));
    expect(keyOf(ask, '', other)).not.toBe(keyOf(ask));
  });

  it('is none where it would be too long, where the clock is read, and where there is no cache', () => {
    const ask: Ask = { headers: { 'x-a': 'a'.repeat(MAX_KEY_LENGTH) } };
    expect(keyOf(ask)).toBeNull();
    const clocked = snapshotOf(
      policiesYaml([access('ALLOW', { condition: 'now > timestamp("2020-01-01T00:00:00Z")' })]),
    );
    expect(keyOf({}, '', clocked)).toBeNull();
    const question = questionOf(snapshot, {});
    const off = new DecisionCache({ maxEntries: 0 });
    expect(question.refused === null && off.key(question.scope, question.request, '')).toBeNull();
  });
});

describe('a kept decision', () => {
  const fresh = (maxEntries = 3): DecisionCache<{ readonly n: number }> => new DecisionCache({ maxEntries });
  const one = { n: 1 };

  it('is there until its time, and not at it', () => {
    const kept = fresh();
    kept.set('k', one, 1000, 2000);
    expect([kept.get('k', 1000), kept.get('k', 1999), kept.get('k', 2000)]).toEqual([one, one, null]);
  });

  it('is not there before it was made: a clock that was set back lengthens no life', () => {
    const kept = fresh();
    kept.set('k', one, 1000, 2000);
    expect(kept.get('k', 999)).toBeNull();
  });

  it('is not kept with no time to live, nor without a key', () => {
    const kept = fresh();
    kept.set('a', one, 1000, 1000);
    kept.set('b', one, 1000, 0);
    kept.set(null, one, 1000, 2000);
    expect([kept.get('a', 1000), kept.get('b', 1000), kept.get(null, 1000)]).toEqual([null, null, null]);
    expect(kept.statistics.size).toBe(0);
  });

  it('leaves when there is no room, the one not asked for longest first', () => {
    const kept = fresh();
    for (const key of ['a', 'b', 'c']) kept.set(key, one, 0, 10);
    kept.get('a', 0);
    kept.set('d', one, 0, 10);
    expect(['a', 'b', 'c', 'd'].filter((key) => kept.get(key, 0) !== null)).toEqual(['a', 'c', 'd']);
    expect(kept.statistics.evictions).toBe(1);
  });

  it('leaves when keys take too much room', () => {
    const kept = fresh(10);
    for (let i = 0; i < 10; i++) kept.set(`${i}${'x'.repeat(1000)}`, one, 0, 10);
    expect(kept.statistics.size).toBeLessThan(6);
  });

  it('is counted', () => {
    const kept = fresh();
    kept.set('k', one, 0, 10);
    kept.get('k', 0);
    kept.get('x', 0);
    kept.get('k', 20);
    expect(kept.statistics).toMatchObject({ hits: 1, misses: 2, size: 1 });
    kept.clear();
    expect(kept.statistics.size).toBe(0);
  });
});
