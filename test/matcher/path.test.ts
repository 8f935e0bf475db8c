import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accessPathSet, istioPathSet, pathSetMatches } from '../../src/matcher/path.ts';
import { isTemplate, literalPrefix, matchesTemplate, pathTemplate } from '../../src/matcher/path-template.ts';
import { pathForms } from '../../src/attributes/path.ts';
import { quote } from './support.ts';

const OPERATORS: Readonly<Record<string, readonly [envoy: string, any: string]>> = {
  '{*}': ["[a-zA-Z0-9\\-._~%!$&'()+,;:@=*]+", '[^/]+'],
  '{**}': ["[a-zA-Z0-9\\-._~%!$&'()+,;:@=*/]*", '[^]*'],
};

/** What Envoy's uri_template makes of it: full match, literals quoted. */
function templatePattern(template: string, alphabet: 'envoy' | 'any'): RegExp {
  const pieces = template
    .split(/(\{\*\*?\})/)
    .map((piece) => OPERATORS[piece]?.[alphabet === 'envoy' ? 0 : 1] ?? quote(piece));
  return new RegExp(`^${pieces.join('')}$`);
}

/** As validation lets them through: whole segments, and only literals behind `{**}`. */
const template = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', 'ab', '{*}', '{*}'), { maxLength: 3 }),
    fc.constantFrom([], ['{**}'], ['{**}', 'a'], ['{**}', 'a', 'b'], ['{*}']),
    fc.constantFrom('', '/'),
  )
  .map(([head, tail, end]) => `/${[...head, ...tail].join('/')}${end}`)
  .filter(isTemplate);

const path = fc
  .array(fc.constantFrom('a', 'b', 'ab', '', 'c[', '*', '%2F', '\xc3', '"'), { maxLength: 5 })
  .map((segments) => `/${segments.join('/')}`);

describe('a path template', () => {
  it.each(['envoy', 'any'] as const)('matches as its pattern does (%s)', (alphabet) => {
    fc.assert(
      fc.property(template, path, (t, text) => {
        // Envoy's pattern has one alphabet for operators; a `[` in a literal is refused by validation.
        const expected = templatePattern(t, alphabet).test(text);
        expect([t, text, matchesTemplate(pathTemplate(t, alphabet), text)]).toEqual([t, text, expected]);
      }),
      { numRuns: 2500 },
    );
  });

  it.each([
    ['/a/{*}', '/a/b', true],
    ['/a/{*}', '/a/', false],
    ['/a/{*}', '/a/b/c', false],
    ['/a/{*}', '/a/b/', false],
    ['/{*}', '/', false],
    ['/{*}', '/a', true],
    ['/a/{**}', '/a/', true],
    ['/a/{**}', '/a', false],
    ['/a/{**}', '/a/b/c', true],
    ['/a/{**}/b', '/a//b', true],
    ['/a/{**}/b', '/a/b', false],
    ['/a/{**}/b', '/a/x/y/b', true],
    ['/a/{**}/b', '/a/x/y/bb', false],
    ['/a/{**}/bcb', '/a/bcbcb', false],
    ['/foo/{*}/bar/{**}', '/foo//bar/x', false],
    ['/{**}', '/', true],
    ['/{**}', '/x[1]', false],
    ['/{*}', '/*', true],
    ['/{*}', '/%2F', true],
    ['/{*}', '/"', false],
  ])('%s, for %s: %j', (value, text, matched) => {
    expect(matchesTemplate(pathTemplate(value, 'envoy'), text)).toBe(matched);
  });

  it('of an AccessPolicy does not miss a path with a bracket', () => {
    expect(matchesTemplate(pathTemplate('/{**}', 'any'), '/x[1]')).toBe(true);
  });

  it('begins with the literal that every matching path begins with', () => {
    fc.assert(
      fc.property(template, path, (t, text) => {
        const compiled = pathTemplate(t, 'any');
        if (matchesTemplate(compiled, text)) expect(text.startsWith(literalPrefix(compiled))).toBe(true);
      }),
    );
  });

  it('with several `{**}` takes no time that grows out of hand', () => {
    const started = performance.now();
    expect(matchesTemplate(pathTemplate('/{**}/a/{**}/b', 'any'), `/${'a/'.repeat(2000)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("an AuthorizationPolicy's paths", () => {
  it.each([
    [['/a'], '/a', true],
    [['/a'], '/a/', false],
    [['/a'], '/A', false],
    [['/a*'], '/ab/c', true],
    [['*/a'], '/b/a', true],
    [['*'], '/anything', true],
    [['/b', '/a/{*}'], '/a/x', true],
    [['/a/{*}/b*'], '/a/x/bc', false],
    [['/a%2Fb'], '/a%2fb', false],
    [['/caf\xc3\xa9'], '/caf%C3%A9', false],
    [[], '/', false],
  ])('%j, for %j: %j', (values, text, matched) => {
    expect(pathSetMatches(istioPathSet(values), text)).toBe(matched);
  });
});

describe("an AccessPolicy's paths", () => {
  const inEveryReading = (values: readonly string[], text: string): boolean =>
    pathForms(text)!.every((form) => pathSetMatches(accessPathSet(values), form));

  it.each([
    [['/caf\xc3\xa9'], '/caf%C3%A9'],
    [['/caf%C3%A9'], '/caf%C3%A9'],
    [['/a b'], '/a%20b'],
    [['/a%20b'], '/a%20b'],
    [['/caf\xc3\xa9/{*}'], '/caf%C3%A9/7'],
    [['/caf\xc3\xa9/*'], '/caf%C3%A9/7'],
    [['/a/{*}'], '/a/b%20c'],
    [['/orders/*'], '/orders/7'],
  ])('%j meet every reading of %s', (values, text) => {
    expect(inEveryReading(values, text)).toBe(true);
  });

  it.each([
    [['/admin'], '/%61dmin'],
    [['/a'], '/a;v=1'],
    [['/a*b'], '/axb'],
    [['/a/{*}'], '/a/b%2Fc'],
    [['/public/*'], '/public/..%2fadmin'],
    [['/%2a'], '/anything'],
    [['/%7B*}'], '/x'],
    [['/a%7b**%7d'], '/ab/c'],
  ])('%j do not meet every reading of %s', (values, text) => {
    expect(inEveryReading(values, text)).toBe(false);
  });

  it('take an escaped wildcard for no wildcard', () => {
    expect(pathSetMatches(accessPathSet(['/a%2A']), '/ab')).toBe(false);
    expect(pathSetMatches(accessPathSet(['%2Aa']), 'xa')).toBe(false);
    expect(pathSetMatches(accessPathSet(['/%7B%2A%2A%7D']), '/ab')).toBe(false);
  });
});
