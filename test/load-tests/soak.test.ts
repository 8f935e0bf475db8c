import { describe, expect, it } from '@jest/globals';

import { Judge, OVERLOADED } from '../../load-tests/soak/judge.ts';
import { lastTwoThirds, slopePerHour, sparkline } from '../../load-tests/soak/trend.ts';
import { CLASSES, type RequestClass } from '../../load-tests/reload/policies.ts';
import { encodeCheckResponse } from './support/check-response.ts';

const REVISIONS = { a: 'revision-of-a', b: 'revision-of-b' };

describe('the trend of a quantity', () => {
  const points = (values: readonly number[]) => values.map((value, minute) => ({ atMs: minute * 60_000, value }));

  it('is its slope by least squares', () => {
    expect(slopePerHour(points([10, 11, 12, 13]))).toBeCloseTo(60);
    expect(slopePerHour(points([5, 5, 5]))).toBe(0);
    expect(slopePerHour(points([0, 2, 0, 2]))).toBeCloseTo(24);
    expect(slopePerHour(points([7]))).toBe(0);
  });

  it('leaves out the first third', () => {
    expect(lastTwoThirds(points([0, 1, 2, 3, 4, 5, 6])).map(({ value }) => value)).toEqual([2, 3, 4, 5, 6]);
  });

  it('is drawn from nothing up to the most', () => {
    expect(sparkline([0, 4, 8])).toBe('▁▅█');
    expect(sparkline([1, 1, 3, 5], 2)).toBe('▃█');
  });
});

describe('the judge of answers', () => {
  let ids = 0;
  function answer(decision: 'allow' | 'deny', revision: string | null, reason = 'any'): Buffer {
    const code = decision === 'allow' ? 0 : 7;
    const metadata = { decision, reason, ...(revision === null ? {} : { revision }) };
    return encodeCheckResponse(code, metadata, { decision_id: `id-${String(ids++).padStart(9, '0')}` });
  }

  function judged(judge: Judge, of: RequestClass, epoch: number, bytes: Buffer) {
    // Among other bytes, as it comes.
    const place = judge.read(Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(2)]), 3, 3 + bytes.length);
    return judge.verdict(CLASSES.indexOf(of), epoch, place);
  }

  it('knows what each set says', () => {
    const judge = new Judge(REVISIONS);
    // Twice: the second time each answer but for its id is known.
    for (let round = 0; round < 2; round++) {
      expect(judged(judge, 'only-a', judge.epoch, answer('allow', REVISIONS.a))).toBeNull();
      expect(judged(judge, 'only-a', judge.epoch, answer('deny', REVISIONS.b))).toBeNull();
      expect(judged(judge, 'only-a', judge.epoch, answer('allow', REVISIONS.b))).toMatch(/only-a was allowed by set b/);
      expect(judged(judge, 'both', 0, answer('deny', REVISIONS.a))).toMatch(/both was denied by set a/);
      expect(judged(judge, 'neither', 0, answer('allow', REVISIONS.a))).toMatch(/neither was allowed by set a/);
    }
  });

  it('takes no answer of a revision that is not there', () => {
    const judge = new Judge(REVISIONS);
    expect(judged(judge, 'both', 0, answer('allow', 'another'))).toMatch(/no known revision/);
    expect(judged(judge, 'both', 0, answer('deny', null))).toMatch(/no known revision/);
  });

  it('takes no answer that says one thing and does another', () => {
    const judge = new Judge(REVISIONS);
    const twofold = encodeCheckResponse(0, { decision: 'deny', revision: REVISIONS.a }, { decision_id: 'x' });
    expect(judged(judge, 'both', 0, twofold)).toMatch(/contradicts itself/);
  });

  it('knows the set that is no longer in force', () => {
    const judge = new Judge(REVISIONS);
    const before = judge.epoch;
    judge.expectOnly('b');
    expect(judged(judge, 'both', judge.epoch, answer('allow', REVISIONS.a))).toMatch(/set a answered when b/);
    expect(judged(judge, 'both', before, answer('allow', REVISIONS.a))).toBeNull();
    expect(judged(judge, 'both', judge.epoch, answer('allow', REVISIONS.b))).toBeNull();
    judge.expectOnly(null);
    expect(judged(judge, 'both', judge.epoch, answer('allow', REVISIONS.a))).toBeNull();
  });

  it('tells denials of a service with too much in hand from wrong ones, but never takes an allow for one', () => {
    const judge = new Judge(REVISIONS);
    expect(judged(judge, 'both', 0, answer('deny', null, 'overloaded'))).toBe(OVERLOADED);
    expect(judged(judge, 'neither', 0, answer('allow', REVISIONS.a, 'overloaded'))).toMatch(/was allowed/);
  });
});
