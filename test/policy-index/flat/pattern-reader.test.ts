/**
 * For a single value the patterns found are those that the matchers say match, no more and no less: cache keys
 * are made of them. For a joined header they are at least those.
 */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { cidrContains, parseCidr, parseIp } from '../../../src/attributes/address.ts';
import type { Cidr, IpAddress } from '../../../src/attributes/address.ts';
import { toByteString } from '../../../src/attributes/bytes.ts';
import { someLineMatches } from '../../../src/matcher/joined.ts';
import { isTemplate, matchesTemplate, pathTemplate } from '../../../src/matcher/path-template.ts';
import { pathSetMatches } from '../../../src/matcher/path.ts';
import {
  istioNamespace,
  istioPrincipal,
  istioServiceAccount,
  istioTrustDomain,
  matchesPeer,
} from '../../../src/matcher/peer.ts';
import { matchesRequestPrincipal, requestPrincipal } from '../../../src/matcher/request-principal.ts';
import { matchesString, stringMatcher } from '../../../src/matcher/string.ts';
import type { StringMatcher } from '../../../src/matcher/string.ts';
import { valueSet } from '../../../src/matcher/value-set.ts';
import { TABLE } from '../../../src/policy-index/flat/dimensions.ts';
import type { Found } from '../../../src/policy-index/flat/pattern-reader.ts';
import type { Dialect, Test } from '../../../src/policy/compile/predicate.ts';
import { patternsOf } from './support.ts';

const RUNS = { numRuns: 300 };

const unique = (found: Found): number[] => [...new Set(found)].sort((a, b) => a - b);

/** Numbers of the patterns of the tests that hold. A test here has one pattern. */
function matching(numbers: readonly (readonly number[])[], holds: readonly boolean[]): number[] {
  return unique(numbers.flatMap((own, i) => (holds[i] === true ? own : [])));
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '\n', '\xe9'), maxLength: 6 });
const pattern = fc.oneof(
  text,
  text.map((each) => `${each}*`),
  text.map((each) => `*${each}`),
  fc.constant('*'),
);
const stringMatchers = fc.array(
  fc
    .tuple(pattern, fc.constantFrom('present' as const, 'nonEmpty' as const))
    .map(([value, star]) => stringMatcher(value, star)),
  { maxLength: 12 },
);

describe('a value', () => {
  it('matches the exact values, prefixes, suffixes and stars that it does', () => {
    fc.assert(
      fc.property(stringMatchers, fc.array(text, { minLength: 1, maxLength: 6 }), (matchers, values) => {
        const tests = matchers.map((matcher): Test => ({ attribute: 'method', values: valueSet([matcher]) }));
        const { reader, numbers, table } = patternsOf(
          [{ attribute: 'method', values: valueSet([]) }, ...tests],
          'istio',
        );
        for (const value of values) {
          const found: Found = [];
          reader.matchString(table(TABLE.method), value, found);
          const holds = matchers.map((matcher) => matchesString(matcher, value));
          expect(unique(found)).toEqual(matching(numbers.slice(1), holds));
          expect(found).toHaveLength(new Set(found).size);
        }
      }),
      RUNS,
    );
  });

  it('of a table is not looked for in another', () => {
    const values = valueSet([{ kind: 'exact', text: 'a' }]);
    const tests: readonly Test[] = [
      { attribute: 'method', values },
      { attribute: 'sni', values },
      { attribute: 'header', name: 'x-a', values },
      { attribute: 'header', name: 'x-b', values },
      { attribute: 'claim', path: ['x-a'], values },
      { attribute: 'claim', path: ['x-a', 'x-b'], values },
    ];
    const { reader, numbers, table } = patternsOf(tests, 'access');
    expect(new Set(numbers.flat()).size).toBe(6);
    const found: Found = [];
    reader.matchString(table(TABLE.sni), 'a', found);
    expect(found).toEqual(numbers[1]);
    expect(reader.namedTable(TABLE.header, 'x-c')).toBe(-1);
    found.length = 0;
    reader.matchString(table(reader.namedTable(TABLE.header, 'x-b')), 'a', found);
    expect(found).toEqual(numbers[3]);
  });

  it('has the table of another kind of policy where the two read it otherwise', () => {
    const host: Test = { attribute: 'host', values: valueSet([{ kind: 'exact', text: 'a' }]) };
    const { reader } = patternsOf([host], 'access');
    expect(reader.table(TABLE.accessHost)).not.toBeNull();
    expect(reader.table(TABLE.istioHost)).toBeNull();
  });

  it('matches each of thousands of patterns that differ in a letter', () => {
    const matchers = Array.from({ length: 3000 }, (_, i): StringMatcher => ({
      kind: (['exact', 'prefix', 'suffix'] as const)[i % 3]!,
      text: `v${i.toString(36)}`,
    }));
    const { reader, numbers, table } = patternsOf(
      matchers.map((matcher): Test => ({ attribute: 'sni', values: valueSet([matcher]) })),
      'istio',
    );
    for (let i = 0; i < 3000; i += 7) {
      const value = `v${i.toString(36)}`;
      const found: Found = [];
      reader.matchString(table(TABLE.sni), value, found);
      expect(unique(found)).toEqual(
        matching(
          numbers,
          matchers.map((matcher) => matchesString(matcher, value)),
        ),
      );
    }
  });
});

