import { describe, expect, it } from '@jest/globals';
import { keyedIndex } from '../../src/policy-index/keyed-index.ts';
import { matchRule } from '../../src/policy-index/match/match-rule.ts';
import type { CompiledRule } from '../../src/policy/compile/compiled-rule.ts';
import { NOW_MS, outcomeOf, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source } from '../extauthz/support/yaml.ts';

type Rule = Readonly<Record<string, unknown>>;

const deny = (...rules: readonly Rule[]): ReturnType<typeof snapshotOf> =>
  snapshotOf(policiesYaml([access('DENY', ...rules)]), { defaultAction: 'ALLOW', ambiguousPaths: 'evaluate' });

/** Rules that the index asks about for a request. */
function asked(rules: readonly CompiledRule[], ask: Ask, snapshot: ReturnType<typeof snapshotOf>): number[] {
  const question = questionOf(snapshot, ask);
  const seen: number[] = [];
  keyedIndex(rules).first(question.request, NOW_MS, (rule) => {
    seen.push(rule.index);
    return false;
  });
  return seen.sort((a, b) => a - b);
}

describe('the index', () => {
  it('asks of three hundred rules only those that can match', () => {
    const rules = Array.from({ length: 300 }, (_, i) => operation({ paths: [`/p${i}`] }));
    const snapshot = deny(
      ...rules,
      source({ principals: ['cluster.local/ns/x/sa/y'] }),
      operation({ paths: ['/b/*'] }),
      {},
    );
    const all = snapshot.policies[0]!.rules;
    expect(asked(all, { path: '/p7' }, snapshot)).toEqual([7, 302]);
    expect(asked(all, { path: '/b/c' }, snapshot)).toEqual([301, 302]);
    expect(asked(all, { path: '/x', principal: 'spiffe://cluster.local/ns/x/sa/y' }, snapshot)).toEqual([300, 302]);
  });

  it('finds the first in report order, wherever it is filed', () => {
    const rules = [source({ principals: ['cluster.local/ns/shop/sa/web'] }), operation({ paths: ['/a'] }), {}];
    for (const order of [rules, rules.toReversed()])
      expect(outcomeOf(deny(...order), { path: '/a' })).toBe('deny_rule shop/p0[0]');
  });

  it.each<[string, Rule, Ask]>([
    [
      'a prefix beside an exact path of the same text',
      operation({ paths: ['/orders', '/orders*'] }),
      { path: '/orders/7' },
    ],
    ['a template beside an exact path', operation({ paths: ['/orders', '/orders/{**}'] }), { path: '/orders/7' }],
    ['an exact path of two segments', operation({ paths: ['/orders/7', '/x/*'] }), { path: '/orders/7' }],
    ['a prefix that ends within a segment', operation({ paths: ['/ord*'] }), { path: '/orders' }],
    ['a suffix', operation({ paths: ['*/7', '/x'] }), { path: '/orders/7' }],
    ['a path in another reading', operation({ paths: ['/admin/x'] }), { path: '/%61dmin/x' }],
    ['a path behind dots', operation({ paths: ['/admin/*'] }), { path: '/x/../admin/x' }],
    ['more readings than it looks up', operation({ paths: ['/admin'] }), { path: `/%25${'25'.repeat(40)}61` }],
    ['an escaped path', operation({ paths: ['/caf%C3%A9'] }), { path: '/caf%C3%A9' }],
    ['an alternative without paths', operation({ paths: ['/a'] }, { methods: ['GET'] }), { path: '/b' }],
    ['an operation that only says where not', operation({ notPaths: ['/a'] }), { path: '/b' }],
    ['a principal pattern beside an exact one', source({ principals: ['cluster.local/ns/a/sa/b', '*/sa/web'] }), {}],
    ['a source that only says who not', source({ notPrincipals: ['cluster.local/ns/a/sa/b'] }), {}],
    ['a second source', source({ principals: ['cluster.local/ns/a/sa/b'] }, { namespaces: ['shop'] }), {}],
  ])('does not miss %s', (_, rule, ask) => {
    expect(outcomeOf(deny(rule), ask)).toBe('deny_rule shop/p0[0]');
  });

  it('does not miss a name of a certificate that Istio would find', () => {
    const snapshot = snapshotOf(policiesYaml([istio('DENY', source({ principals: ['*', 'a/b'] }))]), {
      defaultAction: 'ALLOW',
    });
    expect(outcomeOf(snapshot, { principal: 'CN=x' })).toBe('deny_rule shop/p0[0]');
  });

  it('tells how rules are filed', () => {
    const rules = [
      operation({ paths: ['/a'] }),
      source({ principals: ['cluster.local/ns/a/sa/b'] }),
      operation({ paths: ['/b/{*}'] }),
      {},
    ];
    expect(keyedIndex(deny(...rules).policies[0]!.rules).print()).toBe(
      [
        '4 rules',
        '  path /a: shop/p0[0]',
        '  peer spiffe://cluster.local/ns/a/sa/b: shop/p0[1]',
        '  first segment /b/: shop/p0[2]',
        '  asked always: shop/p0[3]',
      ].join('\n'),
    );
  });

  it('asks in no time that grows with the number of rules', () => {
    const rulesOf = (count: number): ReturnType<typeof snapshotOf> =>
      deny(...Array.from({ length: count }, (_, i) => operation({ paths: [`/p${i}`], methods: ['GET'] })));
    const costOf = (snapshot: ReturnType<typeof snapshotOf>): number => {
      const index = keyedIndex(snapshot.policies[0]!.rules);
      const { request } = questionOf(snapshot, { path: '/p3' });
      let calls = 0;
      index.first(request, NOW_MS, (rule, ...rest) => {
        calls++;
        return matchRule(rule, ...rest);
      });
      return calls;
    };
    expect(costOf(rulesOf(500))).toBe(costOf(rulesOf(10)));
  });
});
