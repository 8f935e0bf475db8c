import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findProofs, jwtLocations } from '../../../src/identity/jwt/locations.ts';
import type { FoundProofs } from '../../../src/identity/jwt/locations.ts';
import type { HeaderLines } from '../../../src/attributes/header-lines.ts';
import type { ProofLocations } from '../../../src/policy/identity-model.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';
import { provider } from './support/issuer.ts';
import { joined, lines, request } from './support/request.ts';

type Profile = 'istio' | 'strict';
const PROFILES: readonly Profile[] = ['istio', 'strict'];
const BEARER = jwtLocations(provider());

const at = (places: Partial<ProofLocations>): ProofLocations => ({ headers: [], params: [], cookies: [], ...places });
const X_TOKEN = at({ headers: [{ name: 'x-token', prefix: '' }] });
const X_PREFIXED = at({ headers: [{ name: 'x-token', prefix: 'Tok ' }] });
const COOKIE = at({ cookies: ['session'] });

/** Values with commas between, or the outcome. */
function shown(found: FoundProofs): string {
  return found.outcome === 'found' ? found.values.join(' & ') : found.outcome;
}

const find = (locations: ProofLocations, profile: Profile, headers: Record<string, HeaderLines>, path = '/'): string =>
  shown(findProofs(request(path, headers), locations, profile));

describe('jwtLocations', () => {
  it('are those of the provider, or the bearer places, or the scheme of DPoP', () => {
    expect(BEARER).toEqual({
      headers: [{ name: 'authorization', prefix: 'Bearer ' }],
      params: ['access_token'],
      cookies: [],
    });
    expect(jwtLocations({ locations: COOKIE, binding: 'none' })).toBe(COOKIE);
    const { headers, params } = jwtLocations(provider({ binding: 'dpop' }));
    expect([headers, params]).toEqual([[{ name: 'authorization', prefix: 'DPoP ' }], []]);
  });
});

