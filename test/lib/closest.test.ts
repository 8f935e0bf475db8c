import { describe, expect, it } from '@jest/globals';
import { closest } from '../../src/lib/closest.ts';

describe('the word that was meant', () => {
  const known = ['defaultAction', 'allowEmpty', 'listen', 'log'];
  it.each([
    ['defaultAcion', 'defaultAction'],
    ['defaultaction', 'defaultAction'],
    ['lisetn', 'listen'],
    ['lgo', 'log'],
    ['allowempty', 'allowEmpty'],
  ])('%s is %s', (typed, meant) => {
    expect(closest(typed, known)).toBe(meant);
  });
  it.each(['x', 'policies', 'denyEverything', ''])('is not guessed for %j', (typed) => {
    expect(closest(typed, known)).toBeNull();
  });
});