describe('a joined header', () => {
  it('matches at least what one of the lines does that it may have been', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 2 });
    const commas = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(','));
    const matchers = fc.array(
      fc.oneof(
        commas,
        commas.map((each) => `${each}*`),
        commas.map((each) => `*${each}`),
        fc.constant('*'),
      ),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(matchers, commas, fc.constantFrom('present' as const, 'nonEmpty' as const), (values, value, star) => {
        const sets = values.map((each) => valueSet([stringMatcher(each, star)]));
        const { reader, numbers, table } = patternsOf(
          [valueSet([]), ...sets].map((set): Test => ({ attribute: 'header', name: 'x-a', values: set })),
          'istio',
        );
        const found: Found = [];
        reader.matchJoined(table(reader.namedTable(TABLE.header, 'x-a')), value, value.split(','), found);
        const wanted = matching(
          numbers.slice(1),
          sets.map((set) => someLineMatches(value, set)),
        );
        expect(unique(found)).toEqual(expect.arrayContaining(wanted));
        const surely = values.map((each) => each === '*' || !each.includes('*'));
        // Exact values are found where a line is just that.
        for (const number of found) {
          const i = numbers.slice(1).findIndex((own) => own.includes(number));
          if (surely[i] === true && values[i] !== '*') expect(wanted).toContain(number);
        }
      }),
      RUNS,
    );
  });
});

