import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Position } from '../../../src/lib/diagnostic.ts';
import {
  policyOf,
  policyValue,
  ruleOf,
  ruleValue,
  groupOf,
  groupValue,
  workloadOf,
  workloadValue,
} from '../../../src/policy-index/flat/model-values.ts';
import type { Policy, PrincipalGroup, Rule, WorkloadEntry } from '../../../src/policy/model.ts';
import { policySet } from '../../extauthz/support/engine.ts';
import { workloadEntry } from '../../extauthz/support/yaml.ts';
import { policies } from '../../property/arbitraries.ts';
import { Draw, largeSet } from '../../property/large-set.ts';
import { readBack } from './support.ts';

const PLACE: Position = { file: 'x.yaml', line: 3, column: 7 };

/** With each `position` in it made `PLACE`, at any depth, and maps by name. */
function placed(value: unknown): unknown {
  if (value instanceof Map)
    return new Map(
      [...(value as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, placed(v)]),
    );
  if (Array.isArray(value)) return value.map(placed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, name === 'position' ? PLACE : placed(each)]),
  );
}

const policyBack = (policy: Policy): unknown => policyOf(readBack(policyValue(policy))[0]!, PLACE);
const ruleBack = (rule: Rule): unknown => ruleOf(readBack(ruleValue(rule))[0]!, PLACE);

function expectKept(yaml: string): void {
  const set = policySet(yaml);
  for (const policy of set.policies) {
    expect(placed(policyBack(policy))).toEqual(placed({ ...policy, rules: [] }));
    for (const rule of policy.rules) expect(placed(ruleBack(rule))).toEqual(placed(rule));
  }
  for (const group of set.groups.values())
    expect(placed(groupOf(readBack(groupValue(group))[0]!))).toEqual(placed(group));
}

const PROVOKING = ['', 'a', '*', 'é', '\u{1f511}', '/a', '${x}', '__proto__', 'x'.repeat(300)];
const text = fc.constantFrom(...PROVOKING);
const list = fc.uniqueArray(text, { minLength: 1, maxLength: 4 }).map((values) => ({ values, position: PLACE }));
const mapOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<string, T>> =>
  fc.uniqueArray(fc.tuple(text, item), { selector: ([name]) => name, maxLength: 4 }).map((entries) => new Map(entries));
const fieldsOf = (...names: readonly string[]): fc.Arbitrary<object> =>
  fc.record(Object.fromEntries(names.map((name) => [name, list])), { requiredKeys: [], noNullPrototype: true });

const key = fc.oneof(
  fc.record({ text, kind: fc.constant('request.headers' as const), name: text }),
  fc.record({
    text,
    kind: fc.constant('request.auth.claims' as const),
    path: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ text, kind: fc.constant('metadata' as const), filter: text, path: fc.array(text, { maxLength: 3 }) }),
  fc.record({
    text,
    kind: fc.constantFrom('source.ip' as const, 'connection.sni' as const, 'request.auth.presenter' as const),
  }),
);
const template = fc.record({
  parts: fc.array(
    fc.oneof(
      text.map((each) => ({ kind: 'literal' as const, text: each })),
      key.map((each) => ({ kind: 'attribute' as const, key: each })),
      fc.constantFrom('id', 'policy', 'rule', 'reason', 'revision').map((field) => ({ kind: 'decision', field })),
    ),
    { maxLength: 4 },
  ),
  position: fc.constant(PLACE),
});
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const respond = fc.record({
  request: fc.record({
    set: mapOf(template),
    remove: fc.array(text),
    query: fc.record({ set: mapOf(template), remove: fc.array(text) }),
  }),
  response: fc.record({ set: mapOf(template) }),
  deny: orNull(
    fc.record({ status: orNull(fc.constantFrom(401, 503)), body: orNull(template), headers: mapOf(template) }),
  ),
});
const moment = orNull(fc.constantFrom(0, -1, 1, 1_780_315_200_000, 2 ** 31, -62_135_596_800_000));
const at = { position: fc.constant(PLACE) };
const source = (names: readonly string[]): fc.Arbitrary<object> =>
  fc.record({ is: fieldsOf(...names), not: fieldsOf(...names), ...at });
