import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EmptyPrincipals } from '../../src/identity/empty-principal.ts';
import { PARAMETERS, named } from '../property/runs.ts';

function feed(principals: EmptyPrincipals, listener: string, ...checks: readonly boolean[]): boolean[] {
  return checks.map((hasPrincipal) => principals.saw(listener, hasPrincipal));
}

describe('a listener whose principal is always empty', () => {
  it('is told of once, at the check that makes it one', () => {
    const principals = new EmptyPrincipals(3);
    expect(feed(principals, 'a', false, false)).toEqual([false, false]);
    expect([principals.listeners, principals.warning('a')]).toEqual([[], null]);
    expect(feed(principals, 'a', false, false, false)).toEqual([true, false, false]);
    expect(principals.listeners).toEqual(['a']);
  });

  it('is told of with the settings that would mend it', () => {
    const principals = new EmptyPrincipals(1);
    feed(principals, '10.0.0.1:8080', false);
    const text = principals.warning('10.0.0.1:8080');
    for (const part of [
      '10.0.0.1:8080',
      'require_client_certificate',
      'include_peer_certificate',
      'ambient.istio.io/xfcc-include-client-identity',
      'identity.xfcc.trustEmptyPeer',
    ])
      expect(text).toContain(part);
  });

  it('is one after a thousand checks', () => {
    const principals = new EmptyPrincipals();
    const told = Array.from({ length: 1001 }, () => principals.saw('a', false));
    expect(told.indexOf(true)).toBe(999);
    expect(told.lastIndexOf(true)).toBe(999);
  });

  it('is none for good with the first principal, and none any more when one comes late', () => {
    const principals = new EmptyPrincipals(2);
    expect(feed(principals, 'a', true, false, false, false)).toEqual([false, false, false, false]);
    expect(feed(principals, 'b', false, true, false, false)).toEqual([false, false, false, false]);
    expect(feed(principals, 'c', false, false)).toEqual([false, true]);
    expect(principals.listeners).toEqual(['c']);
    feed(principals, 'c', true, false, false);
    expect([principals.listeners, principals.warning('c')]).toEqual([[], null]);
  });

  it('is not mixed up with others, whatever they are called', () => {
    const principals = new EmptyPrincipals(2);
    feed(principals, '__proto__', false, false);
    feed(principals, 'constructor', true);
    expect(principals.listeners).toEqual(['__proto__']);
    expect(principals.warning('toString')).toBeNull();
  });

  it('is not noticed beyond the listeners that are told apart', () => {
    const principals = new EmptyPrincipals(1, 2);
    expect(['a', 'b', 'c', 'a'].map((listener) => principals.saw(listener, false))).toEqual([true, true, false, false]);
    expect(principals.listeners).toEqual(['a', 'b']);
  });

  it(named('is one exactly when so many checks came and none had a principal'), () => {
    const check = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean());
    fc.assert(
      fc.property(fc.array(check, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (checks, limit) => {
        const principals = new EmptyPrincipals(limit);
        for (const [listener, hasPrincipal] of checks) principals.saw(listener, hasPrincipal);
        for (const listener of ['a', 'b', 'c']) {
          const own = checks.filter(([name]) => name === listener);
          const expected = own.length >= limit && own.every(([, hasPrincipal]) => !hasPrincipal);
          expect(principals.listeners.includes(listener)).toBe(expected);
          expect(principals.warning(listener) !== null).toBe(expected);
        }
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 10 },
    );
  });
});
