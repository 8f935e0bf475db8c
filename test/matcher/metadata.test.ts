import { describe, expect, it } from '@jest/globals';
import type { Claim } from '../../src/attributes/claim.ts';
import { matchesMetadata, metadataMatcher } from '../../src/matcher/metadata.ts';

describe('a metadata value', () => {
  it.each<[string, Claim | undefined, boolean]>([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a*', 'abc', true],
    ['*', 'x', true],
    ['*', '', false],
    ['a', ['a'], false],
    ['a', undefined, false],
    ['1', 1, false],
    ['true', true, false],
    ['[a]', ['b', 'a'], true],
    ['[a*]', ['b', 'abc'], true],
    ['[*]', ['x'], true],
    ['[*]', [], false],
    ['[a]', 'a', false],
    ['[a]', '[a]', false],
    ['[1]', [1], false],
    ['[a]', [['a']], false],
    ['[a', '[a', true],
  ])('%j, for %j: %j', (value, claim, matched) => {
    expect(matchesMetadata(metadataMatcher(value), claim)).toBe(matched);
  });
});
