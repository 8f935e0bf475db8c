import { describe, expect, it } from '@jest/globals';
import { explainScope } from '../../src/pdp/explain.ts';
import type { RuleExplanation } from '../../src/pdp/explain.ts';
import { NOW_MS, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';
import { SAN, certificate, urlEncodedPem } from '../lib/x509/certificate.ts';

type Rule = Readonly<Record<string, unknown>>;

function explained(policy: ReturnType<typeof access>, ask: Ask = {}): readonly RuleExplanation[] {
  const snapshot = snapshotOf(policiesYaml([policy]), { ambiguousPaths: 'evaluate' });
  const question = questionOf(snapshot, ask);
  if (question.refused !== null) throw new Error(question.refused.reason);
  return explainScope(question.scope, question.request, NOW_MS)[0]!.rules;
}

const failed = (rule: Rule, ask: Ask = {}, action: 'ALLOW' | 'DENY' = 'ALLOW'): unknown =>
  explained(access(action, rule), ask)[0]?.firstFailed;

const two = urlEncodedPem(
  certificate({
    names: [
      [SAN.uri, 'spiffe://cluster.local/ns/shop/sa/web'],
      [SAN.uri, 'spiffe://cluster.local/ns/edge/sa/gw'],
    ],
  }),
);

describe('an explanation', () => {
  it('tells which rules matched, by name and number', () => {
    const rules = explained(access('ALLOW', { name: 'first', ...operation({ methods: ['POST'] }) }, {}));
    expect(rules.map(({ rule, index, matched }) => [rule, index, matched])).toEqual([
      ['first', 0, false],
      ['1', 1, true],
    ]);
    expect(rules[1]?.firstFailed).toBeNull();
  });

  it.each<[string, Rule, Ask, string, readonly string[], string]>([
    [
      'a principal',
      source({ principals: ['cluster.local/ns/a/sa/b'] }),
      {},
      'from[0].source.principals',
      ['cluster.local/ns/a/sa/b'],
      'spiffe://cluster.local/ns/shop/sa/web',
    ],
    ['nobody', source({ principals: ['*'] }), { principal: '' }, 'from[0].source.principals', ['*'], '(none)'],
    [
      'a negation',
      source({ notNamespaces: ['shop'] }),
      {},
      'from[0].source.notNamespaces',
      ['shop'],
      'spiffe://cluster.local/ns/shop/sa/web',
    ],
    ['an address', source({ ipBlocks: ['192.0.2.0/24'] }), {}, 'from[0].source.ipBlocks', ['192.0.2.0/24'], '10.0.0.9'],
    [
      'a guessed client',
      source({ remoteIpBlocks: ['10.0.0.0/8'] }),
      {},
      'from[0].source.remoteIpBlocks',
      ['10.0.0.0/8'],
      '10.0.0.9 (the peer: no client address was given)',
    ],
    [
      'a token',
      source({ requestPrincipals: ['iss/bob'] }),
      { claims: { iss: 'iss', sub: 'alice' } },
      'from[0].source.requestPrincipals',
      ['iss/bob'],
      'iss/alice',
    ],
    ['a method', operation({ methods: ['POST'] }), {}, 'to[0].operation.methods', ['POST'], 'GET'],
    ['a host', operation({ hosts: ['a.b'] }), { host: 'X.y:1' }, 'to[0].operation.hosts', ['a.b'], 'X.y:1'],
    ['a path', operation({ paths: ['/b'] }), { path: '/a' }, 'to[0].operation.paths', ['/b'], '/a'],
    [
      'readings of a path',
      operation({ paths: ['/a'] }),
      { path: '/%61' },
      'to[0].operation.paths',
      ['/a'],
      '/%61 or /a',
    ],
    ['a port', operation({ ports: ['1'] }), {}, 'to[0].operation.ports', ['1'], '8080'],
    [
      'a header',
      when('request.headers[x-a]', ['b']),
      { headers: { 'x-a': 'c' } },
      'when[0][request.headers[x-a]].values',
      ['b'],
      'c',
    ],
    [
      'a joined header',
      when('request.headers[x-a]', ['b']),
      { headers: { 'x-a': 'b,c' } },
      'when[0][request.headers[x-a]].values',
      ['b'],
      'b,c (one line or several)',
    ],
    [
      'a secret header',
      when('request.headers[authorization]', ['Bearer x']),
      { headers: { authorization: 'Bearer y' } },
      'when[0][request.headers[authorization]].values',
      ['Bearer x'],
      '(not shown)',
    ],
    [
      'a claim',
      when('request.auth.claims[a]', ['b']),
      { claims: { a: ['c', 1] } },
      'when[0][request.auth.claims[a]].values',
      ['b'],
      '[c, 1]',
    ],
    [
      'no token',
      when('request.auth.claims[a]', ['b']),
      {},
      'when[0][request.auth.claims[a]].values',
      ['b'],
      '(no token)',
    ],
    ['a condition', { condition: 'request.method == "POST"' }, {}, 'condition', ['request.method == "POST"'], 'false'],
  ])('names %s', (_, rule, ask, field, wanted, actual) => {
    expect(failed(rule, ask)).toEqual({ field, wanted, actual });
  });

  it('says so when an identity is not certain, when a condition has an error, and when a window has passed', () => {
    expect(failed(source({ namespaces: ['shop'] }), { certificate: two })).toMatchObject({
      actual: expect.stringContaining('more than one URI SAN') as unknown,
    });
    expect(failed({ condition: 'claims.a == "b"' })).toMatchObject({
      actual: expect.stringContaining('an error') as unknown,
    });
    expect(failed({ valid: { until: new Date(NOW_MS).toISOString() } })).toEqual({
      field: 'valid',
      wanted: ['… to 2026-06-01T12:00:00.000Z'],
      actual: '2026-06-01T12:00:00.000Z',
    });
  });

  it('names of several alternatives the one that came furthest', () => {
    const rule = source(
      { principals: ['a/b'] },
      { namespaces: ['shop'], ipBlocks: ['192.0.2.0/24'] },
      { namespaces: ['edge'], ipBlocks: ['192.0.2.0/24'] },
    );
    expect(failed(rule)).toMatchObject({ field: 'from[1].source.ipBlocks' });
  });

  it('names the source before the operation, and that before conditions', () => {
    const rule = { ...source({ namespaces: ['edge'] }), ...operation({ methods: ['POST'] }) };
    expect(failed(rule)).toMatchObject({ field: 'from[0].source.namespaces' });
    const { from: _, ...rest } = rule as { from: unknown };
    expect(failed({ ...rest, ...when('destination.port', ['1']) })).toMatchObject({ field: 'to[0].operation.methods' });
  });

  it('is asked with the policy’s own action', () => {
    const rule = operation({ paths: ['/a'] });
    expect(failed(rule, { path: '/%61' }, 'DENY')).toBeNull();
    expect(failed(rule, { path: '/%61' }, 'ALLOW')).not.toBeNull();
  });

  it('covers policies of both kinds', () => {
    expect(explained(istio('DENY', operation({ paths: ['/b'] })), { path: '/a' })[0]?.firstFailed).toMatchObject({
      actual: '/a',
    });
  });
});
