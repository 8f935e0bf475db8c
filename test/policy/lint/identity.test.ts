/** Lint rules about proofs of identity. */
import { describe, expect, it } from '@jest/globals';
import type { LanguageOptions } from '../../../src/policy/options.ts';
import { access, istio, object } from '../support.ts';
import { lintFor } from './support.ts';

const HERE: Partial<LanguageOptions> = { jwtMetadata: '' };

const requests = (spec: string, namespace = 'shop'): string =>
  object('security.istio.io/v1', 'RequestAuthentication', spec, 'login', namespace);
const identity = (spec: string, namespace = 'shop'): string =>
  object('portcullis.dev/v1', 'IdentityProvider', spec, 'people', namespace);
const all = (...objects: readonly string[]): string => objects.join('---\n');

const ISTIO = '{jwtRules: [{issuer: "https://i", audiences: [a]}]}';
const OWN = '{issuer: "https://i", jwt: {audiences: [a]}}';
const ASKING = '{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}';
const HASH = '0123456789abcdef'.repeat(4);

describe('token-not-required', () => {
  const find = (...objects: readonly string[]): string[] => lintFor('token-not-required', all(...objects), HERE);

  it('finds tokens that are verified and that no policy asks for', () => {
    expect(find(access('{}'), requests(ISTIO))).toEqual([
      '6:1 token-not-required: no policy asks for what the RequestAuthentication `shop/login` verifies: requests without any proof pass [add `requestPrincipals: ["*"]` to the sources that have to prove who they are]',
    ]);
    expect(find(access('{}'), identity(OWN))).toHaveLength(1);
  });

  it.each([
    ['a request principal', access(ASKING)],
    ['none, to be denied', access('{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]}')],
    ['a claim', istio('{rules: [{when: [{key: "request.auth.claims[a]", values: [b]}]}]}')],
    ['a claim in a condition', access(`{rules: [{condition: 'claims.a == "b"'}]}`)],
    [
      'a group of token subjects',
      all(
        access('{rules: [{from: [{source: {groups: [g]}}]}]}'),
        object('portcullis.dev/v1', 'PrincipalGroup', '{subjects: [{issuer: i, subjects: [s]}]}', 'g'),
      ),
    ],
  ])('is content when a policy asks for %s', (_, text) => {
    expect(find(text, requests(ISTIO))).toEqual([]);
    expect(find(text, requests(ISTIO, 'istio-system'))).toEqual([]);
    expect(find(text, requests(ISTIO, 'bank'))).toHaveLength(1);
  });

  it('is not content with a policy that is only tried, or that passes a claim on', () => {
    expect(find(access(ASKING.replace('{', '{mode: Shadow, ')), requests(ISTIO))).toHaveLength(1);
    const passing = '{rules: [{respond: {request: {set: {x: "${request.auth.claims[sub]}"}}}}]}';
    expect(find(access(passing), requests(ISTIO))).toHaveLength(1);
  });

  it('says nothing of an object without rules, nor of tokens that Envoy verifies', () => {
    expect(find(access('{}'), requests('{}'))).toEqual([]);
    expect(lintFor('token-not-required', all(access('{}'), requests(ISTIO)))).toEqual([]);
  });
});

describe('any-audience', () => {
  it('finds rules of a RequestAuthentication that take tokens for anybody', () => {
    const rules = '{jwtRules: [{issuer: "https://i"}, {issuer: "https://j", audiences: [a]}, {jwksUri: "https://k"}]}';
    expect(lintFor('any-audience', all(access(ASKING), requests(rules)), HERE)).toEqual([
      '6:1 any-audience: the RequestAuthentication `shop/login` takes tokens for any audience, of `https://i`, any issuer [name this service in `audiences` of the rule]',
    ]);
    expect(lintFor('any-audience', all(access(ASKING), requests(ISTIO)), HERE)).toEqual([]);
  });
});