const rule = fc.record({
  index: fc.nat(5000),
  name: orNull(text),
  from: orNull(
    fc.array(
      source([
        'principals',
        'requestPrincipals',
        'namespaces',
        'serviceAccounts',
        'trustDomains',
        'ipBlocks',
        'remoteIpBlocks',
        'groups',
      ]),
      { minLength: 1, maxLength: 3 },
    ),
  ),
  to: orNull(fc.array(source(['hosts', 'ports', 'methods', 'paths']), { minLength: 1, maxLength: 3 })),
  when: fc.array(fc.record({ key, values: orNull(list), notValues: orNull(list), ...at }), { maxLength: 3 }),
  condition: orNull(fc.record({ text, ...at })),
  valid: orNull(fc.record({ fromMs: moment, untilMs: moment })),
  respond: orNull(respond),
  ...at,
}) as fc.Arbitrary<Rule>;

const policy = fc.record({
  kind: fc.constantFrom('AccessPolicy' as const, 'AuthorizationPolicy' as const),
  namespace: text,
  name: text,
  action: fc.constantFrom('ALLOW' as const, 'DENY' as const),
  audit: fc.constantFrom('all' as const, 'denied' as const, 'sample' as const, undefined),
  mode: fc.constantFrom('enforce' as const, 'shadow' as const, 'dry-run' as const),
  matchLabels: mapOf(text),
  serviceAccounts: orNull(fc.array(fc.record({ namespace: text, name: text }), { maxLength: 3 })),
  targetGateways: orNull(fc.array(text, { maxLength: 3 })),
  rules: fc.constant([]),
  ...at,
}) as fc.Arbitrary<Policy>;

const group = fc.record({
  namespace: text,
  name: text,
  spiffeIds: fc.array(text, { maxLength: 3 }),
  subjects: fc.array(fc.record({ issuer: text, subjects: fc.array(text, { maxLength: 3 }) }), { maxLength: 3 }),
  claims: fc.array(
    fc.record({ issuer: text, path: fc.array(text, { maxLength: 3 }), values: fc.array(text, { maxLength: 3 }) }),
    { maxLength: 3 },
  ),
  groups: fc.array(text, { maxLength: 3 }),
  ...at,
}) as fc.Arbitrary<PrincipalGroup>;

describe('the policy model, written and read', () => {
  it('is what was parsed but for the places', () => {
    fc.assert(fc.property(policies, expectKept), { numRuns: 40 });
    expectKept(largeSet(new Draw(5), 100, 30));
  });

  it('keeps every field of a rule, whatever is in it', () => {
    fc.assert(
      fc.property(rule, (each) => {
        expect(ruleBack(each)).toEqual(each);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps every field of a policy and of a group', () => {
    fc.assert(
      fc.property(policy, group, (each, other) => {
        expect(policyBack(each)).toEqual(each);
        expect(placed(groupOf(readBack(groupValue(other))[0]!))).toEqual(other);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps what a workload entry says, and is one value for entries that say the same', () => {
    const yaml = (...entries: readonly unknown[]): readonly WorkloadEntry[] =>
      policySet(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: entries })).workloads;
    const [entry] = yaml(workloadEntry('a', '10.0.0.1', { app: 'é', tier: 'b' }, 'orders'));
    const [same] = yaml(workloadEntry('b', '10.0.0.2', { tier: 'b', app: 'é' }, 'orders'));
    const [nobody] = yaml(workloadEntry('a', '10.0.0.1', {}));
    expect(workloadOf(readBack(workloadValue(entry!))[0]!)).toEqual({
      namespace: 'shop',
      serviceAccount: 'orders',
      labels: new Map([
        ['app', 'é'],
        ['tier', 'b'],
      ]),
    });
    expect(workloadValue(same!)).toEqual(workloadValue(entry!));
    expect(workloadOf(readBack(workloadValue(nobody!))[0]!)).toMatchObject({ serviceAccount: null, labels: new Map() });
  });
});
