/** What lint claims of rules holds for requests: a rule that covers another one matches whatever that matches. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileForLint } from '../../../../src/policy/lint/compiled.ts';
import { attachmentCovers, ruleCovers } from '../../../../src/policy/lint/cover/rules.ts';
import { isSelfContradicting } from '../../../../src/policy/lint/cover/contradictions.ts';
import type { CompiledRule } from '../../../../src/policy/compile/compiled-rule.ts';
import { matchRule } from '../../../../src/policy-index/match/match-rule.ts';
import { NOW_MS, SETTINGS, policySet, questionOf, snapshotOf } from '../../../extauthz/support/engine.ts';
import { ask, policies } from '../../../property/arbitraries.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../../property/runs.ts';
import { OPTIONS } from '../../support.ts';

const requests = fc.array(ask, { minLength: 12, maxLength: 24 });
const aliases = fc.constantFrom<string[]>([], ['other.example']);

describe(named('of every policy set and request'), () => {
  it(
    'whatever a covered rule matches, the rule that covers it matches',
    () => {
      let pairs = 0;
      fc.assert(
        fc.property(policies, aliases, requests, (yaml, trustDomainAliases, asked) => {
          const settings = { ...SETTINGS, trustDomainAliases, ambiguousPaths: 'evaluate' as const };
          const set = policySet(yaml, settings);
          const snapshot = snapshotOf(set, settings);
          const compiled = compileForLint(set, { ...OPTIONS, trustDomainAliases });
          const covered = compiled.flatMap((narrow) =>
            compiled
              .filter((wide) => wide !== narrow && ruleCovers(wide, narrow))
              .filter((wide) => wide.policy.action === narrow.policy.action || wide.policy.action === 'DENY')
              .map((wide) => ({
                wide,
                narrow,
                attached: attachmentCovers(wide.policy, narrow.policy, 'istio-system'),
              })),
          );
          pairs += covered.length;
          // A DENY is for every reading of what can be read in several ways.
          const never = compiled.filter(
            ({ predicates, policy }) => policy.action === 'ALLOW' && isSelfContradicting(predicates),
          );
          for (const each of asked) {
            const { refused, ...question } = questionOf(snapshot, each);
            if (refused !== null || !('scope' in question)) continue;
            const { scope, request } = question;
            const inForce = new Map<string, CompiledRule>(
              scope.policies.flatMap(({ kind, name, rules }) =>
                rules.map((rule) => [`${kind} ${name} ${rule.index}`, rule] as const),
              ),
            );
            const ruleOf = ({ policy, rule }: (typeof compiled)[number]): string =>
              `${policy.kind} ${policy.namespace}/${policy.name} ${rule.index}`;
            for (const { wide, narrow, attached } of covered) {
              const [outer, inner] = [inForce.get(ruleOf(wide)), inForce.get(ruleOf(narrow))];
              if (inner === undefined) continue;
              if (attached) expect(outer).toBeDefined();
              if (outer !== undefined && matchRule(inner, request, NOW_MS))
                expect({
                  narrow: ruleOf(narrow),
                  wide: ruleOf(wide),
                  matches: matchRule(outer, request, NOW_MS),
                }).toEqual({
                  narrow: ruleOf(narrow),
                  wide: ruleOf(wide),
                  matches: true,
                });
            }
            for (const rule of never) {
              const inner = inForce.get(ruleOf(rule));
              if (inner !== undefined)
                expect({ rule: ruleOf(rule), matches: matchRule(inner, request, NOW_MS) }).toEqual({
                  rule: ruleOf(rule),
                  matches: false,
                });
            }
          }
        }),
        PARAMETERS,
      );
      // The claim would hold of no pairs at all.
      expect(pairs).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
