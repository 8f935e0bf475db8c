import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Allowance } from '../../../src/transport/native/allowance.ts';

/** How often it can be spent at once. */
function left(allowance: Allowance): number {
  let count = 0;
  while (count < 1_000 && allowance.spend()) count++;
  return count;
}

describe('an allowance', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is a burst, then a rate, and never more than the burst', () => {
    jest.useFakeTimers();
    const allowance = new Allowance(10, 5);
    expect(left(allowance)).toBe(10);
    jest.advanceTimersByTime(1_000);
    expect(left(allowance)).toBe(5);
    jest.advanceTimersByTime(100);
    expect(left(allowance)).toBe(0);
    jest.advanceTimersByTime(3_600_000);
    expect(left(allowance)).toBe(10);
  });

  it('grows by what is given back', () => {
    jest.useFakeTimers();
    const allowance = new Allowance(10, 1);
    expect(left(allowance)).toBe(10);
    allowance.giveBack(3);
    expect(left(allowance)).toBe(3);
  });
});
