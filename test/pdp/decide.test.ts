import { describe, expect, it } from '@jest/globals';
import { NOW_MS, decisionOf, outcomeOf, snapshotOf, told } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';

type Settings = Parameters<typeof snapshotOf>[1];

function outcome(policies: readonly PolicyText[], ask: Ask = {}, settings: Settings = {}): string {
  return outcomeOf(snapshotOf(policiesYaml(policies), settings), ask);
}

const a = operation({ paths: ['/a'] });
const b = operation({ paths: ['/b'] });
const at = (ms: number): string => new Date(NOW_MS + ms).toISOString();

describe('combining', () => {
  it('lets a DENY override an ALLOW, whatever kind they are', () => {
    expect(outcome([access('ALLOW', {}), istio('DENY', a)], { path: '/a' })).toBe('deny_rule shop/p1[0]');
    expect(outcome([istio('ALLOW', {}), access('DENY', a)], { path: '/a' })).toBe('deny_rule shop/p1[0]');
  });

  it('lets a matching ALLOW decide when no DENY matches', () => {
    expect(outcome([access('DENY', b), access('ALLOW', b, a)], { path: '/a' })).toBe('allow_rule shop/p1[1]');
  });

  it('denies when ALLOW policies apply and none matches, whatever the default is', () => {
    for (const defaultAction of ['ALLOW', 'DENY'] as const)
      expect(outcome([access('ALLOW', b)], { path: '/a' }, { defaultAction })).toBe('no_rule_matched');
  });

  it('asks the default when no ALLOW policy applies', () => {
    expect(outcome([access('DENY', b)], { path: '/a' })).toBe('default_deny');
    expect(outcome([access('DENY', b)], { path: '/a' }, { defaultAction: 'ALLOW' })).toBe('default_allow');
    const elsewhere: PolicyText = { namespace: 'edge', spec: { action: 'ALLOW', rules: [{}] } };
    expect(outcome([elsewhere], {}, { defaultAction: 'ALLOW' })).toBe('default_allow');
  });

  it('denies everything with an ALLOW policy without rules', () => {
    const nothing: PolicyText = { kind: 'AuthorizationPolicy', spec: {} };
    expect(outcome([nothing], {}, { defaultAction: 'ALLOW' })).toBe('no_rule_matched');
  });

  it('reports the first in order: AccessPolicy, then namespace, name, rule', () => {
    const policies: PolicyText[] = [
      { kind: 'AuthorizationPolicy', name: 'a', namespace: 'istio-system', spec: { rules: [{}] } },
      { name: 'b', namespace: 'shop', spec: { action: 'ALLOW', rules: [b, {}, {}] } },
      { name: 'a', namespace: 'shop', spec: { action: 'ALLOW', rules: [{}] } },
      { name: 'z', namespace: 'istio-system', spec: { action: 'ALLOW', rules: [{}] } },
    ];
    expect(outcome(policies)).toBe('allow_rule istio-system/z[0]');
    expect(outcome(policies.slice(0, 3))).toBe('allow_rule shop/a[0]');
    expect(outcome(policies.slice(0, 2))).toBe('allow_rule shop/b[1]');
  });
});

describe('a time window', () => {
  const rule = (from: number | null, until: number | null): Readonly<Record<string, unknown>> => ({
    valid: { ...(from === null ? {} : { from: at(from) }), ...(until === null ? {} : { until: at(until) }) },
  });

  it.each([
    [rule(0, 1), 'allow_rule shop/p0[0]'],
    [rule(1, 2), 'no_rule_matched'],
    [rule(-1, 0), 'no_rule_matched'],
    [rule(null, 1), 'allow_rule shop/p0[0]'],
    [rule(null, 0), 'no_rule_matched'],
    [rule(0, null), 'allow_rule shop/p0[0]'],
  ])('%j: %s', (each, expected) => {
    expect(outcome([access('ALLOW', each)], {}, { defaultAction: 'ALLOW' })).toBe(expected);
  });

  it('that has passed leaves a DENY without effect', () => {
    expect(outcome([access('DENY', rule(-2, -1))], {}, { defaultAction: 'ALLOW' })).toBe('default_allow');
  });
});

