import { describe, expect, it } from '@jest/globals';
import { FOREIGN_ACCOUNT } from '../../src/attributes/workload.ts';
import { outcomeOf, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, policiesYaml, workloadEntry } from '../extauthz/support/yaml.ts';

const anyone = { name: 'root', namespace: 'istio-system', spec: { action: 'ALLOW', rules: [{}] } } as const;
const entries = [
  workloadEntry('carts', '10.0.0.2', { app: 'carts' }, 'carts'),
  workloadEntry('plain', '10.0.0.3', { app: 'plain' }),
  workloadEntry('one', '10.0.0.4', { app: 'one' }),
  workloadEntry('two', '10.0.0.4', { app: 'two' }),
];
const yaml = policiesYaml([anyone], entries);

type Settings = Parameters<typeof snapshotOf>[1];

/** Source, namespace, account and labels; or why not. */
function resolved(ask: Ask, settings: Settings = {}): unknown {
  const question = questionOf(snapshotOf(yaml, settings), ask);
  if (question.workload === null) return question.refused?.reason;
  const { source, namespace, serviceAccount, labels } = question.workload;
  return [source, namespace, serviceAccount, labels && Object.fromEntries(labels)];
}

function sourceOf(ask: Ask, settings: Settings = {}): unknown {
  const workload = resolved(ask, settings);
  return Array.isArray(workload) ? (workload as unknown[])[0] : workload;
}

const BARE: Ask = { destinationLabels: {} };

describe('which workload is called', () => {
  it('is what context extensions say, before everything else', () => {
    const contextExtensions = { namespace: 'edge', serviceAccount: 'gw', 'label.app': 'gw', other: 'ignored' };
    expect(resolved({ contextExtensions, destinationIp: '10.0.0.2' })).toEqual([
      'contextExtensions',
      'edge',
      'gw',
      { app: 'gw' },
    ]);
  });

  it('is not completed from elsewhere when they say a part only', () => {
    expect(resolved({ contextExtensions: { namespace: 'edge' } })).toEqual(['contextExtensions', 'edge', null, null]);
    expect(resolved({ contextExtensions: { 'label.app': 'x' } })).toEqual([
      'contextExtensions',
      null,
      null,
      { app: 'x' },
    ]);
  });

  it('is not said by other extensions, nor by empty ones', () => {
    expect(sourceOf({ contextExtensions: { virtual_host: 'x' } })).toBe('labels');
    expect(sourceOf({ contextExtensions: { namespace: '', serviceAccount: '' } })).toBe('labels');
    expect(resolved({ contextExtensions: { namespace: '', 'label.app': 'x' } })).toEqual([
      'contextExtensions',
      null,
      null,
      { app: 'x' },
    ]);
  });

  it('is then what the inventory has for the address', () => {
    const ask: Ask = { destinationIp: '10.0.0.2', destinationPrincipal: 'spiffe://cluster.local/ns/shop/sa/carts' };
    expect(resolved(ask)).toEqual(['inventory', 'shop', 'carts', { app: 'carts' }]);
    expect(sourceOf({ ...ask, destinationIp: '::ffff:10.0.0.2' })).toBe('inventory');
    expect(sourceOf({ ...ask, destinationPrincipal: '' })).toBe('inventory');
  });

  it.each([
    'spiffe://cluster.local/ns/shop/sa/orders',
    'spiffe://cluster.local/ns/edge/sa/carts',
    'spiffe://other.example/ns/shop/sa/carts',
    'spiffe://cluster.local/vm/7',
  ])('is a conflict when the entry has an account that %s is not', (destinationPrincipal) => {
    expect(resolved({ destinationIp: '10.0.0.2', destinationPrincipal })).toBe('workload_conflict');
  });

  it('agrees with an alias of our trust domain', () => {
    const ask: Ask = { destinationIp: '10.0.0.2', destinationPrincipal: 'spiffe://old.example/ns/shop/sa/carts' };
    expect(sourceOf(ask, { trustDomainAliases: ['old.example'] })).toBe('inventory');
  });

  it('cannot contradict an entry without an account', () => {
    expect(resolved({ destinationIp: '10.0.0.3' })).toEqual(['inventory', 'shop', null, { app: 'plain' }]);
  });

  it('is a conflict when two entries say different things', () => {
    expect(resolved({ destinationIp: '10.0.0.4' })).toBe('workload_conflict');
  });

  it('is then the labels that Envoy sends, with the namespace of the principal', () => {
    expect(resolved({})).toEqual(['labels', 'shop', 'orders', { app: 'orders' }]);
    expect(resolved({ destinationPrincipal: '' })).toEqual(['labels', null, null, { app: 'orders' }]);
  });

  it('is at last the principal, without labels', () => {
    expect(resolved(BARE)).toEqual(['principal', 'shop', 'orders', null]);
    expect(resolved({ ...BARE, destinationPrincipal: 'spiffe://other.example/ns/shop/sa/orders' })).toEqual([
      'principal',
      'shop',
      FOREIGN_ACCOUNT,
      null,
    ]);
    for (const destinationPrincipal of [
      '',
      'CN=x',
      'spiffe://cluster.local/vm/7',
      'spiffe://cluster.local/ns/a/sa/b/c',
    ])
      expect(resolved({ ...BARE, destinationPrincipal })).toEqual(['none', null, null, null]);
  });

  it('is never said by a header', () => {
    const headers = { namespace: 'edge', 'x-envoy-downstream-service-cluster': 'edge', 'label.app': 'x' };
    expect(resolved({ ...BARE, headers })).toEqual(['principal', 'shop', 'orders', null]);
  });

  it.each<[Settings, Ask, unknown]>([
    [{ workloadSource: 'contextExtensions' }, {}, 'none'],
    [{ workloadSource: 'contextExtensions' }, { contextExtensions: { namespace: 'a' } }, 'contextExtensions'],
    [{ workloadSource: 'inventory' }, { contextExtensions: { namespace: 'a' } }, 'none'],
    [{ workloadSource: 'inventory' }, { destinationIp: '10.0.0.3' }, 'inventory'],
    [
      { workloadSource: 'principal' },
      { destinationIp: '10.0.0.3', contextExtensions: { namespace: 'a' } },
      'principal',
    ],
  ])('is taken from the required source only: %j', (settings, ask, source) => {
    expect(sourceOf(ask, settings)).toBe(source);
  });
});

describe('a workload that is not known well enough', () => {
  it('is denied before the default is looked at', () => {
    const selective = {
      ...access('DENY', {}),
      spec: { selector: { matchLabels: { app: 'x' } }, action: 'DENY', rules: [{}] },
    };
    const snapshot = snapshotOf(policiesYaml([anyone, selective]), { defaultAction: 'ALLOW' });
    expect(outcomeOf(snapshot, BARE)).toBe('workload_unresolved');
    expect(outcomeOf(snapshot, {})).toBe('allow_rule istio-system/root[0]');
  });
});
