import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import type { ListenerOptions } from './support/envoy-config.ts';
import type { HeaderLine } from './support/headers.ts';
import { sendHttp1 } from './support/http1-client.ts';
import { certificateOf, clientOf, serverTls } from './support/identities.ts';
import { accessPolicy, documents, yamlOf } from './support/policies.ts';
import type { Json } from './support/recommended-config.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/**
 * Which workload is called, hence which policies apply. Every listener is a workload that is known in
 * its own way; a loopback address of its own stands for the address of a pod.
 *
 * Each workload's ALLOW rule has the workload's name, so that the rule tells who was found.
 */
const entry = (name: string, address: string, labels: Json, serviceAccount?: string): string =>
  yamlOf({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace: 'shop' },
    spec: { address, labels, ...(serviceAccount === undefined ? {} : { serviceAccount }) },
  });

const byLabel = (app: string) => accessPolicy({ name: `label-${app}`, app, rules: [{ name: app }] });

const byAccount = (account: string) =>
  accessPolicy({ name: `account-${account}`, rules: [{ name: account }], spec: { serviceAccounts: [account] } });

/** Workloads that selectors choose by label. */
const labelled = {
  'policies.yaml': documents(...['context', 'entry', 'labels', 'twins'].map(byLabel)),
  'workloads.yaml': documents(
    entry('entry', '127.0.0.21', { app: 'entry' }),
    entry('twin-1', '127.0.0.22', { app: 'twins' }),
    entry('twin-2', '127.0.0.22', { app: 'twins' }),
    entry('rival-1', '127.0.0.23', { app: 'entry' }),
    entry('rival-2', '127.0.0.23', { app: 'labels' }),
    entry('orders', '127.0.0.24', { app: 'entry' }, 'orders'),
    entry('bare', '127.0.0.25', {}),
  ),
};

/** Workloads that policies choose by account; no selector anywhere. */
const accounts = {
  'policies.yaml': documents(byAccount('orders'), byAccount('context'), byAccount('entry')),
  'workloads.yaml': documents(entry('entry', '127.0.0.21', {}, 'entry'), entry('bare', '127.0.0.25', {})),
};

const context = { namespace: 'shop', 'label.app': 'context' };

const listeners: readonly ListenerOptions[] = [
  ...(['labelled', 'required-inventory', 'required-principal', 'required-context'] as const).flatMap((service) =>
    [
      { name: 'nothing' },
      { name: 'context', routes: [{ prefix: '/', contextExtensions: context }] },
      { name: 'entry', address: '127.0.0.21' },
      { name: 'context-over-entry', address: '127.0.0.21', routes: [{ prefix: '/', contextExtensions: context }] },
      {
        name: 'half-context-over-entry',
        address: '127.0.0.21',
        routes: [{ prefix: '/', contextExtensions: { namespace: 'shop' } }],
      },
      {
        name: 'foreign-context',
        address: '127.0.0.21',
        routes: [{ prefix: '/', contextExtensions: { tenant: 'a', 'unknown.key': 'b' } }],
      },
      { name: 'twins', address: '127.0.0.22' },
      { name: 'rivals', address: '127.0.0.23' },
      { name: 'agreeing-account', address: '127.0.0.24', tls: serverTls('shop', 'orders') },
      { name: 'contradicting-account', address: '127.0.0.24', tls: serverTls('shop', 'payments') },
      { name: 'contradicting-namespace', address: '127.0.0.24', tls: serverTls('edge', 'orders') },
      {
        name: 'contradicting-trust-domain',
        address: '127.0.0.24',
        tls: {
          ...serverTls('shop', 'orders'),
          certificate: certificateOf('cluster.local', { uris: ['spiffe://partner.example/ns/shop/sa/orders'] }),
        },
      },
      { name: 'account-unproven', address: '127.0.0.24' },
      { name: 'labels', tls: serverTls('shop', 'orders'), extAuthz: { destinationLabels: true } },
      {
        name: 'entry-over-labels',
        address: '127.0.0.21',
        tls: serverTls('shop', 'orders'),
        extAuthz: { destinationLabels: true },
      },
      { name: 'labels-without-namespace', extAuthz: { destinationLabels: true } },
      { name: 'principal', tls: serverTls('shop', 'orders') },
    ].map((listener) => ({ ...listener, name: `${service}/${listener.name}`, service })),
  ),
  ...[
    { name: 'principal', tls: serverTls('shop', 'orders') },
    { name: 'other-principal', tls: serverTls('shop', 'payments') },
    {
      name: 'foreign-principal',
      tls: {
        ...serverTls('shop', 'orders'),
        certificate: certificateOf('cluster.local', { uris: ['spiffe://partner.example/ns/shop/sa/orders'] }),
      },
    },
    { name: 'context', routes: [{ prefix: '/', contextExtensions: { namespace: 'shop', serviceAccount: 'context' } }] },
    { name: 'entry', address: '127.0.0.21' },
    { name: 'entry-without-account', address: '127.0.0.25' },
    { name: 'nothing' },
  ].map((listener) => ({ ...listener, name: `accounts/${listener.name}`, service: 'accounts' })),
];

