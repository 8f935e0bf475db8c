import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide } from '../../src/pdp/decide.ts';
import type { Decision } from '../../src/pdp/decision.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import type { DecisionSettings } from '../../src/policy-index/settings.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { NOW_MS, policySet, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { Draw, largeAsk, largeSet } from './large-set.ts';
import { PARAMETERS, RUNS, TIMEOUT_MS, named } from './runs.ts';

const REQUESTS = 80;
/** A run here is worth a hundred of the other properties'. */
const SETS = Math.max(5, Math.ceil(RUNS / 12));

function facts({ allowed, reason, rule, shadow, keepUntilMs }: Decision): unknown {
  return {
    allowed,
    reason,
    rule: rule?.ordinal ?? null,
    shadow: shadow && [shadow.allowed, shadow.reason, shadow.rule?.ordinal ?? null],
    keepUntilMs,
  };
}

function decided(snapshot: PolicySnapshot, request: Ask): Decision {
  const question = questionOf(snapshot, request);
  return (
    question.refused ?? decide(question.scope, snapshot.settings, question.request, { nowMs: NOW_MS, ttlMs: 60_000 })
  );
}

const settings: fc.Arbitrary<Partial<DecisionSettings>> = fc.record({
  defaultAction: fc.constantFrom('ALLOW', 'DENY'),
  ambiguousPaths: fc.constantFrom('deny', 'evaluate', 'evaluate'),
});

describe(named('a set of hundreds of rules that overlap'), () => {
  it(
    'is decided by the index as by asking every rule in turn',
    () => {
      const reasons = new Map<string, number>();
      const rules = new Set<number>();
      fc.assert(
        fc.property(
          fc.integer(),
          fc.constantFrom(30, 300, 300, 700, 2500),
          fc.constantFrom(1, 5, 50),
          settings,
          (seed, size, denying, some) => {
            const draw = new Draw(seed);
            const set = policySet(largeSet(draw, size, denying));
            const indexed = snapshotOf(set, some);
            const scanned = snapshotOf(set, some, linearScan);
            for (let i = 0; i < REQUESTS; i++) {
              const request = largeAsk(draw);
              const scan = decided(scanned, request);
              expect([request, facts(decided(indexed, request))]).toEqual([request, facts(scan)]);
              reasons.set(scan.reason, (reasons.get(scan.reason) ?? 0) + 1);
              if (scan.rule !== null) rules.add(scan.rule.ordinal);
            }
          },
        ),
        { ...PARAMETERS, numRuns: SETS },
      );
      // Each way to decide came up, and not always by the same rule.
      for (const reason of ['allow_rule', 'deny_rule']) expect([reason, reasons.has(reason)]).toEqual([reason, true]);
      expect(rules.size).toBeGreaterThan(SETS);
    },
    4 * TIMEOUT_MS,
  );
});
