import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide } from '../../src/pdp/decide.ts';
import { DecisionCache } from '../../src/pdp/decision-cache.ts';
import { answer, encodeAnswer } from '../../src/extauthz/answer.ts';
import { strayHeaders } from '../../src/extauthz/evaluate.ts';
import { NO_EFFECTS } from '../../src/extauthz/proof-effects.ts';
import { readCheckRequest } from '../../src/extauthz/check-request.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import type { DecisionSettings } from '../../src/policy-index/settings.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { NOW_MS, TEXTS, checkRequest, policySet, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import { ask, changed, forwarding, policies } from './arbitraries.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { PARAMETERS, RUNS, TIMEOUT_MS, named } from './runs.ts';

const settings: fc.Arbitrary<Partial<DecisionSettings>> = fc
  .tuple(
    fc.record({
      defaultAction: fc.constantFrom('ALLOW', 'DENY'),
      ambiguousPaths: fc.constantFrom('deny', 'evaluate'),
      trustDomainAliases: fc.constantFrom([], ['other.example']),
    }),
    forwarding,
  )
  .map(([some, xfcc]) => ({ ...some, ...xfcc }));

/** A request, and what others it is compared with: each a change or two away from it. */
const family = fc
  .tuple(ask, fc.array(fc.array(changed, { minLength: 1, maxLength: 2 }), { minLength: 6, maxLength: 10 }))
  .map(([first, others]): readonly Ask[] => [
    first,
    ...others.map((changes) => changes.reduce<Ask>((from, change) => change(from), first)),
  ]);

const cache = new DecisionCache({ maxEntries: 1 });

/** null: refused before rules are asked, or not kept. */
function keyOf(snapshot: PolicySnapshot, request: Ask): string | null {
  const bytes = checkRequest(request);
  const question = questionOf(snapshot, bytes);
  if (question.refused !== null) return null;
  const stray = strayHeaders(readCheckRequest(bytes)!, snapshot);
  return cache.key(question.scope, question.request, `${question.request.path === '' ? '-' : '/'}${stray.join()}`);
}

/** What the caller gets and what is told of it, by asking every rule in turn. */
function outcomeOf(snapshot: PolicySnapshot, request: Ask): unknown {
  const bytes = checkRequest(request);
  const question = questionOf(snapshot, bytes);
  if (question.refused !== null) return 'refused';
  const decision = decide(question.scope, snapshot.settings, question.request, { nowMs: NOW_MS, ttlMs: 60_000 });
  const made = answer(decision, {
    texts: TEXTS,
    decisionId: 'the-same-for-all',
    snapshot,
    request: question.request,
    strayHeaders: strayHeaders(readCheckRequest(bytes)!, snapshot),
    effects: NO_EFFECTS,
    badProof: null,
  });
  const { allowed, reason, rule, shadow } = made.decision;
  return {
    allowed,
    reason,
    rule: rule?.ordinal ?? null,
    shadow: shadow && [shadow.allowed, shadow.reason, shadow.rule?.ordinal ?? null],
    answer: Buffer.from(encodeAnswer(made)).toString('latin1'),
  };
}

describe(named('requests with one cache key'), () => {
  it(
    'get one answer, made by one rule',
    () => {
      let pairs = 0;
      let equal = 0;
      let equalButNotTheSame = 0;
      fc.assert(
        fc.property(policies, settings, family, (yaml, some, requests) => {
          const set = policySet(yaml);
          const indexed = snapshotOf(set, some);
          const scanned = snapshotOf(set, some, linearScan);
          const seen = new Map<string, { readonly request: Ask; readonly outcome: unknown }>();
          for (const request of requests) {
            const key = keyOf(indexed, request);
            if (key === null) continue;
            pairs++;
            const before = seen.get(key);
            const outcome = outcomeOf(scanned, request);
            if (before === undefined) {
              seen.set(key, { request, outcome });
              continue;
            }
            equal++;
            if (!checkRequest(request).equals(checkRequest(before.request))) equalButNotTheSame++;
            expect(outcome).toEqual(before.outcome);
          }
        }),
        PARAMETERS,
      );
      // Else nothing was tested: of those that get as far, a fifth at least share the key of another request.
      expect(pairs).toBeGreaterThan(2 * RUNS);
      expect(equal / pairs).toBeGreaterThan(0.2);
      expect(equalButNotTheSame / pairs).toBeGreaterThan(0.1);
    },
    TIMEOUT_MS,
  );
});
