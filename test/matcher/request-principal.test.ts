import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matchesRequestPrincipal, requestPrincipal } from '../../src/matcher/request-principal.ts';
import { quote } from './support.ts';

/** The table of Istio's requestPrincipalGenerator, as two regular expressions; "any" is any that is not empty. */
function istioPatterns(value: string): readonly [RegExp, RegExp] {
  const any = /^.+$/;
  const exact = (text: string): RegExp => new RegExp(`^${quote(text)}$`);
  const suffix = (text: string): RegExp => new RegExp(`^[^]*${quote(text)}$`);
  const prefix = (text: string): RegExp => new RegExp(`^${quote(text)}[^]*$`);
  if (value === '*') return [/^.+$/, /^.+$/];
  const at = value.lastIndexOf('/');
  const [issuer, subject] = at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)];
  if (value.startsWith('*'))
    return at < 0 ? [any, suffix(value.slice(1))] : [issuer === '*' ? any : suffix(issuer.slice(1)), exact(subject)];
  if (value.endsWith('*')) {
    if (at < 0) return [prefix(value.slice(0, -1)), any];
    return [exact(issuer), subject === '*' ? /^.+$/ : prefix(subject.slice(0, -1))];
  }
  return [exact(issuer), exact(subject)];
}

describe('a request principal', () => {
  it('matches issuer and subject as Istio splits it', () => {
    const value = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), minLength: 1, maxLength: 5 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 4 });
    fc.assert(
      fc.property(value, text, text, (v, issuer, subject) => {
        const [issuerPattern, subjectPattern] = istioPatterns(v);
        expect([v, issuer, subject, matchesRequestPrincipal(requestPrincipal(v), issuer, subject)]).toEqual([
          v,
          issuer,
          subject,
          issuerPattern.test(issuer) && subjectPattern.test(subject),
        ]);
      }),
      { numRuns: 2500 },
    );
  });

  it.each([
    ['https://idp.example/alice', 'https://idp.example', 'alice', true],
    ['https://idp.example/*', 'https://idp.example', 'alice', true],
    ['https://idp.example/*', 'https://idp.example', '', false],
    ['https://idp.example/al*', 'https://idp.example', 'alice', true],
    ['*/alice', 'anyone', 'alice', true],
    ['*alice', 'anyone', 'malice', true],
    ['*', 'anyone', 'alice', true],
    ['*', '', 'alice', false],
    ['*/alice', '', 'alice', false],
    ['*alice', '', 'alice', false],
    ['iss*', 'issuer', '', false],
    ['*', 'anyone', '', false],
    // Measured: these mean something else than they look like.
    ['*/*', 'anyone', 'alice', false],
    ['*/*', 'anyone', '*', true],
    ['https://*', 'https://idp.example', 'alice', false],
    ['https://accounts.example.com*', 'https://accounts.example.com', 'alice', false],
    ['iss/group/alice', 'iss', 'group/alice', false],
    ['iss/*', 'iss', 'group/alice', true],
    ['issuer', 'issuer', 'alice', false],
    ['issuer', 'issuer', '', true],
    ['https://idp.example/alice', 'https://idp.example.evil', 'alice', false],
    ['https://idp.example/alice', 'https://idp.example', 'Alice', false],
  ])('%j, for %j and %j: %j', (value, issuer, subject, matched) => {
    expect(matchesRequestPrincipal(requestPrincipal(value), issuer, subject)).toBe(matched);
  });
});
