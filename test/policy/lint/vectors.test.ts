/** Paths and server names that lint calls matchless, against requests that the real Envoy sent: none of them matches. */
import { expect, it } from '@jest/globals';
import { readCheckRequest } from '../../../src/extauthz/check-request.ts';
import { pose } from '../../../src/extauthz/evaluate.ts';
import { valueNeverMatches } from '../../../src/policy/lint/rules/value-never-matches.ts';
import type { PolicySet } from '../../../src/policy/model.ts';
import { matchRule } from '../../../src/policy-index/match/match-rule.ts';
import { readVectors } from '../../conformance/vectors.ts';
import { LIMITS, policySet, snapshotOf } from '../../extauthz/support/engine.ts';
import { OPTIONS } from '../support.ts';

/** The vectors have issuers called `https:/`, certificates of `spiffe://spiffe://…` and methods in lower case: not these. */
const SPEC: Readonly<Record<string, (value: string) => unknown>> = {
  paths: (value) => ({ to: [{ operation: { paths: [value] } }] }),
  'connection.sni': (value) => ({ when: [{ key: 'connection.sni', values: [value] }] }),
};

/** A policy in the root namespace, so that it is in force whatever is called. */
function only(field: string, value: string): PolicySet {
  return policySet(
    JSON.stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'istio-system' },
      spec: { action: 'DENY', rules: [SPEC[field]!(value)] },
    }),
  );
}

it.each(['p', 'b'] as const)('no value that never matches is matched in set %s', (name) => {
  const matched: string[] = [];
  let told = 0;
  for (const vector of readVectors(name)) {
    const set = loadedOrNull(vector.policies);
    if (set === null) continue;
    for (const { message } of valueNeverMatches.findings({ set, compiled: [], options: OPTIONS, nowMs: 0 })) {
      const [, value, written] = /^`(.*)` in `([^`]*)` matches no real request/s.exec(message) ?? [];
      const field = written === 'notPaths' ? 'paths' : written!;
      if (!Object.hasOwn(SPEC, field)) continue;
      told++;
      const snapshot = snapshotOf(only(field, value!), { ambiguousPaths: 'evaluate', clientIp: vector.envoy });
      for (const { id, raw } of vector.requests) {
        const question = pose(readCheckRequest(Buffer.from(raw, 'base64'))!, snapshot, LIMITS);
        if (question.refused !== null) throw new Error(`${vector.id} ${id} is not asked`);
        const rules = question.scope.policies.flatMap(({ rules: each }) => each);
        if (rules.some((rule) => matchRule(rule, question.request, 0))) matched.push(`${field} ${value!} ${id}`);
      }
    }
  }
  expect(matched).toEqual([]);
  expect(told).toBeGreaterThan(0);
});

/** null: refused, as two of the sets are (test/conformance). */
function loadedOrNull(text: string): PolicySet | null {
  try {
    return policySet(text);
  } catch {
    return null;
  }
}