describe('a path', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', '', 'c;d', '[', '\xe9', '{');
  const step = fc.oneof({ weight: 3, arbitrary: segment }, { weight: 2, arbitrary: fc.constant('{*}') });
  const template = fc
    .tuple(
      fc.array(step, { maxLength: 4 }),
      fc.constantFrom('', '/{**}', '/{**}/a', '/{**}.js', '{*}', '/x{*}', '/{**}/b/a', '/{*}'),
    )
    .map(([steps, end]) => `${steps.map((each) => `/${each}`).join('')}${end}`);
  const value = fc.oneof(template, pattern, fc.constantFrom('{*}', '{**}', 'a/{*}', '/', '/{**}'));
  const path = fc.oneof(
    fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
    fc.constantFrom('/', '//', '/a/', '/a.js', '/a/b.js', 'a', '*', '/{*}', '/a/x1', '/x'),
  );
  const setOf = (each: string, alphabet: 'any' | 'envoy'): Extract<Test, { attribute: 'path' }>['paths'] =>
    isTemplate(each)
      ? { strings: valueSet([]), templates: [pathTemplate(each, alphabet)] }
      : { strings: valueSet([stringMatcher(each, 'nonEmpty')]), templates: [] };

  it.each<[Dialect, 'any' | 'envoy', number]>([
    ['istio', 'envoy', TABLE.istioPath],
    ['access', 'any', TABLE.accessPath],
  ])('matches the strings and templates of %s policies that it does', (dialect, alphabet, dimension) => {
    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 14 }),
        fc.array(path, { minLength: 1, maxLength: 8 }),
        (values, paths) => {
          const sets = values.map((each) => setOf(each, alphabet));
          const { reader, numbers, table } = patternsOf(
            sets.map((set): Test => ({ attribute: 'path', paths: set })),
            dialect,
          );
          for (const each of paths) {
            const found: Found = [];
            reader.matchPath(table(dimension), each, found);
            const holds = sets.map((set) => pathSetMatches(set, each));
            expect([each, unique(found)]).toEqual([each, matching(numbers, holds)]);
            matched += found.length;
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(matched).toBeGreaterThan(600);
  });

  it('does not match a template of steps that are not what their text would be read as', () => {
    const template = {
      steps: [{ kind: 'literal', text: '/{*}' }] as const,
      alphabet: 'any' as const,
    };
    const { reader, table } = patternsOf(
      [{ attribute: 'path', paths: { strings: valueSet([]), templates: [template] } }],
      'access',
    );
    expect(matchesTemplate(template, '/a')).toBe(false);
    const found: Found = [];
    reader.matchPath(table(TABLE.accessPath), '/{*}', found);
    expect(found).toHaveLength(1);
  });
});

describe('a name of the peer', () => {
  const name = fc.constantFrom('shop', 'edge', 's', 'ns', 'sa', 'web', '', 'a*b');
  const starred = fc.tuple(name, fc.constantFrom('', '*'), name).map((parts) => parts.join(''));
  const peerMatchers = fc.array(
    fc.oneof(
      fc
        .oneof(starred, fc.constantFrom('*', '*/sa/web', 'td/ns/shop/*', 'td/ns/shop/sa/web', '**'))
        .map(istioPrincipal),
      fc.oneof(starred, fc.constantFrom('*', 's*p', '*/x')).map(istioNamespace),
      fc
        .tuple(
          fc.constantFrom('', 'shop/', 'ns/', 's*/'),
          fc.oneof(name, fc.constantFrom('a/b')),
          fc.constantFrom('shop', ''),
        )
        .map(([namespace, account, own]) => istioServiceAccount(namespace + account, own)),
      fc.constantFrom('*', 'td', 't*', '*d', 't*d').map(istioTrustDomain),
    ),
    { minLength: 1, maxLength: 12 },
  );
  const part = fc.constantFrom('/ns/', 'shop', 'edge', '/sa/', 'web', '/', 'ns', 'sa', 's', '\n', '/x', '*');
  const names = fc.oneof(
    fc
      .tuple(fc.constantFrom('spiffe://td', 'spiffe://', 'td', '', 'spiffe:/'), fc.array(part, { maxLength: 8 }))
      .map(([start, parts]) => start + parts.join('')),
    fc.constantFrom('spiffe://td/ns/shop/sa/web', 'spiffe://td/ns/shop/x/sa/web/y', 'web.example'),
  );

  it('matches the patterns of Istio that it does', () => {
    let matched = 0;
    fc.assert(
      fc.property(peerMatchers, fc.array(names, { minLength: 1, maxLength: 8 }), (matchers, values) => {
        const { reader, numbers, table } = patternsOf(
          matchers.map((matcher): Test => ({ attribute: 'peer', part: 'id', matchers: [matcher] })),
          'istio',
        );
        for (const value of values) {
          const found: Found = [];
          expect(reader.matchPeer(table(TABLE.peerId), value, found)).toBe(true);
          const holds = matchers.map((matcher) => matchesPeer(matcher, value));
          expect([value, unique(found)]).toEqual([value, matching(numbers, holds)]);
          matched += found.length;
        }
      }),
      { numRuns: 600 },
    );
    expect(matched).toBeGreaterThan(600);
  });

  it.each([
    ['namespaces', istioNamespace('x'), '/ns/a'.repeat(9) + '/ns/x/'],
    ['accounts', istioServiceAccount('web', 'x'), `spiffe://td/ns/x${'/sa/a'.repeat(9)}/sa/web`],
  ])('with too many places for %s may match anything', (_, matcher, value) => {
    const { reader, table } = patternsOf([{ attribute: 'peer', part: 'id', matchers: [matcher] }], 'istio');
    expect(reader.matchPeer(table(TABLE.peerId), value, [])).toBe(false);
  });

  it('is compared with parts of SPIFFE IDs as these are written, with stars anywhere', () => {
    const matchers = ['a', 'a*', '*a', 'a*b', '*a*', '**', 'a**b'].map((value): StringMatcher =>
      value.includes('*') ? { kind: 'glob', parts: value.split('*') } : { kind: 'exact', text: value },
    );
    const { reader, numbers, table } = patternsOf(
      matchers.map((matcher): Test => ({ attribute: 'spiffe', part: 'namespace', values: valueSet([matcher]) })),
      'access',
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 }), (value) => {
        const found: Found = [];
        reader.matchSpiffe(table(TABLE.spiffeNamespace), value, found);
        expect(unique(found)).toEqual(
          matching(
            numbers,
            matchers.map((matcher) => matchesString(matcher, value)),
          ),
        );
      }),
      RUNS,
    );
  });
});

