import { describe, expect, it } from '@jest/globals';
import { CODES } from '../../../src/policy/codes.ts';
import { LINT_RULES } from '../../../src/policy/lint/lint.ts';
import { access, object } from '../support.ts';
import { codesOf, lint, lintFor } from './support.ts';

it('a set without oddities has no findings', () => {
  expect(lint(access('{rules: [{from: [{source: {principals: ["td/*"]}}]}]}'))).toEqual([]);
});

it('every rule has a code of the list, and no two have one', () => {
  const codes = LINT_RULES.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(CODES).toHaveProperty(code);
});

describe('expired-rule', () => {
  it('finds windows that are over', () => {
    expect(
      lintFor(
        'expired-rule',
        access(`
  action: DENY
  rules:
  - valid: {until: 2026-01-01T00:00:00Z}
  - {name: later, valid: {until: 2027-01-01T00:00:00Z}}
  - valid: {from: 2020-01-01T00:00:00Z}`),
      ),
    ).toEqual([
      '7:5 expired-rule: the rule 0 of a policy with action DENY expired at 2026-01-01T00:00:00.000Z [it denies nothing any more: remove it, or move `until`]',
    ]);
    expect(lintFor('expired-rule', access('{rules: [{name: old, valid: {until: 2026-06-01T00:00:00Z}}]}'))).toEqual([
      expect.stringContaining('the rule `old` of a policy with action ALLOW expired'),
    ]);
  });
});

describe('audit-without-effect', () => {
  it('finds `audit` in policies that allow nothing', () => {
    expect(lintFor('audit-without-effect', access('{action: DENY, audit: all, rules: [{}]}'))).toEqual([
      expect.stringContaining('`audit: all` changes nothing in a policy that has the action DENY'),
    ]);
    expect(lintFor('audit-without-effect', access('{mode: Shadow, audit: denied}'))).toEqual([
      expect.stringContaining('`audit: denied` changes nothing in a policy that is in Shadow mode'),
    ]);
    expect(lintFor('audit-without-effect', access('{audit: all}'))).toEqual([]);
    expect(lintFor('audit-without-effect', access('{action: DENY, rules: [{}]}'))).toEqual([]);
  });
});

describe('duplicate-workload-address', () => {
  const entry = (name: string, spec: string): string => object('networking.istio.io/v1', 'WorkloadEntry', spec, name);

  it('finds entries that say different things of one address', () => {
    const text = [
      access('{}'),
      entry('a', '{address: "::1", labels: {a: b}}'),
      entry('b', '{address: "0::1", labels: {a: c}}'),
    ];
    expect(lint(text.join('---\n'))).toEqual([
      '11:1 duplicate-workload-address: `shop/b` and `shop/a` say different things of the address `::1` [requests to this address are denied as workload_conflict: remove one of the two]',
    ]);
  });

  it('lets entries alone that agree', () => {
    const text = [
      access('{}'),
      entry('a', '{address: 10.0.0.1, labels: {a: b}}'),
      entry('b', '{address: 10.0.0.1, labels: {a: b}}'),
    ];
    expect(lint(text.join('---\n'))).toEqual([]);
  });
});

describe('unused-group', () => {
  const group = (name: string, spec: string, namespace = 'shop'): string =>
    object('portcullis.dev/v1', 'PrincipalGroup', spec, name, namespace);

  it('finds groups that neither a rule nor a used group names', () => {
    const text = [
      access('{rules: [{from: [{source: {groups: [used], notGroups: [istio-system/root]}}]}]}'),
      group('used', '{groups: [nested]}'),
      group('nested', '{spiffeIds: ["*"]}'),
      group('root', '{spiffeIds: ["*"]}', 'istio-system'),
      group('idle', '{groups: [nested]}'),
    ];
    expect(lint(text.join('---\n'))).toEqual([
      expect.stringContaining('unused-group: the group `shop/idle` is not used'),
    ]);
  });
});

