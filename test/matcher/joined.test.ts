import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { everyLineMayAvoid, someLineAvoids, someLineMatches } from '../../src/matcher/joined.ts';
import { stringMatcher } from '../../src/matcher/string.ts';
import { valueSet, valueSetMatches } from '../../src/matcher/value-set.ts';

/** Every way in which lines could have been joined to this value: each comma a seam or not. */
function allReadings(value: string): string[][] {
  const parts = value.split(',');
  const readings: string[][] = [];
  for (let seams = 0; seams < 1 << (parts.length - 1); seams++) {
    const lines = [parts[0]!];
    parts.slice(1).forEach((part, i) => {
      if ((seams >> i) & 1) lines.push(part);
      else lines.push(`${lines.pop()!},${part}`);
    });
    readings.push(lines);
  }
  return readings;
}

const joinedValue = fc
  .array(fc.constantFrom('', 'a', 'b', 'ab', ' a'), { minLength: 1, maxLength: 7 })
  .map((parts) => parts.join(','));
/** More than are searched one by one, none of which ever stands in a value here. */
const many = Array.from({ length: 70 }, (_, i) => `other${String(i)}`);
const set = fc
  .tuple(
    fc.array(
      fc.constantFrom('', 'a', 'b', 'a,b', 'b,a', 'a,', ',', 'a,b,a', 'a*', 'b,*', ',*', '*a', '*,b', '*,', '*'),
      { maxLength: 4 },
    ),
    fc.constantFrom([], many),
  )
  .map(([some, others]) => valueSet([...some, ...others].map((value) => stringMatcher(value, 'nonEmpty'))));

describe('a joined header, against every way of cutting it', () => {
  it('has a line that matches, none that does, or one that does not, in some reading', () => {
    fc.assert(
      fc.property(joinedValue, set, (value, values) => {
        const readings = allReadings(value);
        const matches = (line: string): boolean => valueSetMatches(values, line);
        expect(someLineMatches(value, values)).toBe(readings.some((lines) => lines.some(matches)));
        expect(everyLineMayAvoid(value, values)).toBe(readings.some((lines) => !lines.some(matches)));
        expect(someLineAvoids(value, values)).toBe(readings.some((lines) => !lines.every(matches)));
      }),
      { numRuns: 3000 },
    );
  });

  it('may be anything when taking it apart would be too much work', () => {
    const tooMany = 'a,'.repeat(1000);
    expect(someLineMatches(tooMany, valueSet([]))).toBe(true);
    expect(everyLineMayAvoid(tooMany, valueSet([{ kind: 'present' }]))).toBe(true);
    expect(someLineAvoids(tooMany, valueSet([{ kind: 'present' }]))).toBe(true);
  });
});
