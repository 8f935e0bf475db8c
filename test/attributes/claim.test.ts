import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Claim, ClaimMap } from '../../src/attributes/claim.ts';
import { claimAt, claimKey, claimStrings, claimTexts } from '../../src/attributes/claim.ts';

const { claim } = fc.letrec<{ claim: Claim }>((tie) => ({
  claim: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Claim>(null, true, false, 0, 1, 10, -1.5, 1e21, '', '1', 'n', 's1:a', ';', ':', 'l0:'),
    fc.array(tie('claim'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom('', 'a', 'b', '1:'), tie('claim')), { maxLength: 3 })
      .map((entries): ClaimMap => new Map(entries)),
  ),
}));

describe('a claim', () => {
  const claims: ClaimMap = new Map<string, Claim>([
    ['sub', 'alice'],
    ['realm', new Map<string, Claim>([['roles', ['admin', 7, null, ['x'], 'dev']]])],
    ['list', [new Map<string, Claim>([['a', 'b']])]],
    ['n', 1],
  ]);

  it('has another key for 0 than for -0, which a condition can tell apart by dividing', () => {
    expect(claimKey(-0)).not.toBe(claimKey(0));
  });

  it('is found by walking objects', () => {
    expect(claimAt(claims, ['sub'])).toBe('alice');
    expect(claimStrings(claimAt(claims, ['realm', 'roles']))).toEqual(['admin', 'dev']);
    expect(claimAt(claims, [])).toBe(claims);
  });

  it.each([
    [['nobody']],
    [['realm', 'nothing']],
    [['sub', 'length']],
    [['realm', 'roles', '0']],
    [['list', '0', 'a']],
    [['list', 'a']],
    [['__proto__']],
    [['constructor', 'name']],
    [['realm', 'size']],
  ])('is not found at %j', (path) => {
    expect(claimAt(claims, path)).toBeUndefined();
  });

  it('is not found without a token', () => {
    expect(claimAt(null, ['sub'])).toBeUndefined();
  });

  it.each<[string, Claim | undefined]>([
    ['a number', 1],
    ['a boolean', true],
    ['null', null],
    ['an object', new Map([['a', 'b']])],
    ['a list of lists', [['a']]],
    ['nothing', undefined],
  ])('of %s has no strings', (_, value) => {
    expect(claimStrings(value)).toEqual([]);
  });

  it.each<[Claim | undefined, readonly string[]]>([
    ['a', ['a']],
    [3, ['3']],
    [-0, ['0']],
    [1e-7, ['1e-7']],
    [2 ** 53 - 1, ['9007199254740991']],
    [2 ** 53, []],
    [-(2 ** 53), []],
    [Infinity, []],
    [NaN, []],
    [false, ['false']],
    [null, []],
    [undefined, []],
    [new Map([['a', 'b']]), []],
    [
      ['a', 1, true, null, ['b'], 1e300],
      ['a', '1', 'true'],
    ],
  ])('of %j has the texts %j', (value, texts) => {
    expect(claimTexts(value)).toEqual(texts);
  });
});

describe('the key text of claims', () => {
  it('is equal for equal claims only, also one behind the other', () => {
    const pair = fc.tuple(claim, fc.option(claim, { nil: undefined }));
    const text = ([a, b]: readonly [Claim, Claim | undefined]): string => claimKey(a) + claimKey(b);
    const plain = (value: unknown): unknown =>
      value instanceof Map
        ? { map: [...(value as Map<string, unknown>)].map(([k, v]) => [k, plain(v)]) }
        : Array.isArray(value)
          ? value.map(plain)
          : value === undefined
            ? { absent: true }
            : value;
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(pair, (one) => {
        const what = JSON.stringify(one.map(plain));
        const known = seen.get(text(one));
        if (known !== undefined) expect(what).toBe(known);
        seen.set(text(one), what);
      }),
      { numRuns: 1500 },
    );
  });

  it.each<[Claim | undefined, Claim | undefined]>([
    [1, '1'],
    [true, 'true'],
    [null, undefined],
    ['', undefined],
    [[], ''],
    [['a'], 'a'],
    [['a', 'b'], ['ab']],
    [new Map(), []],
    [new Map([['a', 'b']]), ['a', 'b']],
  ])('tells %j from %j', (a, b) => {
    expect(claimKey(a)).not.toBe(claimKey(b));
  });
});
