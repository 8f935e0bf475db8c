import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  MAX_JOINED_WORK,
  joinedHeader,
  joinedParts,
  someReadingAvoids,
  someReadingMatches,
} from '../../src/attributes/header-lines.ts';

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

const value = fc
  .array(fc.constantFrom('', 'a', 'b', 'ab', ' a'), { minLength: 1, maxLength: 7 })
  .map((p) => p.join(','));
const matcher = fc.oneof(
  fc.uniqueArray(fc.constantFrom('', 'a', 'b', 'a,b', 'b,a', 'a,', ',', 'a,b,a'), { maxLength: 4 }).map((wanted) => ({
    name: `one of ${JSON.stringify(wanted)}`,
    matches: (line: string) => (wanted as readonly string[]).includes(line),
  })),
  fc
    .constantFrom('a', 'b', ',')
    .map((text) => ({ name: `starts with ${text}`, matches: (l: string) => l.startsWith(text) })),
  fc
    .constantFrom('a', 'b', ',')
    .map((text) => ({ name: `ends with ${text}`, matches: (l: string) => l.endsWith(text) })),
);

describe('a joined header', () => {
  it('may have come from lines of which one matches: as trying every cut says', () => {
    fc.assert(
      fc.property(value, matcher, (joined, { matches }) => {
        expect(someReadingMatches(joined, matches)).toBe(allReadings(joined).some((lines) => lines.some(matches)));
      }),
      { numRuns: 800 },
    );
  });

  it('may have come from lines of which none matches: as trying every cut says', () => {
    fc.assert(
      fc.property(value, matcher, (joined, { matches }) => {
        expect(someReadingAvoids(joined, matches)).toBe(allReadings(joined).some((lines) => !lines.some(matches)));
      }),
      { numRuns: 800 },
    );
  });

  it('may be anything when taking it apart would be too much work', () => {
    const many = 'a,'.repeat(1000);
    expect(joinedParts(many)).toBeNull();
    expect(someReadingMatches(many, () => false)).toBe(true);
    expect(someReadingAvoids(many, () => true)).toBe(true);
  });

  it('is taken apart up to a bound of work, whether that comes of many parts or of long ones', () => {
    const length = (parts: number): number => Math.floor(MAX_JOINED_WORK / parts ** 2);
    for (const parts of [2, 20, 60]) {
      const short = ','.repeat(parts - 1).padEnd(length(parts), 'x');
      expect(joinedParts(short)).toHaveLength(parts);
      expect(joinedParts(`${short}x`)).toBeNull();
    }
  });
});

describe('a value in the headers map', () => {
  it('without a comma was one line', () => {
    expect(joinedHeader('x-a', 'b')).toEqual({ form: 'exact', lines: ['b'] });
  });

  it('with a comma is open', () => {
    expect(joinedHeader('x-a', 'b,c')).toEqual({ form: 'joined', value: 'b,c' });
  });

  it.each(['accept', 'user-agent', 'authorization', 'x-forwarded-for', 'x-request-id', ':authority', ':path'])(
    'is one line for %s, which Envoy joins itself or has once',
    (name) => {
      expect(joinedHeader(name, 'b,c')).toEqual({ form: 'exact', lines: ['b,c'] });
    },
  );

  it.each(['cookie', 'accept-encoding', 'x-forwarded-fo', 'x-user'])('is open for %s', (name) => {
    expect(joinedHeader(name, 'b,c').form).toBe('joined');
  });
});
