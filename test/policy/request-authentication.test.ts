import { describe, expect, it } from '@jest/globals';
import { access, errorCodes, load, object } from './support.ts';

const authentication = (spec: string): string =>
  `${access('{}')}---\n${object('security.istio.io/v1', 'RequestAuthentication', spec)}`;
const withRule = (rule: string): string => authentication(`{jwtRules: [${rule}]}`);

describe('a RequestAuthentication', () => {
  it.each([
    '{}',
    '{selector: {matchLabels: {app: a}}, jwtRules: [{issuer: i}]}',
    '{jwtRules: [{issuer: i, jwksUri: "https://i/keys", audiences: [a], fromHeaders: [{name: x, prefix: "b "}], fromParams: [t], fromCookies: [c], outputPayloadToHeader: x-p, outputClaimToHeaders: [{header: x, claim: sub}], forwardOriginalToken: true, timeout: 5s}]}',
  ])('loads when claims have a source: %s', (spec) => {
    expect(errorCodes(authentication(spec))).toEqual([]);
  });

  it('does not load while nothing says where verified claims come from', () => {
    expect(load(authentication('{}'), { jwtMetadata: '' }).diagnostics).toMatchObject([
      { severity: 'error', code: 'jwt-not-configured', hint: expect.stringContaining('`identity.jwtMetadata`') },
    ]);
  });

  it.each([
    ['without issuer and keys', withRule('{}'), ['missing-field']],
    ['with keys at no http address', withRule('{jwksUri: "ftp://a"}'), ['bad-value']],
    ['with an empty audience', withRule('{issuer: i, audiences: [""]}'), ['empty-value']],
    ['with a location without name', withRule('{issuer: i, fromHeaders: [{prefix: a}]}'), ['missing-field']],
    ['with an unknown field', withRule('{issuer: i, jwksURI: a}'), ['unknown-field']],
    [
      'with two ways to attach',
      authentication('{selector: {}, targetRef: {kind: Service, name: a}}'),
      ['conflicting-fields'],
    ],
    [
      'in dry run',
      authentication('{}').replace(
        /\{name: p, namespace: shop\}\nspec: \{\}\n$/,
        '{name: p, namespace: shop, annotations: {istio.io/dry-run: "true"}}\nspec: {}\n',
      ),
      ['bad-dry-run'],
    ],
  ])('%s is refused', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
  });
});