describe('any-trust-domain', () => {
  const text = access('{rules: [{from: [{source: {namespaces: [a]}}, {source: {serviceAccounts: [b]}}]}]}');

  it('finds namespaces and accounts of any trust domain once several are in play', () => {
    expect(lint(text)).toEqual([]);
    expect(codesOf(lint(text, { trustDomainAliases: ['old'] }))).toEqual(['any-trust-domain', 'any-trust-domain']);
    const other = object(
      'portcullis.dev/v1',
      'AccessPolicy',
      '{rules: [{from: [{source: {principals: [partner.example/x]}}]}]}',
      'o',
    );
    expect(codesOf(lint(`${text}---\n${other}`))).toEqual(['any-trust-domain', 'any-trust-domain']);
  });

  it('lets sources alone that name a trust domain', () => {
    const bound = access('{rules: [{from: [{source: {namespaces: [a], trustDomains: [cluster.local]}}]}]}');
    expect(lint(bound, { trustDomainAliases: ['old'] })).toEqual([]);
  });

  it('lets DENY alone, where any is the safe meaning', () => {
    expect(lint(text.replace('{rules', '{action: DENY, rules'), { trustDomainAliases: ['old'] })).toEqual([]);
  });
});

describe('subject-with-slash', () => {
  const issued = object(
    'portcullis.dev/v1',
    'IdentityProvider',
    '{issuer: "https://i/ci", jwt: {audiences: [a]}}',
    'p',
  );
  const asking = (value: string): string =>
    `${access(`{rules: [{from: [{source: {requestPrincipals: ["${value}"]}}]}]}`)}---\n${issued}`;

  it.each(['https://i/ci/repo/shop', 'https://i/ci/spiffe://td/a/b', 'https://i/ci/repo/*'])('finds %s', (value) => {
    expect(lintFor('subject-with-slash', asking(value), { jwtMetadata: '' })).toHaveLength(1);
  });

  it.each([
    'https://i/ci/shop',
    'https://i/ci/*',
    'https://other/repo/shop',
    '*',
    '*/shop',
    'https://i/cicd/repo/shop',
  ])('lets %s alone', (value) => {
    expect(lintFor('subject-with-slash', asking(value), { jwtMetadata: '' })).toEqual([]);
  });
});

describe('token-never-there', () => {
  const people = object('portcullis.dev/v1', 'PrincipalGroup', '{subjects: [{issuer: i, subjects: [s]}]}', 'people');
  const mixed = object('portcullis.dev/v1', 'PrincipalGroup', '{groups: [people], spiffeIds: ["*"]}', 'mixed');

  it.each([
    ['a request principal', access('{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}')],
    ['no request principal', access('{rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]}')],
    ['a claim', access('{rules: [{when: [{key: "request.auth.claims[a]", values: [b]}]}]}')],
    ['a claim in a condition', access(`{rules: [{condition: 'claims.a == "b"'}]}`)],
    ['the token in a condition', access(`{rules: [{condition: 'has(request.auth.subject)'}]}`)],
    ['a claim in a template', access('{rules: [{respond: {request: {set: {x: "${request.auth.claims[sub]}"}}}}]}')],
    ['a group of token subjects', `${access('{rules: [{from: [{source: {groups: [people]}}]}]}')}---\n${people}`],
  ])('finds %s while claims have no source', (_, text) => {
    expect(lintFor('token-never-there', text, { jwtMetadata: '' })).toHaveLength(1);
    expect(lintFor('token-never-there', text)).toEqual([]);
  });

  it('lets policies alone for whose workloads tokens may be verified here', () => {
    const text = access('{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}');
    const people = (namespace: string): string =>
      object('portcullis.dev/v1', 'IdentityProvider', '{issuer: "https://i", jwt: {audiences: [a]}}', 'p', namespace);
    const elsewhere = `${text}---\n${people('bank')}`;
    expect(lintFor('token-never-there', elsewhere, { jwtMetadata: '' })).toHaveLength(1);
    for (const namespace of ['shop', 'istio-system'])
      expect(lintFor('token-never-there', `${text}---\n${people(namespace)}`, { jwtMetadata: '' })).toEqual([]);
  });

  it('lets groups alone that workloads can be members of', () => {
    const text = [access('{rules: [{from: [{source: {groups: [mixed]}}]}]}'), people, mixed].join('---\n');
    expect(lint(text, { jwtMetadata: '' })).toEqual([]);
  });
});