describe('keys-over-http', () => {
  it.each([
    ['keys', requests('{jwtRules: [{issuer: i, audiences: [a], jwksUri: "http://i/keys"}]}'), 'http://i/keys'],
    ['a discovery document', identity(OWN.replace('https', 'HTTP')), 'HTTP://i/.well-known/openid-configuration'],
    ['answers', identity('{issuer: i, introspection: {endpoint: "http://i/ask", client: c}}'), 'http://i/ask'],
  ])('finds %s that come over http', (_, text, address) => {
    expect(lintFor('keys-over-http', all(access(ASKING), text), HERE)).toEqual([
      expect.stringContaining(`relies on \`${address}\`, which can be forged on the way`),
    ]);
    expect(lintFor('keys-over-http', all(access(ASKING), text.replace(/http:/i, 'https:')), HERE)).toEqual([]);
  });
});

describe('expired-key', () => {
  const keys = (valid: string): string =>
    all(
      access(ASKING),
      identity(`{issuer: i, apiKeys: {keys: [{id: k, owner: o, sha256: [${HASH}], valid: ${valid}}]}}`),
    );

  it('finds keys whose time is over', () => {
    expect(lintFor('expired-key', keys('{until: 2026-06-01T00:00:00Z}'))).toEqual([
      '9:36 expired-key: the key `k` of `shop/people` expired at 2026-06-01T00:00:00.000Z [remove it, or give its owner a new one]',
    ]);
    expect(lintFor('expired-key', keys('{from: 2020-01-01T00:00:00Z, until: 2026-06-01T00:00:01Z}'))).toEqual([]);
  });
});

describe('unknown-workload', () => {
  const find = (...objects: readonly string[]): string[] => lintFor('unknown-workload', all(...objects), HERE);
  const selecting = (label: string): string => OWN.replace('{', `{selector: {matchLabels: {${label}}}, `);
  const policy = access(ASKING.replace('{', '{selector: {matchLabels: {app: orders}}, '));
  const entry = (label: string, namespace = 'shop'): string =>
    object('networking.istio.io/v1', 'WorkloadEntry', `{address: 10.0.0.1, labels: {${label}}}`, 'w', namespace);

  it('finds a label that neither a policy nor a workload entry has', () => {
    expect(find(policy, identity(selecting('app: ordes')))).toEqual([
      '6:1 unknown-workload: the IdentityProvider `shop/people` selects `app: ordes`, and no policy or workload entry has that label [did you mean `app: orders`?]',
    ]);
    expect(
      find(
        access(ASKING),
        entry('app: a'),
        requests(ISTIO.replace('{', '{selector: {matchLabels: {region: europe}}, ')),
      ),
    ).toEqual([expect.stringContaining('[labels that are known here are `app: a`]')]);
    const many = entry('a: a, b: b, c: c, d: d, e: e, f: f');
    expect(find(access(ASKING), many, identity(selecting('app: checkout')))).toEqual([
      expect.stringContaining('[proofs are taken only by workloads with all labels of the selector]'),
    ]);
  });

  it.each([
    ['a policy', [policy, identity(selecting('app: orders'))]],
    ['a workload entry', [access(ASKING), entry('app: a, tier: b'), identity(selecting('tier: b'))]],
    [
      'a workload entry of the mesh',
      [access(ASKING), entry('tier: b', 'bank'), identity(selecting('tier: b'), 'istio-system')],
    ],
  ])('knows the labels of %s', (_, objects) => {
    expect(find(...objects)).toEqual([]);
  });

  it('does not count what is in another namespace', () => {
    expect(find(policy, entry('tier: b', 'bank'), identity(selecting('tier: b')))).toHaveLength(1);
  });

  it('says nothing where nothing has labels, or nothing is selected', () => {
    expect(find(access(ASKING), identity(selecting('app: a')))).toEqual([]);
    expect(find(policy, identity(OWN))).toEqual([]);
  });
});
