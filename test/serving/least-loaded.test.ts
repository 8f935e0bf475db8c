import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { leastLoaded } from '../../src/serving/fleet/least-loaded.ts';
import type { Candidate } from '../../src/serving/fleet/least-loaded.ts';

interface Named extends Candidate {
  readonly name: string;
}

function worker(name: string, busy: number | null, open: number, fresh = 0): Named {
  const taken = open + 10;
  return busy === null
    ? { name, beat: null, handed: fresh }
    : { name, beat: { busy, open, taken }, handed: taken + fresh };
}

/** Gives out connections one after the other, as all workers stand still. */
function deal(workers: readonly Named[], connections: number): Record<string, number> {
  const given = new Map(workers.map(({ name }) => [name, 0]));
  for (let i = 0; i < connections; i++) {
    const now = workers.map((each) => ({ ...each, handed: each.handed + given.get(each.name)! }));
    const { name } = leastLoaded(now)!;
    given.set(name, given.get(name)! + 1);
  }
  return Object.fromEntries(given);
}

describe('the least loaded worker', () => {
  it('is nobody where nobody is', () => {
    expect(leastLoaded([])).toBeNull();
  });

  it('gets as many of the first connections as any other', () => {
    expect(deal([worker('a', null, 0), worker('b', null, 0), worker('c', null, 0)], 9)).toEqual({ a: 3, b: 3, c: 3 });
  });

  it('is the one with fewer connections when both are about as busy', () => {
    expect(leastLoaded([worker('a', 0.31, 4), worker('b', 0.34, 3)])?.name).toBe('b');
  });

  it('is the less busy one, however many connections it has', () => {
    expect(leastLoaded([worker('a', 0.9, 1), worker('b', 0.2, 40)])?.name).toBe('b');
  });

  it('is no longer the same after it got what would make it as busy', () => {
    // Ten connections keep both busy for 1.0 together: one costs a tenth.
    const given = deal([worker('a', 0.8, 5), worker('b', 0.2, 5)], 12);
    expect(given['b']! - given['a']!).toBeGreaterThanOrEqual(5);
    expect(given['a']).toBeGreaterThan(0);
  });

  it('is a new one, until it has its share', () => {
    const given = deal([worker('old', 0.5, 4), worker('new', null, 0)], 4);
    expect(given).toEqual({ old: 0, new: 4 });
  });

  it('is always one of them, and never one that is busier and has more connections than another', () => {
    const any = fc.record({ busy: fc.double({ min: 0, max: 1, noNaN: true }), open: fc.nat(50), fresh: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), (all) => {
        const workers = all.map(({ busy, open, fresh }, index) => worker(`${index}`, busy, open, fresh));
        const chosen = leastLoaded(workers)!;
        expect(workers).toContain(chosen);
        const { busy, open } = chosen.beat!;
        const fresh = chosen.handed - chosen.beat!.taken;
        const better = workers.filter(
          (other) => other.beat!.busy < busy && other.beat!.open < open && other.handed - other.beat!.taken < fresh,
        );
        expect(better).toEqual([]);
      }),
    );
  });
});
