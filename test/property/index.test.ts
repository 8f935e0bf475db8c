import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide } from '../../src/pdp/decide.ts';
import type { Decision } from '../../src/pdp/decision.ts';
import { explainScope } from '../../src/pdp/explain.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import type { DecisionSettings } from '../../src/policy-index/settings.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { LIMITS, NOW_MS, TEXTS, checkRequest, policySet, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { decideOffline, explainOffline } from '../../src/extauthz/offline.ts';
import { ask, policies } from './arbitraries.ts';
import { PARAMETERS, TIMEOUT_MS, named } from './runs.ts';

const settings: fc.Arbitrary<Partial<DecisionSettings>> = fc.record({
  defaultAction: fc.constantFrom('ALLOW', 'DENY'),
  ambiguousPaths: fc.constantFrom('deny', 'evaluate'),
  jwtMetadata: fc.constantFrom('envoy.filters.http.jwt_authn', ''),
  trustDomainAliases: fc.constantFrom([], ['other.example']),
});
const requests = fc.array(ask, { minLength: 8, maxLength: 16 });

/** What counts of a decision, with rules by their place. */
function facts({ allowed, reason, rule, shadow, keepUntilMs }: Decision): unknown {
  return {
    allowed,
    reason,
    rule: rule?.ordinal ?? null,
    shadow: shadow && [shadow.allowed, shadow.reason, shadow.rule?.ordinal ?? null],
    keepUntilMs,
  };
}

function decided(snapshot: PolicySnapshot, request: Ask): unknown {
  const question = questionOf(snapshot, request);
  if (question.refused !== null) return facts(question.refused);
  return facts(decide(question.scope, snapshot.settings, question.request, { nowMs: NOW_MS, ttlMs: 60_000 }));
}

describe(named('every policy set and request'), () => {
  it(
    'is decided by the index as by asking every rule in turn',
    () => {
      fc.assert(
        fc.property(policies, settings, requests, (yaml, some, asked) => {
          const set = policySet(yaml);
          const indexed = snapshotOf(set, some);
          const scanned = snapshotOf(set, some, linearScan);
          expect(indexed.revision).toBe(scanned.revision);
          for (const each of asked) expect(decided(indexed, each)).toEqual(decided(scanned, each));
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );

  it(
    'is explained as it is decided, with the first field that failed for each rule that did not match',
    () => {
      fc.assert(
        fc.property(policies, settings, requests, (yaml, some, asked) => {
          const snapshot = snapshotOf(yaml, some);
          for (const each of asked) expectExplained(snapshot, each);
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});

function expectExplained(snapshot: PolicySnapshot, request: Ask): void {
  const options = { snapshot, limits: LIMITS, texts: TEXTS, nowMs: NOW_MS };
  const bytes = checkRequest(request);
  const explanation = explainOffline(bytes, options);
  expect(explanation).toMatchObject(decideOffline(bytes, options)!);
  const question = questionOf(snapshot, bytes);
  if (question.refused !== null) {
    expect(explanation?.policies).toEqual([]);
    return;
  }
  const told = explainScope(question.scope, question.request, NOW_MS);
  expect(told.map(({ policy }) => policy)).toEqual(question.scope.policies.map(({ name }) => name));
  const matched = (action: string): string[] =>
    told
      .filter((policy) => policy.action === action && policy.mode === 'enforce')
      .flatMap((policy) =>
        policy.rules.filter((rule) => rule.matched).map((rule) => `${policy.policy}[${rule.index}]`),
      );
  for (const rule of told.flatMap((policy) => policy.rules)) expect(rule.matched).toBe(rule.firstFailed === null);
  // DENY overrides; the first that matched is the one that decided.
  const { decision, policy } = explanation!;
  const { rule } = decide(question.scope, snapshot.settings, question.request, { nowMs: NOW_MS, ttlMs: 0 });
  const decider = rule === null ? null : `${rule.policy.name}[${rule.index}]`;
  const [denying] = matched('DENY');
  const [allowing] = matched('ALLOW');
  if (denying !== undefined) expect([decision, decider]).toEqual(['deny', denying]);
  else if (allowing !== undefined) expect([decision, decider]).toEqual(['allow', allowing]);
  else expect(policy).toBeNull();
}