let world: World<'labelled' | 'accounts' | 'required-inventory' | 'required-principal' | 'required-context'>;

beforeAll(async () => {
  world = await startWorld({
    nodeLabels: { app: 'labels' },
    services: {
      labelled: { policies: labelled },
      accounts: { policies: accounts },
      'required-inventory': { policies: labelled, config: { workload: { require: 'inventory' } } },
      'required-principal': { policies: labelled, config: { workload: { require: 'principal' } } },
      'required-context': { policies: labelled, config: { workload: { require: 'contextExtensions' } } },
    },
    listeners,
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const caller = clientOf('edge', 'gateway');
let cases = 0;

/** The rule that allowed, or why nothing did. */
async function outcome(listener: string, headers: readonly HeaderLine[] = []): Promise<unknown> {
  const name = `case-${String(++cases)}`;
  const tls = listeners.find((candidate) => candidate.name === listener)?.tls === undefined ? undefined : caller;
  const target = world.envoy.target(listener, tls);
  const { status } = await sendHttp1(target, { path: '/', headers: [['x-case', name], ...headers] });
  const { metadata } = await world.envoy.accessLogOf(name);
  return status === 200 ? metadata?.['rule'] : metadata?.['reason'];
}

describe('by label', () => {
  it.each([
    ['context', 'context', 'context extensions of the route'],
    ['entry', 'entry', 'a WorkloadEntry for the address'],
    ['labels', 'labels', "the proxy's labels with the principal's namespace"],
    ['context-over-entry', 'context', 'context extensions before a WorkloadEntry'],
    ['foreign-context', 'entry', 'context extensions that say nothing of the workload are none'],
    ['entry-over-labels', 'entry', 'a WorkloadEntry before labels'],
    ['twins', 'twins', 'two entries that say the same'],
    ['agreeing-account', 'entry', 'an entry whose account the principal confirms'],
    ['account-unproven', 'entry', 'an entry whose account nothing contradicts'],
    ['half-context-over-entry', 'workload_unresolved', 'sources are never merged'],
    ['nothing', 'workload_unresolved', 'nothing is known'],
    ['labels-without-namespace', 'workload_unresolved', 'labels without a namespace'],
    ['principal', 'workload_unresolved', 'a principal has no labels'],
    ['rivals', 'workload_conflict', 'two entries that differ'],
    ['contradicting-account', 'workload_conflict', 'an entry whose account the principal contradicts'],
    ['contradicting-namespace', 'workload_conflict', 'an entry whose namespace the principal contradicts'],
    ['contradicting-trust-domain', 'workload_conflict', 'an entry whose principal is of another trust domain'],
  ])('%s: %s (%s)', async (listener, expected) => {
    expect(await outcome(`labelled/${listener}`)).toBe(expected);
  });

  it('is never what the client says', async () => {
    const headers: HeaderLine[] = [
      ['namespace', 'shop'],
      ['label.app', 'context'],
      ['x-namespace', 'shop'],
      ['x-envoy-peer-metadata', 'shop'],
      ['x-envoy-downstream-service-cluster', 'context.shop'],
      ['x-forwarded-client-cert', 'By=spiffe://cluster.local/ns/shop/sa/orders'],
    ];
    expect(await outcome('labelled/nothing', headers)).toBe('workload_unresolved');
    expect(await outcome('labelled/entry', headers)).toBe('entry');
  });
});

describe('by service account', () => {
  it.each([
    ['principal', 'orders', "the called workload's own certificate"],
    ['context', 'context', 'context extensions of the route'],
    ['entry', 'entry', 'a WorkloadEntry for the address'],
    ['other-principal', 'default_deny', 'another account'],
    ['foreign-principal', 'default_deny', 'the same account of another trust domain'],
    ['entry-without-account', 'workload_unresolved', 'an entry that tells no account'],
    ['nothing', 'workload_unresolved', 'nothing is known'],
  ])('%s: %s (%s)', async (listener, expected) => {
    expect(await outcome(`accounts/${listener}`)).toBe(expected);
  });
});

describe('with one source required', () => {
  it.each([
    ['required-inventory/entry', 'entry'],
    ['required-inventory/context-over-entry', 'entry'],
    ['required-inventory/context', 'workload_unresolved'],
    ['required-inventory/labels', 'workload_unresolved'],
    ['required-context/context', 'context'],
    ['required-context/entry', 'workload_unresolved'],
    ['required-context/labels', 'workload_unresolved'],
    ['required-principal/context', 'workload_unresolved'],
    ['required-principal/entry', 'workload_unresolved'],
    ['required-principal/labels', 'workload_unresolved'],
  ])('%s: %s', async (listener, expected) => {
    expect(await outcome(listener)).toBe(expected);
  });
});
