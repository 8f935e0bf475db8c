import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runSteps } from '../../src/lib/steps.ts';
import { RuleHitCounter, RuleHitLedger } from '../../src/telemetry/rule-hits.ts';
import type { CountedRule, RuleHits } from '../../src/telemetry/rule-hits.ts';
import { OTHER_RULES, RuleSeries } from '../../src/telemetry/rule-series.ts';

function rule(policy: string, index: number, more: Partial<CountedRule & { mode: string }> = {}): CountedRule {
  const { mode = 'enforce', ...rest } = more;
  return {
    ordinal: index,
    index,
    name: null,
    policy: { kind: 'AccessPolicy', name: policy, action: 'ALLOW', mode },
    ...rest,
  };
}

function of(policy: string, index: number, hits: number, more: Partial<RuleHits> = {}): RuleHits {
  return {
    kind: 'AccessPolicy',
    policy,
    rule: String(index),
    index,
    decision: 'allow',
    mode: 'enforce',
    hits,
    ...more,
  };
}

describe('counts of a process', () => {
  it('are by rule, and given on once', () => {
    const counter = new RuleHitCounter();
    counter.use({ revision: 'a', ruleCount: 3 });
    for (const index of [0, 2, 2]) counter.count(rule('shop/p', index), 'a');
    expect(counter.take()).toEqual([of('shop/p', 0, 1), of('shop/p', 2, 2)]);
    expect(counter.take()).toEqual([]);
    counter.count(rule('shop/p', 2), 'a');
    expect(counter.take()).toEqual([of('shop/p', 2, 1)]);
  });

  it('outlive the snapshot, also those of a check that was asked under the one before', () => {
    const counter = new RuleHitCounter();
    counter.use({ revision: 'a', ruleCount: 2 });
    counter.count(rule('shop/p', 1), 'a');
    counter.use({ revision: 'b', ruleCount: 1 });
    counter.count(rule('shop/q', 0), 'b');
    // Number 1 is no rule of the second snapshot, number 0 another one.
    counter.count(rule('shop/p', 1), 'a');
    counter.count(rule('shop/p', 0), 'a');
    counter.use({ revision: 'b', ruleCount: 1 });
    const ledger = new RuleHitLedger();
    ledger.add(counter.take());
    expect(ledger.read().rules).toEqual([of('shop/p', 1, 2), of('shop/p', 0, 1), of('shop/q', 0, 1)]);
  });

  it('tell rules by kind, name, action and mode', () => {
    const ledger = new RuleHitLedger();
    const denying = { ...rule('shop/p', 0).policy, action: 'DENY' } as const;
    const counter = new RuleHitCounter();
    counter.use({ revision: 'a', ruleCount: 9 });
    const rules = [
      rule('shop/p', 0, { name: 'named' }),
      rule('shop/p', 1, { mode: 'shadow' }),
      { ...rule('shop/p', 2), policy: denying },
      { ...rule('shop/p', 3), policy: { ...denying, kind: 'AuthorizationPolicy' } },
    ];
    for (const each of rules) counter.count(each, 'a');
    ledger.add(counter.take());
    expect(ledger.read().rules).toEqual([
      of('shop/p', 0, 1, { rule: 'named' }),
      of('shop/p', 1, 1, { mode: 'shadow' }),
      of('shop/p', 2, 1, { decision: 'deny' }),
      of('shop/p', 3, 1, { decision: 'deny', kind: 'AuthorizationPolicy' }),
    ]);
    expect(rules.map((each) => ledger.hitsOf(each))).toEqual([1, 1, 1, 1]);
    expect(ledger.hitsOf(rule('shop/p', 1))).toBe(0);
  });
});

describe('the sums', () => {
  it('forget rules that are no more, and nothing else', () => {
    const ledger = new RuleHitLedger();
    ledger.add([of('shop/p', 0, 5), of('shop/q', 0, 7)]);
    runSteps(ledger.keep(({ policy }) => policy === 'shop/q'));
    expect(ledger.read()).toEqual({
      rules: [of('shop/q', 0, 7)],
      totals: [{ decision: 'allow', mode: 'enforce', hits: 12 }],
    });
  });
});

describe('series of rules', () => {
  const shown = (series: RuleSeries, ledger: RuleHitLedger): Record<string, number> =>
    Object.fromEntries(series.select(ledger.read()).map(({ policy, hits }) => [policy, hits]));

  it('are those of the most hit ones, and stay when others are hit more', () => {
    const ledger = new RuleHitLedger();
    const series = new RuleSeries(2);
    ledger.add([of('a/1', 0, 1), of('a/2', 0, 20), of('a/3', 0, 30)]);
    expect(shown(series, ledger)).toEqual({ 'a/3': 30, 'a/2': 20, [OTHER_RULES]: 1 });
    ledger.add([of('a/1', 0, 99)]);
    expect(shown(series, ledger)).toEqual({ 'a/3': 30, 'a/2': 20, [OTHER_RULES]: 100 });
  });

  it('begin at 0 for what was counted among the others', () => {
    const ledger = new RuleHitLedger();
    const series = new RuleSeries(1);
    ledger.add([of('a/1', 0, 10), of('a/2', 0, 4)]);
    expect(shown(series, ledger)).toEqual({ 'a/1': 10, [OTHER_RULES]: 4 });
    runSteps(ledger.keep(({ policy }) => policy === 'a/2'));
    expect(shown(series, ledger)).toEqual({ 'a/2': 0, [OTHER_RULES]: 4 });
    ledger.add([of('a/2', 0, 3)]);
    expect(shown(series, ledger)).toEqual({ 'a/2': 3, [OTHER_RULES]: 4 });
  });

  it('are none with a bound of 0', () => {
    const ledger = new RuleHitLedger();
    ledger.add([of('a/1', 0, 10), of('a/2', 0, 4, { decision: 'deny' })]);
    expect(
      new RuleSeries(0).select(ledger.read()).map(({ policy, decision, hits }) => [policy, decision, hits]),
    ).toEqual([
      [OTHER_RULES, 'allow', 10],
      [OTHER_RULES, 'deny', 4],
    ]);
  });

  it('never go backwards, are never more than the bound, and add up to all that was counted of rules that live', () => {
    const step = fc.oneof(
      fc.record({ hit: fc.integer({ min: 0, max: 7 }), times: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ forget: fc.integer({ min: 0, max: 7 }) }),
      fc.constant('collect' as const),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
        const ledger = new RuleHitLedger();
        const series = new RuleSeries(max);
        let last = new Map<string, number>();
        let ended = 0;
        let all = 0;
        for (const each of [...steps, 'collect' as const]) {
          if (each === 'collect') {
            const now = new Map(series.select(ledger.read()).map(({ policy, hits }) => [policy, hits]));
            expect([...now.keys()].filter((policy) => policy !== OTHER_RULES).length).toBeLessThanOrEqual(max);
            for (const [policy, hits] of last) {
              if (now.has(policy)) expect(now.get(policy)).toBeGreaterThanOrEqual(hits);
              else ended += hits;
            }
            expect([...now.values()].reduce((sum, hits) => sum + hits, 0) + ended).toBe(all);
            last = now;
          } else if ('hit' in each) {
            ledger.add([of(`a/${each.hit}`, 0, each.times)]);
            all += each.times;
          } else {
            const { forget } = each;
            runSteps(ledger.keep(({ policy }) => policy !== `a/${forget}`));
          }
        }
      }),
    );
  });
});
