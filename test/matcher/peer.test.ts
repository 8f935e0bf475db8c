import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  istioNamespace,
  istioPrincipal,
  istioServiceAccount,
  istioTrustDomain,
  matchesPeer,
} from '../../src/matcher/peer.ts';
import type { PeerMatcher } from '../../src/matcher/peer.ts';
import { quote } from './support.ts';

/** Names near a SPIFFE ID: its pieces in any order, some twice, some missing. */
const name = fc
  .array(
    fc.constantFrom(
      'spiffe://',
      'td',
      'td',
      '/',
      '/ns/',
      '/ns/foo/',
      'foo',
      '/sa/',
      'sa/',
      'bar',
      'x',
      '.',
      '/x/',
      '\n',
      'CN=',
    ),
    { maxLength: 9 },
  )
  .map((pieces) => pieces.join(''));
const goodName = fc
  .tuple(
    fc.constantFrom('td', 'td2', 'x'),
    fc.constantFrom('foo', 'fo', 'foo2'),
    fc.constantFrom('bar', 'ba', 'bar/x', 'x/bar'),
  )
  .map(([td, ns, sa]) => `spiffe://${td}/ns/${ns}/sa/${sa}`);
const names = fc.oneof(
  name,
  name.map((rest) => `spiffe://td${rest}`),
  goodName,
);

function expectSame(matcher: PeerMatcher, pattern: RegExp, text: string): void {
  expect([text, matchesPeer(matcher, text)]).toEqual([text, pattern.test(text)]);
}

describe('principals', () => {
  it('match as the pattern that Istio makes of them', () => {
    const value = fc.oneof(
      fc.constantFrom(
        '*',
        'td/ns/foo/sa/bar',
        'td/*',
        '*/sa/bar',
        '*bar',
        'td/ns/foo*',
        'spiffe://td/ns/foo/sa/bar',
        '*.',
      ),
      fc.string({ unit: fc.constantFrom('t', 'd', '/', 'x', '.'), minLength: 1, maxLength: 5 }),
    );
    fc.assert(
      fc.property(value, names, (v, text) => {
        const pattern =
          v === '*'
            ? /^.+$/
            : v.startsWith('*')
              ? new RegExp(`^spiffe://.*${quote(v.slice(1))}$`)
              : v.endsWith('*')
                ? new RegExp(`^spiffe://${quote(v.slice(0, -1))}[^]*$`)
                : new RegExp(`^spiffe://${quote(v)}$`);
        expectSame(istioPrincipal(v), pattern, text);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['td/ns/foo/sa/bar', 'spiffe://td/ns/foo/sa/barx'],
    ['td/ns/foo/sa/bar', 'td/ns/foo/sa/bar'],
    ['td/ns/foo/sa/bar', 'spiffe://TD/ns/foo/sa/bar'],
    ['spiffe://td/ns/foo/sa/bar', 'spiffe://td/ns/foo/sa/bar'],
    ['*', ''],
  ])('%j does not match %j', (value, text) => {
    expect(matchesPeer(istioPrincipal(value), text)).toBe(false);
  });

  it('`*` matches any name, SPIFFE or not', () => {
    expect(matchesPeer(istioPrincipal('*'), 'client.example.com')).toBe(true);
  });
});

describe('namespaces', () => {
  it('match as `.*/ns/NS/.*`', () => {
    const value = fc.constantFrom('foo', 'fo*', '*oo', '*', 'f*o', '*o*', 'fo.');
    fc.assert(
      fc.property(value, names, (v, text) => {
        expectSame(istioNamespace(v), new RegExp(`^.*/ns/${v.split('*').map(quote).join('.*')}/.*$`), text);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['foo', 'spiffe://td/ns/foo'],
    ['foo', 'spiffe://td/ns/foobar/sa/x'],
    ['foo', 'spiffe://td/NS/foo/sa/x'],
    ['fo.', 'spiffe://td/ns/foo/sa/x'],
  ])('%j does not match %j', (value, text) => {
    expect(matchesPeer(istioNamespace(value), text)).toBe(false);
  });

  it('match in a subject too, as in Istio', () => {
    expect(matchesPeer(istioNamespace('foo'), 'CN=/ns/foo/')).toBe(true);
  });
});

describe('serviceAccounts', () => {
  it('match as `spiffe://.+/ns/NS/(.+/|)sa/SA(/.+)?`', () => {
    const value = fc.constantFrom('bar', 'foo/bar', 'fo/bar', 'foo/ba', 'x', 'foo/x', 'foo/.');
    fc.assert(
      fc.property(value, names, (v, text) => {
        const [namespace, account] = v.includes('/') ? v.split('/') : ['foo', v];
        const pattern = new RegExp(`^spiffe://.+/ns/${quote(namespace!)}/(.+/|)sa/${quote(account!)}(/.+)?$`);
        expectSame(istioServiceAccount(v, 'foo'), pattern, text);
      }),
      { numRuns: 2500 },
    );
  });

  it('are of the policy’s namespace unless they say another', () => {
    expect(matchesPeer(istioServiceAccount('a', 'shop'), 'spiffe://td/ns/shop/sa/a')).toBe(true);
    expect(matchesPeer(istioServiceAccount('a', 'shop'), 'spiffe://td/ns/edge/sa/a')).toBe(false);
    expect(matchesPeer(istioServiceAccount('edge/a', 'shop'), 'spiffe://td/ns/edge/sa/a')).toBe(true);
    expect(matchesPeer(istioServiceAccount('edge/a', 'shop'), 'spiffe://td/ns/shop/sa/a')).toBe(false);
  });

  it.each([
    'spiffe://td/ns/shop/sa/a/',
    'spiffe://td/ns/shop/sa/ab',
    'spiffe://td/ns/shop/sa/',
    'spiffe:///ns/shop/sa/a',
    'td/ns/shop/sa/a',
    'spiffe://td/ns/shop/xsa/a',
  ])('do not match %s', (text) => {
    expect(matchesPeer(istioServiceAccount('a', 'shop'), text)).toBe(false);
  });

  it('take a dot for a dot (CVE-2026-39350)', () => {
    expect(matchesPeer(istioServiceAccount('a.b', 'shop'), 'spiffe://td/ns/shop/sa/axb')).toBe(false);
  });
});

describe('trustDomains', () => {
  it('match as a prefix, or as a pattern that stays within the trust domain', () => {
    const value = fc.constantFrom('*', 'td', 't*', '*d', '*2', 'td*', 't');
    fc.assert(
      fc.property(value, names, (v, text) => {
        const pattern =
          v === '*'
            ? /^spiffe:\/\/[^]*$/
            : v.includes('*')
              ? new RegExp(`^spiffe://${v.split('*').map(quote).join('[^/]*')}/.*$`)
              : new RegExp(`^spiffe://${quote(v)}/[^]*$`);
        expectSame(istioTrustDomain(v), pattern, text);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['td', 'spiffe://td'],
    ['td', 'spiffe://td2/ns/x/sa/y'],
    ['td', 'spiffe://x/td/'],
    ['*d', 'spiffe://x/d/'],
    ['t*t', 'spiffe://t/ns/x/sa/y'],
    ['td', 'spiffe://TD/ns/x/sa/y'],
  ])('%j does not match %j', (value, text) => {
    expect(matchesPeer(istioTrustDomain(value), text)).toBe(false);
  });
});
