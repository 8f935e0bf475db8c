import { describe, expect, it } from '@jest/globals';
import { outcomeOf, snapshotOf } from '../../extauthz/support/engine.ts';
import type { Ask } from '../../extauthz/support/engine.ts';
import { access, policiesYaml, source } from '../../extauthz/support/yaml.ts';

const group = (name: string, spec: Readonly<Record<string, unknown>>, namespace = 'shop'): unknown => ({
  apiVersion: 'portcullis.dev/v1',
  kind: 'PrincipalGroup',
  metadata: { name, namespace },
  spec,
});

const groups = [
  group('staff', {
    spiffeIds: ['cluster.local/ns/edge/sa/gateway', 'cluster.local/ns/ops/*', '*/sa/robot'],
    subjects: [{ issuer: 'iss', subjects: ['alice', 'bob'] }],
    claims: [{ issuer: 'iss', claim: '[realm][team]', values: ['core', 'x-*'] }],
    groups: ['istio-system/everywhere', 'nested'],
  }),
  group('nested', { subjects: [{ issuer: 'other', subjects: ['carol'] }] }),
  group('everywhere', { spiffeIds: ['cluster.local/ns/istio-system/sa/root'] }, 'istio-system'),
  group('everywhere', { spiffeIds: ['cluster.local/ns/shop/sa/web'] }),
];

type Settings = Parameters<typeof snapshotOf>[1];

/** Is the asker in the group, for an ALLOW? */
function isIn(ask: Ask, name = 'staff', settings: Settings = {}): boolean {
  const snapshot = snapshotOf(policiesYaml([access('ALLOW', source({ groups: [name] }))], groups), settings);
  return outcomeOf(snapshot, ask).startsWith('allow_rule');
}

const workload = (id: string): Ask => ({ principal: `spiffe://${id}` });
const token = (iss: string, sub: string, more: Readonly<Record<string, unknown>> = {}): Ask => ({
  claims: { iss, sub, ...more },
});

describe('a group', () => {
  it.each<[string, Ask]>([
    ['a workload by name', workload('cluster.local/ns/edge/sa/gateway')],
    ['a workload by prefix', workload('cluster.local/ns/ops/sa/x')],
    ['a workload by suffix', workload('other.example/ns/a/sa/robot')],
    ['a subject of its issuer', token('iss', 'alice')],
    ['a claim of its issuer', token('iss', 'x', { realm: { team: 'core' } })],
    ['one of several values of a claim', token('iss', 'x', { realm: { team: ['a', 'x-1'] } })],
    ['a member of a group in it', token('other', 'carol')],
    ['a member of a group of the root namespace in it', workload('cluster.local/ns/istio-system/sa/root')],
  ])('has %s', (_, ask) => {
    expect(isIn(ask)).toBe(true);
  });

  it.each<[string, Ask]>([
    ['another workload', workload('cluster.local/ns/edge/sa/gateway2')],
    ['a workload that is no SPIFFE ID', { principal: 'spiffe://cluster.local/ns/ops/../x' }],
    ['a subject of another issuer', token('other', 'alice')],
    ['a claim of another issuer', token('other', 'x', { realm: { team: 'core' } })],
    ['another claim of the same value', token('iss', 'x', { team: 'core' })],
    ['a claim that is called groups', token('iss', 'x', { groups: ['staff'] })],
    ['a token without an issuer', { claims: { sub: 'alice', realm: { team: 'core' } } }],
    ['a group of that name elsewhere', workload('cluster.local/ns/shop/sa/web')],
    ['nobody', { principal: '' }],
  ])('does not have %s', (_, ask) => {
    expect(isIn(ask)).toBe(false);
  });

  it('is that of the policy’s own namespace unless the root namespace is named', () => {
    expect(isIn(workload('cluster.local/ns/shop/sa/web'), 'everywhere')).toBe(true);
    expect(isIn(workload('cluster.local/ns/shop/sa/web'), 'istio-system/everywhere')).toBe(false);
    expect(isIn(workload('cluster.local/ns/istio-system/sa/root'), 'istio-system/everywhere')).toBe(true);
  });

  it('knows trust-domain aliases as `principals` does', () => {
    const settings = { trustDomain: 'td1', trustDomainAliases: ['old.example'] };
    expect(isIn(workload('td1/ns/edge/sa/gateway'), 'staff', settings)).toBe(true);
    expect(isIn(workload('old.example/ns/edge/sa/gateway'), 'staff', settings)).toBe(true);
    expect(isIn(workload('cluster.local/ns/edge/sa/gateway'), 'staff', settings)).toBe(false);
  });
});
