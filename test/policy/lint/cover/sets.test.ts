/** Containment and disjointness against every value of a small world: what is claimed holds for each of them. */
import { describe, expect, it } from '@jest/globals';
import { parseCidr, parseIp } from '../../../../src/attributes/address.ts';
import { cidrContains } from '../../../../src/attributes/address.ts';
import { ipBlocks } from '../../../../src/matcher/ip-block.ts';
import { accessPathSet, istioPathSet, pathSetMatches } from '../../../../src/matcher/path.ts';
import type { PathSet } from '../../../../src/matcher/path.ts';
import {
  istioNamespace,
  istioPrincipal,
  istioServiceAccount,
  istioTrustDomain,
  matchesPeer,
} from '../../../../src/matcher/peer.ts';
import { matchesRequestPrincipal, requestPrincipal } from '../../../../src/matcher/request-principal.ts';
import { matchesString, stringMatcher } from '../../../../src/matcher/string.ts';
import type { StringMatcher } from '../../../../src/matcher/string.ts';
import type { SpiffePart, Test } from '../../../../src/policy/compile/predicate.ts';
import { attachmentCovers } from '../../../../src/policy/lint/cover/rules.ts';
import type { Policy } from '../../../../src/policy/model.ts';
import { pathsDisjoint, pathsInclude } from '../../../../src/policy/lint/cover/paths.ts';
import { testIncludes, testsDisjoint } from '../../../../src/policy/lint/cover/predicates.ts';
import { stringIncludes, stringsDisjoint } from '../../../../src/policy/lint/cover/strings.ts';

/** All texts of up to `length` of the letters. */
function texts(letters: readonly string[], length: number): string[] {
  return length === 0
    ? ['']
    : ['', ...texts(letters, length - 1).flatMap((rest) => letters.map((each) => each + rest))];
}

interface Outcome {
  readonly claimed: number;
  readonly wrong: readonly string[];
}

/** Every pair of `all`: where `claims`, `holds` must be true of each value. */
function everyPair<T>(
  all: readonly T[],
  claims: (a: T, b: T) => boolean,
  holds: (a: T, b: T) => boolean,
  name: (each: T) => string,
): Outcome {
  let claimed = 0;
  const wrong: string[] = [];
  for (const a of all)
    for (const b of all) {
      if (!claims(a, b)) continue;
      claimed++;
      if (!holds(a, b)) wrong.push(`${name(a)} and ${name(b)}`);
    }
  return { claimed, wrong };
}