describe('an address', () => {
  const byte = fc.constantFrom(0, 1, 127, 128, 255, 10);
  const v4 = fc.tuple(byte, byte, byte, byte).map((bytes) => parseIp(bytes.join('.'))!);
  const group = fc.constantFrom('0', '1', 'ffff', '8000', '7fff', 'db8');
  const v6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => parseIp(groups.join(':'))!);
  const address = fc.oneof(v4, v6);
  const near = (ip: IpAddress, bit: number): IpAddress => {
    const at = bit % (ip.length * 8);
    const code = ip.charCodeAt(at >> 3) ^ (0x80 >> (at & 7));
    return (ip.slice(0, at >> 3) + String.fromCharCode(code) + ip.slice((at >> 3) + 1)) as IpAddress;
  };
  const block = fc
    .tuple(address, fc.nat(128))
    .map(([network, bits]): Cidr => ({ network, prefixLength: bits % (network.length * 8 + 1) }));

  it('is in the blocks that hold it, and in no other', () => {
    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(address, fc.nat(127))),
        (blocks, asked) => {
          const { reader, numbers, table } = patternsOf(
            blocks.map((each): Test => ({ attribute: 'sourceIp', blocks: [each] })),
            'istio',
          );
          const addresses = [
            ...blocks.flatMap(({ network, prefixLength }) => [
              network,
              near(network, prefixLength),
              near(network, prefixLength + 127),
            ]),
            ...asked.map(([ip, bit]) => near(ip, bit)),
          ];
          for (const each of addresses) {
            const found: Found = [];
            reader.matchAddress(table(TABLE.sourceIp), each, found);
            expect(unique(found)).toEqual(
              matching(
                numbers,
                blocks.map((one) => cidrContains(one, each)),
              ),
            );
            matched += found.length;
          }
        },
      ),
      RUNS,
    );
    expect(matched).toBeGreaterThan(300);
  });

  it('has one pattern for blocks that differ in bits that they do not ask for', () => {
    const blocks = ['10.1.2.3/8', '10.0.0.0/8', '10.128.0.0/9', '10.255.0.0/9', '::/8', '::1/8'].map((each) =>
      parseCidr(each)!,
    );
    const { reader, numbers } = patternsOf(
      blocks.map((each): Test => ({ attribute: 'remoteIp', blocks: [each] })),
      'istio',
    );
    expect(numbers[0]).toEqual(numbers[1]);
    expect(numbers[2]).toEqual(numbers[3]);
    expect(numbers[4]).toEqual(numbers[5]);
    expect(new Set(numbers.flat()).size).toBe(3);
    expect(reader.cidrOf(numbers[2]![0]!)).toEqual({ bits: 9, addressLength: 4 });
    expect(reader.textOf(numbers[2]![0]!)).toBe('\x0a\x80');
    expect(reader.cidrOf(numbers[4]![0]!)).toEqual({ bits: 8, addressLength: 16 });
  });
});

describe('a token', () => {
  const half = fc.string({ unit: fc.constantFrom('a', '/', '1', ':', '\n'), maxLength: 4 });
  const value = fc.oneof(
    fc.tuple(half, half).map(([issuer, subject]) => `${issuer}/${subject}`),
    fc.tuple(half, half).map(([issuer, subject]) => `${issuer}/${subject}*`),
    fc.tuple(half, half).map(([issuer, subject]) => `*${issuer}/${subject}`),
    fc.constantFrom('*', '*/*', '*/a', 'a/*', '*a', 'a*', 'a', '/', '/*'),
  );

  it('matches the request principals that it does', () => {
    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(half, half), { minLength: 1, maxLength: 8 }),
        (values, tokens) => {
          const matchers = values.map((each) => requestPrincipal(toByteString(each)));
          const { reader, numbers, table } = patternsOf(
            matchers.map((matcher): Test => ({ attribute: 'requestPrincipal', matchers: [matcher] })),
            'istio',
          );
          for (const [issuer, subject] of tokens) {
            const found: Found = [];
            reader.matchRequestPrincipal(table(TABLE.requestPrincipal), issuer, subject, found);
            const holds = matchers.map((matcher) => matchesRequestPrincipal(matcher, issuer, subject));
            expect([issuer, subject, unique(found)]).toEqual([issuer, subject, matching(numbers, holds)]);
            matched += found.length;
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(matched).toBeGreaterThan(100);
  });
});

it('a long path is gone through no more often for more templates', () => {
  // What it costs cannot be asserted; what is counted is how often a character of the path is looked at.
  const looked = (templates: number): number => {
    const tests = Array.from({ length: templates }, (_, i): Test => ({
      attribute: 'path',
      paths: { strings: valueSet([]), templates: [pathTemplate(`/{**}/x${i}`, 'envoy')] },
    }));
    const { reader, table } = patternsOf(tests, 'istio');
    const path = `/${'a'.repeat(10_000)}`;
    const looks = jest.spyOn(String.prototype, 'charCodeAt');
    try {
      reader.matchPath(table(TABLE.istioPath), path, []);
      return looks.mock.calls.length;
    } finally {
      looks.mockRestore();
    }
  };
  expect(looked(100)).toBeLessThan(2 * looked(1));
});