describe('a token that is missing', () => {
  const alice = source({ requestPrincipals: ['iss/alice'] });
  const claims = { iss: 'iss', sub: 'bob' };

  it('is asked for when one could let the request in', () => {
    expect(outcome([access('ALLOW', alice)])).toBe('token_required');
    expect(outcome([access('ALLOW', { ...a, ...alice })], { path: '/a' })).toBe('token_required');
    expect(outcome([access('ALLOW', { condition: 'claims.acr == "mfa"' })])).toBe('token_required');
    expect(outcome([istio('DENY', source({ notRequestPrincipals: ['*'] }))], {}, { defaultAction: 'ALLOW' })).toBe(
      'token_required shop/p0[0]',
    );
  });

  it.each<[string, readonly PolicyText[], Ask, Settings]>([
    ['one came, and it is another’s', [access('ALLOW', alice)], { claims }, {}],
    ['the path is another', [access('ALLOW', { ...a, ...alice })], { path: '/b' }, {}],
    ['no rule asks for one', [access('ALLOW', a)], { path: '/b' }, {}],
    ['tokens are not looked at', [istio('ALLOW', alice)], {}, { jwtMetadata: '' }],
    ['a DENY would stand in the way', [access('ALLOW', alice), access('DENY', {})], {}, {}],
    [
      'a DENY would stand in the way whatever the token',
      [access('ALLOW', alice), access('DENY', { condition: 'request.method == "GET" || claims.x == 1' }, {})],
      {},
      {},
    ],
    ['the window has passed', [access('ALLOW', { ...alice, valid: { until: at(-1) } })], {}, {}],
  ])('is not asked for when %s', (_, policies, ask, settings) => {
    expect(outcome(policies, ask, settings)).toMatch(/^(no_rule_matched|deny_rule)/);
  });

  it('is not asked for by a DENY that says itself what to answer', () => {
    const rule = { ...source({ notRequestPrincipals: ['*'] }), respond: { deny: { status: 404 } } };
    expect(outcome([access('DENY', rule)], {}, { defaultAction: 'ALLOW' })).toBe('deny_rule shop/p0[0]');
  });
});

describe('what is only tried out', () => {
  const shadow = (action: 'ALLOW' | 'DENY', ...rules: readonly unknown[]): PolicyText => ({
    spec: { action, mode: 'Shadow', rules },
  });
  const dryRun = (action: 'ALLOW' | 'DENY', rules?: readonly unknown[]): PolicyText => ({
    kind: 'AuthorizationPolicy',
    annotations: { 'istio.io/dry-run': 'true' },
    spec: { action, ...(rules === undefined ? {} : { rules }) },
  });
  const tried = (
    policies: readonly PolicyText[],
    ask: Ask = {},
    settings: Settings = {},
  ): readonly (string | null)[] => {
    const { allowed, reason, rule, shadow: other } = decisionOf(snapshotOf(policiesYaml(policies), settings), ask);
    return [allowed ? 'allow' : 'deny', told({ reason, rule }), other && told(other)];
  };

  it('never decides: a DENY', () => {
    expect(tried([access('ALLOW', {}), shadow('DENY', {})])).toEqual([
      'allow',
      'allow_rule shop/p0[0]',
      'deny_rule shop/p1[0]',
    ]);
    expect(tried([access('ALLOW', {}), dryRun('DENY', [{}])])).toEqual([
      'allow',
      'allow_rule shop/p0[0]',
      'deny_rule shop/p1[0]',
    ]);
  });

  it('never decides: an ALLOW in Shadow mode, which still counts as applying', () => {
    expect(tried([shadow('ALLOW', {})], {}, { defaultAction: 'ALLOW' })).toEqual([
      'deny',
      'no_rule_matched',
      'allow_rule shop/p0[0]',
    ]);
  });

  it('is not there at all: an ALLOW of Istio in dry-run', () => {
    expect(tried([dryRun('ALLOW', [{}])], {}, { defaultAction: 'ALLOW' })).toEqual([
      'allow',
      'default_allow',
      'allow_rule shop/p0[0]',
    ]);
    expect(tried([dryRun('ALLOW', [a])], { path: '/b' }, { defaultAction: 'ALLOW' })).toEqual([
      'allow',
      'default_allow',
      'no_rule_matched',
    ]);
  });

  it('is told of also when it has no rules', () => {
    expect(tried([dryRun('ALLOW')], {}, { defaultAction: 'ALLOW' })).toEqual([
      'allow',
      'default_allow',
      'no_rule_matched',
    ]);
  });

  it('is told of together with what is enforced, the first in order', () => {
    expect(tried([access('DENY', a), shadow('DENY', {})], { path: '/a' })).toEqual([
      'deny',
      'deny_rule shop/p0[0]',
      'deny_rule shop/p0[0]',
    ]);
    expect(tried([shadow('DENY', {}), access('DENY', a)], { path: '/a' })).toEqual([
      'deny',
      'deny_rule shop/p1[0]',
      'deny_rule shop/p0[0]',
    ]);
    expect(tried([access('ALLOW', a), shadow('DENY', b)], { path: '/a' })[2]).toBe('allow_rule shop/p0[0]');
  });

  it('is not told of when there is nothing of it', () => {
    expect(tried([access('ALLOW', {})])[2]).toBeNull();
  });
});

