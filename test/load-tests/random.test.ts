import { describe, expect, it } from '@jest/globals';
import { random, zipf } from '../../load-tests/lib/random.ts';
import { median, quantile } from '../../load-tests/lib/statistics.ts';

describe('chance that can be repeated', () => {
  it('gives the same numbers for the same seed, and others for its neighbour', () => {
    const draw = (seed: number): number[] => {
      const from = random(seed);
      return Array.from({ length: 20 }, () => from.int(1_000_000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('stays below its bound and reaches all of it', () => {
    const from = random(3);
    const drawn = new Set(Array.from({ length: 1000 }, () => from.int(10)));
    expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("Zipf's law", () => {
  it('draws the k-th key with a weight of 1 / k^exponent', () => {
    const draw = zipf(1000, 1.1);
    const from = random(4);
    const counts = new Array<number>(1000).fill(0);
    for (let i = 0; i < 200_000; i++) counts[draw(from)]! += 1;
    expect(counts[0]! / counts[9]!).toBeGreaterThan(10 ** 1.1 * 0.9);
    expect(counts[0]! / counts[9]!).toBeLessThan(10 ** 1.1 * 1.1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(200_000);
  });
});

describe('quantiles', () => {
  it('are values that were there', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
