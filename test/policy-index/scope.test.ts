import { describe, expect, it } from '@jest/globals';
import { UNKNOWN_WORKLOAD } from '../../src/attributes/workload.ts';
import type { Workload } from '../../src/attributes/workload.ts';
import { snapshotOf } from '../extauthz/support/engine.ts';
import { policiesYaml } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';

const ORDERS: Workload = {
  source: 'inventory',
  namespace: 'shop',
  serviceAccount: 'orders',
  labels: new Map([
    ['app', 'orders'],
    ['tier', 'back'],
  ]),
};

const rules = [{}];

/** Names of the policies that apply; null: not known. */
function applying(policies: readonly PolicyText[], workload: Workload): readonly string[] | null {
  return (
    snapshotOf(policiesYaml(policies))
      .scopeOf(workload)
      ?.policies.map(({ name }) => name) ?? null
  );
}

describe('the policies of a workload', () => {
  it('are those of its namespace and of the root namespace', () => {
    const policies: PolicyText[] = [
      { name: 'a', spec: { rules } },
      { name: 'b', namespace: 'edge', spec: { rules } },
      { name: 'c', namespace: 'istio-system', spec: { rules } },
      { name: 'd', kind: 'AuthorizationPolicy', spec: { rules } },
    ];
    expect(applying(policies, ORDERS)).toEqual(['istio-system/c', 'shop/a', 'shop/d']);
  });

  it.each([
    ['all its labels', { app: 'orders', tier: 'back' }, true],
    ['one of its labels', { app: 'orders' }, true],
    ['no label', {}, true],
    ['another value', { app: 'order' }, false],
    ['another label too', { app: 'orders', zone: 'a' }, false],
    ['an empty value of a label that it does not have', { zone: '' }, false],
  ])('are those whose selector asks for %s: %j is %j', (_, matchLabels, applies) => {
    const policies = [{ name: 'a', spec: { selector: { matchLabels }, rules } }];
    expect(applying(policies, ORDERS)).toEqual(applies ? ['shop/a'] : []);
  });

  it.each([
    [['orders'], 'shop', true],
    [['carts', 'orders'], 'shop', true],
    [['order'], 'shop', false],
    [['shop/orders'], 'istio-system', true],
    [['edge/orders'], 'istio-system', false],
    [['orders'], 'istio-system', false],
  ])('are those for its account: %j in %s is %j', (serviceAccounts, namespace, applies) => {
    const policies = [{ name: 'a', namespace, spec: { serviceAccounts, rules } }];
    expect(applying(policies, ORDERS)).toEqual(applies ? [`${namespace}/a`] : []);
  });

  it('need selector and account both', () => {
    const policies = [
      { name: 'a', spec: { serviceAccounts: ['orders'], selector: { matchLabels: { app: 'carts' } }, rules } },
      { name: 'b', spec: { serviceAccounts: ['carts'], selector: { matchLabels: { app: 'orders' } }, rules } },
    ];
    expect(applying(policies, ORDERS)).toEqual([]);
  });

  it.each<[string, PolicyText, Partial<Workload>]>([
    ['labels', { spec: { selector: { matchLabels: { app: 'orders' } }, rules } }, { labels: null }],
    ['the account', { spec: { serviceAccounts: ['orders'], rules } }, { serviceAccount: null }],
    ['the namespace', { spec: { rules } }, { namespace: null }],
    [
      'the namespace of an account',
      { namespace: 'istio-system', spec: { serviceAccounts: ['shop/orders'], rules } },
      { namespace: null },
    ],
  ])('are not known when one asks for %s and that is not known', (_, policy, unknown) => {
    expect(applying([policy], { ...ORDERS, ...unknown })).toBeNull();
  });

  it('are known when only what decides nothing asks: a dry run, or a DENY in Shadow mode', () => {
    const selector = { matchLabels: { app: 'orders' } };
    const unknown = { ...ORDERS, labels: null };
    const dryRun: PolicyText = {
      kind: 'AuthorizationPolicy',
      annotations: { 'istio.io/dry-run': 'true' },
      spec: { selector, action: 'ALLOW', rules },
    };
    expect(applying([dryRun], unknown)).toEqual([]);
    expect(applying([{ spec: { selector, action: 'DENY', mode: 'Shadow', rules } }], unknown)).toEqual([]);
    // Where it applies, `defaultAction` is not asked.
    expect(applying([{ spec: { selector, action: 'ALLOW', mode: 'Shadow', rules } }], unknown)).toBeNull();
  });

  it('are known when what is not known cannot matter', () => {
    const policies: PolicyText[] = [
      { name: 'a', namespace: 'istio-system', spec: { rules } },
      { name: 'b', namespace: 'edge', spec: { selector: { matchLabels: { app: 'orders' } }, rules } },
    ];
    expect(applying(policies.slice(0, 1), UNKNOWN_WORKLOAD)).toEqual(['istio-system/a']);
    expect(applying(policies, { ...ORDERS, labels: null })).toEqual(['istio-system/a']);
    // The selector does not fit, whoever the account is.
    const both = { spec: { serviceAccounts: ['orders'], selector: { matchLabels: { app: 'x' } }, rules } };
    expect(applying([both], { ...ORDERS, serviceAccount: null })).toEqual([]);
  });

  it('are those of a Gateway, for the workload that is it', () => {
    const gateway = (kind: string): PolicyText => ({
      name: 'a',
      kind: 'AuthorizationPolicy',
      spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind, name: 'main' }], rules },
    });
    const labels = new Map([['gateway.networking.k8s.io/gateway-name', 'main']]);
    expect(applying([gateway('Gateway')], { ...ORDERS, labels })).toEqual(['shop/a']);
    expect(applying([gateway('Gateway')], ORDERS)).toEqual([]);
    expect(applying([gateway('Gateway')], { ...ORDERS, namespace: 'edge', labels })).toEqual([]);
  });

  it('are made once for each workload, and shared between equal ones', () => {
    const snapshot = snapshotOf(policiesYaml([{ spec: { rules } }]));
    const same: Workload = { ...ORDERS, labels: new Map([...ORDERS.labels!].reverse()), source: 'contextExtensions' };
    expect(snapshot.scopeOf(same)).toBe(snapshot.scopeOf(ORDERS));
    expect(snapshot.scopeOf({ ...ORDERS, serviceAccount: 'x' })).not.toBe(snapshot.scopeOf(ORDERS));
  });

  it('have an id that no other scope has, of older snapshots too', () => {
    const ids = [1, 2].map(() => snapshotOf(policiesYaml([{ spec: { rules } }])).scopeOf(ORDERS)?.id);
    expect(ids[0]).not.toBe(ids[1]);
  });
});
