import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matchesString, stringMatcher } from '../../src/matcher/string.ts';
import { valueSet, valueSetMatches } from '../../src/matcher/value-set.ts';
import { quote } from './support.ts';

/** What Istio's translator makes of a value (matcher/string.go), as one regular expression. */
function istioPattern(value: string, whenStar: 'present' | 'nonEmpty'): RegExp {
  if (value === '*') return whenStar === 'present' ? /^[^]*$/ : /^.+$/;
  if (value.startsWith('*')) return new RegExp(`^[^]*${quote(value.slice(1))}$`);
  if (value.endsWith('*')) return new RegExp(`^${quote(value.slice(0, -1))}[^]*$`);
  return new RegExp(`^${quote(value)}$`);
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '*', '/', '.', '\n'), maxLength: 6 });

describe('a string value', () => {
  it('matches what the pattern that Istio makes of it matches', () => {
    fc.assert(
      fc.property(text, text, fc.constantFrom('present' as const, 'nonEmpty' as const), (value, input, whenStar) => {
        expect(matchesString(stringMatcher(value, whenStar), input)).toBe(istioPattern(value, whenStar).test(input));
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['a', 'a'],
    ['*', 'anything'],
    ['/info*', '/info'],
    ['/info*', '/information'],
    ['*.example.com', '.example.com'],
    ['a*b', 'a*b'],
    ['*a*', 'xa*'],
    ['**', 'x*'],
  ])('%j matches %j', (value, input) => {
    expect(matchesString(stringMatcher(value, 'nonEmpty'), input)).toBe(true);
  });

  it.each([
    ['a', 'A'],
    ['a', 'a '],
    ['a', ''],
    ['a*b', 'axb'],
    ['*a*', 'xay'],
    ['/info*', '/inf'],
    ['.a', 'xa'],
    ['*.example.com', 'example.com'],
    ['*', ''],
    ['*', 'a\nb'],
  ])('%j does not match %j', (value, input) => {
    expect(matchesString(stringMatcher(value, 'nonEmpty'), input)).toBe(false);
  });

  it('`*` matches an empty value where being there is enough', () => {
    expect(matchesString(stringMatcher('*', 'present'), '')).toBe(true);
  });
});

describe('a glob', () => {
  it('matches as its pattern does', () => {
    const parts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 3 }), {
      minLength: 2,
      maxLength: 4,
    });
    const input = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n'), maxLength: 10 });
    fc.assert(
      fc.property(parts, input, (literals, value) => {
        const pattern = new RegExp(`^${literals.map(quote).join('.*')}$`);
        expect(matchesString({ kind: 'glob', parts: literals }, value)).toBe(pattern.test(value));
      }),
      { numRuns: 1500 },
    );
  });

  it('does not use one character twice', () => {
    expect(matchesString({ kind: 'glob', parts: ['ab', 'ba'] }, 'aba')).toBe(false);
    expect(matchesString({ kind: 'glob', parts: ['ab', 'b', 'ba'] }, 'abba')).toBe(false);
    expect(matchesString({ kind: 'glob', parts: ['ab', 'b', 'ba'] }, 'abbba')).toBe(true);
  });
});

describe('a list of values', () => {
  it('matches when one of them does', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), text, (values, input) => {
        const matchers = values.map((value) => stringMatcher(value, 'nonEmpty'));
        expect(valueSetMatches(valueSet(matchers), input)).toBe(matchers.some((m) => matchesString(m, input)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is no property of an object', () => {
    const set = valueSet([stringMatcher('a', 'nonEmpty')]);
    expect(['__proto__', 'constructor', 'toString', 'size'].some((name) => valueSetMatches(set, name))).toBe(false);
  });
});