describe('findProofs', () => {
  it.each(PROFILES)('says where a token has to be removed from (%s)', (profile) => {
    const everywhere = at({ headers: [{ name: 'x-token', prefix: '' }], params: ['t'], cookies: ['session'] });
    const headers = { 'x-token': lines('abc'), cookie: lines('session=abc') };
    expect(findProofs(request('/?t=abc', headers), everywhere, profile)).toEqual({
      outcome: 'found',
      values: ['abc'],
      places: [
        { in: 'header', name: 'x-token' },
        { in: 'query', name: 't' },
        { in: 'cookie', name: 'session' },
      ],
    });
  });

  it("reads Istio's order: headers by name, then parameters, then cookies", () => {
    const everywhere = at({
      headers: [
        { name: 'x-z', prefix: '' },
        { name: 'x-a', prefix: '' },
      ],
      params: ['z', 'a'],
    });
    expect(find(everywhere, 'istio', { 'x-z': lines('1'), 'x-a': lines('2') }, '/?z=3&a=4')).toBe('2 & 1 & 4 & 3');
    expect(find(everywhere, 'strict', { 'x-z': lines('1'), 'x-a': lines('2') }, '/')).toBe('invalid');
  });

  it('looks at a handful of different values and no more', () => {
    const many = lines(...Array.from({ length: 5 }, (_, index) => `v${index}`));
    expect(find(X_TOKEN, 'istio', { 'x-token': many })).toBe('invalid');
  });

  it.each([
    ['a header without a prefix', X_TOKEN, { 'x-token': lines('') }, '/', '', 'invalid'],
    ['a header with two words', X_TOKEN, { 'x-token': lines('a b') }, '/', 'a b', 'invalid'],
    ["a scheme of one's own", X_PREFIXED, { 'x-token': lines('tok abc') }, '/', 'none', 'abc'],
    ['a parameter without a value', BEARER, {}, '/?access_token', '', 'invalid'],
    ['a parameter of two words', BEARER, {}, '/?access_token=a%20b', 'a b', 'invalid'],
    ['plus is no space', BEARER, {}, '/?access_token=a+b', 'a+b', 'a+b'],
    ['a long parameter name', BEARER, {}, `/?${'%61'.repeat(12)}x=a`, 'none', 'none'],
    ['the name in escapes', BEARER, {}, '/?%61ccess_token=a', 'a', 'a'],
    ['broken escapes', BEARER, {}, '/?access_token=a%zz%4', 'a%zz%4', 'invalid'],
    ['a cookie in quotes', COOKIE, { cookie: lines('session="a"') }, '/', 'a', 'a'],
    ['a cookie of another name', COOKIE, { cookie: lines('xsession=a; session2=b; =c; session') }, '/', 'none', 'none'],
    ['two cookies', COOKIE, { cookie: lines('session=a; session=b') }, '/', 'a', 'invalid'],
    ['an empty cookie', COOKIE, { cookie: lines('session=') }, '/', '', 'invalid'],
  ])('%s', (_what, locations, headers, path, istio, strict) => {
    const found = find(locations, 'istio', headers, path);
    expect([found, find(locations, 'strict', headers, path)]).toEqual([istio, strict]);
  });

  it.each([
    ['no prefix', X_TOKEN, 'x-token', 'a,b', 'invalid'],
    ['a prefix in one part', X_PREFIXED, 'x-token', 'x,Tok a', 'invalid'],
    ['a prefix in no part', X_PREFIXED, 'x-token', 'x,y', 'none'],
    ['a cookie between semicolons', COOKIE, 'cookie', 'a=b,c; session=t; d=e,f', 't'],
    ['a cookie behind a comma', COOKIE, 'cookie', 'a=b,session=t', 'invalid'],
    ['a cookie before a comma', COOKIE, 'cookie', 'session=t,a=b', 'invalid'],
    ['a comma elsewhere', COOKIE, 'cookie', 'a=b,c', 'none'],
  ])('lines that were joined: %s', (_what, locations, name, value, expected) => {
    for (const profile of PROFILES) expect(find(locations, profile, { [name]: joined(value) })).toBe(expected);
  });

  it(
    named('a joined header gives a token only where every reading of it gives that one'),
    () => {
      const piece = fc.constantFrom(
        'Tok ',
        'tok ',
        'abc',
        'session=',
        'session="',
        '"',
        ' ',
        ';',
        '; ',
        'x=',
        '=',
        ',',
        'a.b',
      );
      fc.assert(
        fc.property(
          fc.array(fc.array(piece, { maxLength: 5 }), { minLength: 2, maxLength: 4 }),
          fc.constantFrom(X_TOKEN, X_PREFIXED, COOKIE),
          fc.constantFrom(...PROFILES),
          (parts, locations, profile) => {
            const name = locations === COOKIE ? 'cookie' : 'x-token';
            const value = parts.map((part) => part.join('')).join(',');
            const found = find(locations, profile, { [name]: joined(value) });
            if (found === 'invalid') return;
            for (const reading of readings(value.split(','))) {
              expect(find(locations, profile, { [name]: lines(...reading) })).toBe(found);
            }
          },
        ),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );

  it(
    named('the strict profile gives one token68, whatever is sent'),
    () => {
      const piece = fc.constantFrom(
        'Bearer',
        'bearer ',
        ' ',
        '\t',
        'abc',
        'a.b.c',
        '=',
        ',',
        '\u00e9',
        '"',
        '%41',
        '&',
        'access_token=',
      );
      const text = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''));
      fc.assert(
        fc.property(fc.array(text, { maxLength: 2 }), text, (values, query) => {
          const found = findProofs(request(`/?${query}`, { authorization: lines(...values) }), BEARER, 'strict');
          if (found.outcome !== 'found') return;
          expect(found.values).toHaveLength(1);
          expect(found.values[0]).toMatch(/^[\w.~+/-]+=*$/);
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );
});

/** Every way in which these parts may have been lines. */
function readings(parts: readonly string[]): readonly (readonly string[])[] {
  const [first, ...rest] = parts;
  if (rest.length === 0) return [[first!]];
  return readings(rest).flatMap(([next, ...others]) => [
    [first!, next!, ...others],
    [`${first!},${next!}`, ...others],
  ]);
}