describe('how long a decision may be kept', () => {
  const keep = (policy: PolicyText, ask: Ask = {}, ttlMs = 60_000): number => {
    const { keepUntilMs } = decisionOf(snapshotOf(policiesYaml([policy])), ask, NOW_MS, ttlMs);
    return keepUntilMs === 0 ? 0 : keepUntilMs - NOW_MS;
  };
  const readsClaim = when('request.auth.claims[sub]', ['alice']);
  const claims = (exp: number): Ask => ({ claims: { iss: 'iss', sub: 'alice', exp: NOW_MS / 1000 + exp } });

  it('is as long as configured', () => {
    expect(keep(access('ALLOW', {}))).toBe(60_000);
    expect(keep(access('ALLOW', {}), {}, 0)).toBe(0);
  });

  it('is until the next edge of any window, also of a rule that did not match or is only tried out', () => {
    expect(keep(access('ALLOW', {}, { valid: { from: at(5000), until: at(9000) } }))).toBe(5000);
    expect(keep(access('ALLOW', { valid: { from: at(-5000), until: at(9000) } }))).toBe(9000);
    expect(keep({ spec: { action: 'DENY', mode: 'Shadow', rules: [{ valid: { from: at(1000) } }] } })).toBe(1000);
    expect(keep(access('ALLOW', { valid: { from: at(-5000), until: at(-1) } }))).toBe(60_000);
  });

  it('is until the token ends, where the token was read', () => {
    expect(keep(access('ALLOW', readsClaim), claims(10))).toBe(10_000);
    expect(keep(access('ALLOW', readsClaim), claims(1000))).toBe(60_000);
    expect(keep(access('ALLOW', readsClaim), claims(0))).toBe(0);
    expect(keep(access('ALLOW', readsClaim), claims(-10))).toBe(0);
    expect(keep(access('ALLOW', readsClaim), { claims: { sub: 'alice', exp: 'never' } })).toBe(60_000);
    expect(keep(access('ALLOW', readsClaim), { claims: { sub: 'alice', exp: Number.NaN } })).toBe(0);
  });

  it('is until the token ends, where only what the rule answers with was read from it', () => {
    const injects = { respond: { request: { set: { 'x-user': '${request.auth.claims[sub]}' } } } };
    expect(keep(access('ALLOW', injects), claims(10))).toBe(10_000);
    expect(keep(access('ALLOW', injects), claims(-10))).toBe(0);
  });

  it('is not at all where the clock was read', () => {
    expect(keep(access('ALLOW', { condition: 'now > timestamp("2020-01-01T00:00:00Z")' }))).toBe(0);
  });
});
