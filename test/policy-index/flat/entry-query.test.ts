/** Requests of which no value is certain, and tokens that are missing, among few rules and among many. */
import { describe, expect, test } from '@jest/globals';
import { outcomeOf, snapshotOf } from '../../extauthz/support/engine.ts';
import type { Ask } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../../extauthz/support/yaml.ts';

type Rule = Readonly<Record<string, unknown>>;

/** Fewer than are looked up, few that are looked at one by one, and more, that the request leads to all the same. */
const COMPANIES: readonly (readonly [string, readonly Rule[]])[] = [
  ['no others', []],
  ['others elsewhere', Array.from({ length: 30 }, (_, i) => operation({ methods: [`M${i}`] }))],
  [
    'many of the same path',
    Array.from({ length: 600 }, () => ({ ...operation({ paths: ['/a'] }), ...when('destination.port', ['1']) })),
  ],
  [
    'many that put the method out',
    Array.from({ length: 600 }, () => operation({ notMethods: ['GET'], ports: ['8080'] })),
  ],
];

const lines = (...values: readonly string[]): NonNullable<Ask['rawHeaders']> =>
  values.map((value) => ['x-a', value] as const);
const GROUP = {
  apiVersion: 'portcullis.dev/v1',
  kind: 'PrincipalGroup',
  metadata: { name: 'staff', namespace: 'shop' },
  spec: { subjects: [{ issuer: 'iss', subjects: ['alice'] }] },
};

describe.each(COMPANIES)('among %s', (_, others) => {
  const last = others.length;

  test.each<[string, Rule, Ask]>([
    ['two lines that may be read as one', when('request.headers[x-a]', ['a,b']), { rawHeaders: lines('a', 'b') }],
    ['one of two lines', when('request.headers[x-a]', ['b']), { rawHeaders: lines('a', 'b') }],
    ['a line that may have been', when('request.headers[x-a]', ['b,c']), { headers: { 'x-a': 'a,b,c,d' } }],
    [
      'a header that is too long to be taken apart',
      when('request.headers[x-a]', ['z']),
      { headers: { 'x-a': 'a,'.repeat(120) } },
    ],
    ['another reading of the path', operation({ paths: ['/b'] }), { path: '/%2562' }],
    [
      'a path of too many readings',
      operation({ paths: ['/z'] }),
      { path: '/s1//a;b/%252e%252e;c/..%5cd%253f/%2523/./%25252fe;f%3fg//items' },
    ],
    ['an exception that is not certain', operation({ notPaths: ['/b'] }), { path: '/%2562' }],
    ['a mapped address', source({ ipBlocks: ['10.0.0.0/8'] }), { sourceIp: '::ffff:10.0.0.1' }],
    [
      'a claim below a claim',
      when('request.auth.claims[realm][roles]', ['x']),
      { claims: { realm: { roles: ['x'] } } },
    ],
  ])('a DENY is not missed for %s', (_what, rule: Rule, ask: Ask) => {
    const snapshot = snapshotOf(policiesYaml([access('DENY', ...others, rule)]), { ambiguousPaths: 'evaluate' });
    expect(outcomeOf(snapshot, { path: '/a', ...ask })).toBe(`deny_rule shop/p0[${last}]`);
  });

  test.each<[string, Rule]>([
    ['requestPrincipals', source({ requestPrincipals: ['iss/alice'] })],
    [
      'notRequestPrincipals',
      { ...source({ notRequestPrincipals: ['iss/bob'] }), ...when('request.auth.claims[a]', ['x']) },
    ],
    ['a claim', when('request.auth.claims[role]', ['x'])],
    ['a claim and more', { ...operation({ paths: ['/a', '/b'] }), ...when('request.auth.claims[role]', ['x']) }],
    ['a group', source({ groups: ['staff'] })],
  ])('an ALLOW by %s asks for a token where there is none', (_what, rule: Rule) => {
    const snapshot = snapshotOf(policiesYaml([access('ALLOW', ...others, rule)], [GROUP]));
    expect(outcomeOf(snapshot, { path: '/a' })).toBe('token_required');
    expect(outcomeOf(snapshot, { path: '/a', claims: {} })).toBe('no_rule_matched');
  });

  test('a number is a text to an AccessPolicy only, where it is wanted and where it is not', () => {
    const denying = (kind: typeof access, values: readonly string[], notValues?: readonly string[]): string =>
      outcomeOf(
        snapshotOf(policiesYaml([kind('DENY', ...others, when('request.auth.claims[level]', values, notValues))])),
        { path: '/a', claims: { level: 3 } },
      );
    const denied = `deny_rule shop/p0[${last}]`;
    expect([denying(access, ['3']), denying(access, [], ['3'])]).toEqual([denied, 'default_deny']);
    expect([denying(istio, ['3']), denying(istio, [], ['3'])]).toEqual(['default_deny', denied]);
  });

  test('the next request is not answered with what was looked up for the one before', () => {
    const snapshot = snapshotOf(
      policiesYaml([istio('DENY', ...others, operation({ paths: ['/x/{*}'], methods: ['GET'] }))]),
    );
    const asked = ['/x/1', '/x', '/x/2', '/y', '/x/1'].map((path) => outcomeOf(snapshot, { path }));
    const denied = `deny_rule shop/p0[${last}]`;
    expect(asked).toEqual([denied, 'default_deny', denied, 'default_deny', denied]);
  });
});

describe('of rules that only exceptions tell apart', () => {
  const exceptions = Array.from({ length: 50 }, (_, i) => operation({ notPaths: [`/e${i}`, '/all'] }));

  test('the first whose exception is not met decides', () => {
    const snapshot = snapshotOf(policiesYaml([access('ALLOW', ...exceptions)]));
    expect(outcomeOf(snapshot, { path: '/e1' })).toBe('allow_rule shop/p0[0]');
    expect(outcomeOf(snapshot, { path: '/e0' })).toBe('allow_rule shop/p0[1]');
    expect(outcomeOf(snapshot, { path: '/all' })).toBe('no_rule_matched');
  });

  test('more than are told apart are asked all the same', () => {
    const some = Array.from({ length: 50 }, (_, i) => operation({ notPaths: [`/e${i}`] }));
    for (const action of ['ALLOW', 'DENY'] as const) {
      const policies = some.map((rule) => access(action, rule, operation({ notPaths: ['/e0'] })));
      const snapshot = snapshotOf(policiesYaml(policies), { defaultAction: 'ALLOW' });
      expect(outcomeOf(snapshot, { path: '/e0' })).toMatch(/_rule shop\/p1\[0\]$/);
      expect(outcomeOf(snapshot, { path: '/e1' })).toMatch(/_rule shop\/p0\[0\]$/);
    }
  });
});
