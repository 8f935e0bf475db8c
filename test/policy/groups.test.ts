import { describe, expect, it } from '@jest/globals';
import { access, errorCodes, line, load, loaded, object } from './support.ts';

const group = (name: string, spec: string, namespace = 'shop'): string =>
  object('portcullis.dev/v1', 'PrincipalGroup', spec, name, namespace);
const files = (...texts: string[]): string => [access('{}'), ...texts].join('---\n');

describe('a PrincipalGroup', () => {
  it('is read with its members, nested names resolved', () => {
    const { groups } = loaded(
      files(
        group(
          'support',
          `
  spiffeIds: [cluster.local/ns/a/sa/b, "*/sa/c"]
  subjects: [{issuer: https://i, subjects: [alice]}]
  claims: [{issuer: https://i, claim: groups, values: [x]}, {issuer: https://i, claim: "[realm][roles]", values: ["y*"]}]
  groups: [inner, istio-system/all, inner]`,
        ),
        group('inner', '{spiffeIds: ["*"]}'),
        group('all', '{spiffeIds: ["*"]}', 'istio-system'),
      ),
    );
    expect([...groups.keys()]).toEqual(['shop/support', 'shop/inner', 'istio-system/all']);
    expect(groups.get('shop/support')).toMatchObject({
      spiffeIds: ['cluster.local/ns/a/sa/b', '*/sa/c'],
      subjects: [{ issuer: 'https://i', subjects: ['alice'] }],
      claims: [
        { issuer: 'https://i', path: ['groups'], values: ['x'] },
        { issuer: 'https://i', path: ['realm', 'roles'], values: ['y*'] },
      ],
      groups: ['shop/inner', 'istio-system/all'],
    });
  });

  it.each([
    ['without members', group('g', '{}'), ['empty-group']],
    ['without issuer', group('g', '{subjects: [{subjects: [a]}]}'), ['missing-field']],
    ['with an empty issuer', group('g', '{claims: [{issuer: "", claim: a, values: [b]}]}'), ['empty-value']],
    ['with a malformed claim', group('g', '{claims: [{issuer: i, claim: "[a][b", values: [b]}]}'), ['bad-claim']],
    [
      'with an empty step in a claim',
      group('g', '{claims: [{issuer: i, claim: "[a][]", values: [b]}]}'),
      ['bad-claim'],
    ],
    ['with a scheme before an id', group('g', '{spiffeIds: ["spiffe://a/b"]}'), ['bad-principal']],
    ['that names an unknown group', group('g', '{groups: [h]}'), ['unknown-group']],
    ['that names a group of another namespace', group('g', '{groups: [other/h]}'), ['foreign-namespace']],
    ['with a malformed group name', group('g', '{groups: [a/b/c]}'), ['bad-group-name']],
    ['that contains itself', group('g', '{groups: [g]}'), ['group-cycle']],
  ])('%s is refused', (_, text, codes) => {
    expect(errorCodes(files(text))).toEqual(codes);
  });

  it('shows the circle that groups make, once', () => {
    const { diagnostics } = load(
      files(
        group('a', '{groups: [b]}'),
        group('b', '{groups: [c], spiffeIds: ["*"]}'),
        group('c', '{groups: [a]}'),
        group('d', '{groups: [a]}'),
      ),
    );
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'the group `shop/a` contains itself: `shop/a` → `shop/b` → `shop/c` → `shop/a`',
    ]);
  });

  it('may be reached on two ways', () => {
    expect(
      errorCodes(
        files(
          group('a', '{groups: [b, c]}'),
          group('b', '{groups: [d]}'),
          group('c', '{groups: [d]}'),
          group('d', '{spiffeIds: ["*"]}'),
        ),
      ),
    ).toEqual([]);
  });

  it('nests no deeper than the bound; each chain is told once', () => {
    const chain = (length: number): string =>
      files(
        group('g0', '{spiffeIds: ["*"]}'),
        ...Array.from({ length }, (_, i) => group(`g${i + 1}`, `{groups: [g${i}]}`)),
      );
    expect(errorCodes(chain(32))).toEqual([]);
    expect(errorCodes(chain(40))).toEqual(['group-too-deep']);
  });
});

describe('groups of a rule', () => {
  const using = (name: string): string => access(`{rules: [{from: [{source: {notGroups: ["${name}"]}}]}]}`);
  const known = [group('support', '{spiffeIds: ["*"]}'), group('staff', '{spiffeIds: ["*"]}', 'istio-system')];

  it.each(['support', 'shop/support', 'istio-system/staff'])('may be `%s`', (name) => {
    expect(errorCodes([using(name), ...known].join('---\n'))).toEqual([]);
  });

  it.each([
    ['suport', 'unknown-group: unknown group `suport` [did you mean `support`?]'],
    ['staff', 'unknown-group: unknown group `staff` [did you mean `istio-system/staff`?]'],
    ['other/support', 'foreign-namespace: the group `other/support` belongs to another namespace'],
  ])('may not be `%s`', (name, words) => {
    const [problem, ...others] = load([using(name), ...known].join('---\n')).diagnostics;
    expect(others).toEqual([]);
    expect(line(problem!)).toContain(words);
  });

  it('are unknown to an AuthorizationPolicy', () => {
    const text = object('security.istio.io/v1', 'AuthorizationPolicy', '{rules: [{from: [{source: {groups: [a]}}]}]}');
    expect(errorCodes(text)).toEqual(['unknown-field']);
  });
});