describe('strings', () => {
  const words = texts(['a', 'b'], 2);
  const matchers: StringMatcher[] = [
    { kind: 'present' },
    { kind: 'nonEmpty' },
    ...words.flatMap((text): StringMatcher[] => [
      { kind: 'exact', text },
      { kind: 'prefix', text },
      { kind: 'suffix', text },
    ]),
    ...words.flatMap((first) =>
      words.slice(0, 4).map((last): StringMatcher => ({ kind: 'glob', parts: [first, last] })),
    ),
  ];
  const values = texts(['a', 'b', '\n'], 5);
  const oneLine = values.filter((value) => !value.includes('\n'));
  const name = (each: StringMatcher): string => JSON.stringify(each);

  it.each([
    ['of any text', false, values],
    ['of one line', true, oneLine],
  ])('inclusion %s is never claimed where a value is left out', (_, isOneLine, domain) => {
    const { claimed, wrong } = everyPair(
      matchers,
      (wide, narrow) => stringIncludes(wide, narrow, isOneLine),
      (wide, narrow) => domain.every((value) => !matchesString(narrow, value) || matchesString(wide, value)),
      name,
    );
    expect(wrong).toEqual([]);
    expect(claimed).toBeGreaterThan(matchers.length);
  });

  it('is found for each kind that has it', () => {
    const includes = (wide: string, narrow: string): boolean =>
      stringIncludes(stringMatcher(wide, 'nonEmpty'), stringMatcher(narrow, 'nonEmpty'), true);
    expect([includes('a*', 'ab*'), includes('*a', '*ba'), includes('*', 'a*'), includes('a*', 'a')]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([includes('ab*', 'a*'), includes('*ba', '*a'), includes('a*', '*')]).toEqual([false, false, false]);
  });

  it('disjointness is never claimed of two that share a value', () => {
    const { claimed, wrong } = everyPair(
      matchers,
      stringsDisjoint,
      (a, b) => !values.some((value) => matchesString(a, value) && matchesString(b, value)),
      name,
    );
    expect(wrong).toEqual([]);
    expect(claimed).toBeGreaterThan(matchers.length);
  });
});

describe.each([
  ['an AuthorizationPolicy', istioPathSet, true],
  ['an AccessPolicy', accessPathSet, false],
])('paths of %s', (_, pathSet, raw) => {
  const segments = ['a', 'b', '{*}', '{**}'];
  const templates = [
    ...segments.map((one) => `/${one}`),
    ...segments.flatMap((one) => segments.map((two) => `/${one}/${two}`)),
    ...segments.flatMap((one) => segments.map((two) => `/a/${one}/${two}`)),
  ].filter((path) => !/\{\*\*\}.*\{/.test(path));
  const strings = ['*', '/*', '/a*', '/a/*', '/a/b*', '*b', '*/b', '/', '/a/', '/ab', '/a/{*}/', '/a/{**}/'];
  const sets = [...templates, ...strings].map((path) => ({ path, set: pathSet([path]) }));
  const domain = texts(
    ['', 'a', 'b', '[', 'a\n'].map((each) => `/${each}`),
    4,
  ).filter((path) => path !== '' && (!raw || !path.includes('\n')));
  type Named = { readonly path: string; readonly set: PathSet };
  const name = ({ path }: Named): string => path;

  it('inclusion is never claimed where a path is left out', () => {
    const { claimed, wrong } = everyPair(
      sets,
      (wide, narrow) => pathsInclude(wide.set, narrow.set, raw),
      (wide, narrow) => domain.every((path) => !pathSetMatches(narrow.set, path) || pathSetMatches(wide.set, path)),
      name,
    );
    expect(wrong).toEqual([]);
    expect(claimed).toBeGreaterThan(2 * sets.length);
  });

  it('disjointness is never claimed of two that share a path', () => {
    const { claimed, wrong } = everyPair(
      sets,
      (a, b) => pathsDisjoint(a.set, b.set),
      (a, b) => !domain.some((path) => pathSetMatches(a.set, path) && pathSetMatches(b.set, path)),
      name,
    );
    expect(wrong).toEqual([]);
    expect(claimed).toBeGreaterThan(sets.length);
  });
});

it('names of peers: inclusion is never claimed where one is left out', () => {
  const matchers = [
    ...['*', 'td/*', 'td/ns/a/*', 'td/ns/a/sa/b', '*/sa/b', 'td/ns/a/sa/bc'].map(istioPrincipal),
    ...['a', 'a*', '*'].map(istioNamespace),
    ...['b', 'a/b', 'a/bc'].map((each) => istioServiceAccount(each, 'a')),
    ...['*', 'td', 't*', '*d'].map(istioTrustDomain),
  ];
  const names = [
    'CN=x',
    'a\nb',
    'spiffe://td',
    'spiffe://td/',
    ...['td', 'tx', 'other'].flatMap((domain) =>
      ['a', 'ab', 'c\n'].flatMap((namespace) =>
        ['b', 'bc', 'b/x', ''].map((account) => `spiffe://${domain}/ns/${namespace}/sa/${account}`),
      ),
    ),
  ];
  const { claimed, wrong } = everyPair(
    matchers,
    (wide, narrow) =>
      testIncludes(
        { attribute: 'peer', part: 'id', matchers: [wide] },
        { attribute: 'peer', part: 'id', matchers: [narrow] },
        true,
      ),
    (wide, narrow) => names.every((each) => !matchesPeer(narrow, each) || matchesPeer(wide, each)),
    (each) => JSON.stringify(each),
  );
  expect(wrong).toEqual([]);
  expect(claimed).toBeGreaterThan(matchers.length);
});

describe('tokens', () => {
  const values = ['*', 'i/*', 'i/s', 'i/s*', '*/s', '*i/s', '*s', 'i*', 'j/s', 'i/t', 'i', '*/*'];
  const matchers = values.map((text) => ({ text, test: testOf(text) }));
  const pairs = ['i', 'j', 'ii', ''].flatMap((issuer) =>
    ['s', 'st', 't', '*', ''].map((subject) => [issuer, subject] as const),
  );
  const matches = ({ text }: { readonly text: string }, [issuer, subject]: readonly [string, string]): boolean =>
    matchesRequestPrincipal(requestPrincipal(text), issuer, subject);
  function testOf(text: string): Test {
    return { attribute: 'requestPrincipal', matchers: [requestPrincipal(text)] };
  }

  it('inclusion and disjointness are claimed of no two that a token tells otherwise', () => {
    const included = everyPair(
      matchers,
      (wide, narrow) => testIncludes(wide.test, narrow.test, true),
      (wide, narrow) => pairs.every((pair) => !matches(narrow, pair) || matches(wide, pair)),
      ({ text }) => text,
    );
    const apart = everyPair(
      matchers,
      (a, b) => testsDisjoint(a.test, b.test),
      (a, b) => !pairs.some((pair) => matches(a, pair) && matches(b, pair)),
      ({ text }) => text,
    );
    expect([...included.wrong, ...apart.wrong]).toEqual([]);
    expect(included.claimed).toBeGreaterThan(matchers.length);
    expect(apart.claimed).toBeGreaterThan(0);
  });
});

describe('addresses', () => {
  const blocks = [
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.2.0/24',
    '10.1.2.3',
    '10.9.9.9/8',
    '10.1.2.9/8',
    '::/0',
    '::ffff:10.1.2.3',
  ];
  const addresses = ['10.1.2.3', '10.1.2.4', '10.1.9.9', '10.2.0.0', '11.0.0.0', '::1', '::ffff:10.1.2.3'].map((each) =>
    parseIp(each)!,
  );
  const test = (block: string): Test => ({ attribute: 'sourceIp', blocks: ipBlocks([block]) });
  const has = (block: string, address: string): boolean => cidrContains(parseCidr(block)!, address);

  it('inclusion is claimed exactly where it holds', () => {
    for (const wide of blocks)
      for (const narrow of blocks)
        expect([wide, narrow, testIncludes(test(wide), test(narrow), true)]).toEqual([
          wide,
          narrow,
          addresses.every((address) => !has(narrow, address) || has(wide, address)),
        ]);
  });

  it('disjointness too', () => {
    for (const a of blocks)
      for (const b of blocks)
        expect([a, b, testsDisjoint(test(a), test(b))]).toEqual([
          a,
          b,
          !addresses.some((address) => has(a, address) && has(b, address)),
        ]);
  });
});

it('a whole SPIFFE ID says what its parts are', () => {
  const spiffe = (part: SpiffePart, ...exact: string[]): Test => ({
    attribute: 'spiffe',
    part,
    values: { exact: new Set(exact), others: [] },
  });
  const id = spiffe('id', 'td/ns/a/sa/b');
  const parts = [
    [spiffe('namespace', 'a', 'x'), spiffe('namespace', 'c')],
    [spiffe('serviceAccount', 'a/b'), spiffe('serviceAccount', 'a/c')],
    [spiffe('trustDomain', 'td'), spiffe('trustDomain', 'other')],
  ] as const;
  for (const [own, other] of parts) {
    expect([testIncludes(own, id, false), testIncludes(other, id, false)]).toEqual([true, false]);
    expect([testsDisjoint(own, id), testsDisjoint(id, other)]).toEqual([false, true]);
    expect(testIncludes(own, spiffe('id', 'td/ns/a/sa/b', 'td/other'), false)).toBe(own === parts[2][0]);
    expect(testIncludes(id, own, false)).toBe(false);
  }
});

describe('attachment', () => {
  const policy = (more: Partial<Policy>): Policy => ({
    kind: 'AuthorizationPolicy',
    namespace: 'shop',
    name: 'p',
    action: 'ALLOW',
    mode: 'enforce',
    matchLabels: new Map(),
    serviceAccounts: null,
    targetGateways: null,
    rules: [],
    position: { file: 'p.yaml', line: 1, column: 1 },
    ...more,
  });
  const app = { matchLabels: new Map([['app', 'a']]) };
  const account = (...names: string[]): Partial<Policy> => ({
    serviceAccounts: names.map((name) => ({ namespace: 'shop', name })),
  });

  it.each([
    [true, 'the same', {}, {}],
    [true, 'the whole mesh over a namespace', { namespace: 'root' }, {}],
    [false, 'a namespace over the whole mesh', {}, { namespace: 'root' }],
    [false, 'another namespace', { namespace: 'other' }, {}],
    [true, 'all labels over some', {}, app],
    [false, 'some labels over all', app, {}],
    [false, 'other labels', { matchLabels: new Map([['app', 'b']]) }, app],
    [true, 'all accounts over one', {}, account('s')],
    [true, 'two accounts over one', account('s', 't'), account('s')],
    [false, 'one account over two', account('s'), account('s', 't')],
    [false, 'one account over all', account('s'), {}],
    [true, 'two Gateways over one', { targetGateways: ['g', 'h'] }, { targetGateways: ['g'] }],
    [false, 'one Gateway over two', { targetGateways: ['g'] }, { targetGateways: ['g', 'h'] }],
    [false, 'a Gateway over workloads', { targetGateways: ['g'] }, {}],
    [false, 'Gateways of another namespace', { namespace: 'root', targetGateways: ['g'] }, { targetGateways: ['g'] }],
  ])('covers (%s): %s', (covers, _, wide, narrow) => {
    expect(attachmentCovers(policy(wide), policy(narrow), 'root')).toBe(covers);
  });
});

it('what is asked of one attribute says nothing of another', () => {
  const values = { exact: new Set(['a']), others: [] };
  const tests: Test[] = [
    { attribute: 'header', name: 'x', values },
    { attribute: 'header', name: 'y', values },
    { attribute: 'claim', path: ['x'], values },
    { attribute: 'claim', path: ['x', 'y'], values },
    { attribute: 'metadata', filter: 'f', path: ['x'], matchers: [] },
    { attribute: 'metadata', filter: 'g', path: ['x'], matchers: [] },
    { attribute: 'host', values },
    { attribute: 'method', values },
    { attribute: 'sni', values },
    { attribute: 'sourceIp', blocks: ipBlocks(['10.0.0.1']) },
    { attribute: 'remoteIp', blocks: ipBlocks(['10.0.0.1']) },
    { attribute: 'destinationIp', blocks: ipBlocks(['10.0.0.1']) },
    { attribute: 'destinationPort', ports: new Set([1]) },
    { attribute: 'groups', groups: [] },
    { attribute: 'spiffe', part: 'namespace', values },
    { attribute: 'spiffe', part: 'trustDomain', values },
  ];
  for (const [i, wide] of tests.entries())
    for (const [j, narrow] of tests.entries())
      expect([i, j, testIncludes(wide, narrow, false)]).toEqual([i, j, i === j]);
});
