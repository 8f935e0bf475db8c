import { describe, expect, it } from '@jest/globals';
import { parseIp } from '../../src/attributes/address.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { snapshotOf } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, workloadEntry } from '../extauthz/support/yaml.ts';

describe('the revision', () => {
  const base = policiesYaml(
    [access('ALLOW', operation({ paths: ['/a'] }))],
    [workloadEntry('o', '10.0.0.1', { app: 'o' })],
  );
  const revisionOf = (yaml: string, settings: Parameters<typeof snapshotOf>[1] = {}): string =>
    snapshotOf(yaml, settings).revision;

  it('is the same for the same content, wherever and in whatever order it is written', () => {
    const items = (JSON.parse(base) as { items: unknown[] }).items;
    const other = `# a comment\n${items
      .toReversed()
      .map((item) => JSON.stringify(item, null, 2))
      .join('\n---\n')}\n`;
    expect(revisionOf(other)).toBe(revisionOf(base));
    expect(revisionOf(base)).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each([
    ['a path', base.replace('"/a"', '"/b"')],
    ['an action', base.replace('ALLOW', 'DENY')],
    ['a name', base.replace('"p0"', '"p1"')],
    ['a label of a workload', base.replace('"app":"o"', '"app":"p"')],
    ['an address', base.replace('10.0.0.1', '10.0.0.2')],
  ])('is another with another %s', (_, yaml) => {
    expect(revisionOf(yaml)).not.toBe(revisionOf(base));
  });

  it('is another with other settings', () => {
    expect(revisionOf(base, { fingerprint: 'x' })).not.toBe(revisionOf(base));
  });

  it('does not mix up where one value ends and the next begins', () => {
    const paths = (...values: readonly string[]): string =>
      policiesYaml([access('ALLOW', operation({ paths: values }))]);
    expect(revisionOf(paths('/a', '/b'))).not.toBe(revisionOf(paths('/a,/b')));
  });
});

describe('owned headers', () => {
  it('are all that an ALLOW rule can set, whoever is called, in Shadow mode too', () => {
    const set = (name: string): Readonly<Record<string, unknown>> => ({
      respond: { request: { set: { [name]: 'v' } } },
    });
    const snapshot = snapshotOf(
      policiesYaml([
        access('ALLOW', set('X-User'), set('x-role')),
        { namespace: 'edge', spec: { action: 'ALLOW', rules: [set('x-edge')] } },
        { spec: { action: 'ALLOW', mode: 'Shadow', rules: [set('x-shadow')] } },
        istio('ALLOW', {}),
      ]),
    );
    expect(snapshot.ownedHeaders).toEqual(['x-edge', 'x-role', 'x-shadow', 'x-user']);
    expect([...snapshot.ownedFolded].sort()).toEqual(['x_edge', 'x_role', 'x_shadow', 'x_user']);
  });
});

describe('the inventory', () => {
  const inventoryOf = (...entries: readonly unknown[]): PolicySnapshot => snapshotOf(policiesYaml([], entries));
  const find = (snapshot: PolicySnapshot, address: string): unknown => snapshot.workloadAt(parseIp(address)!);

  it('knows a workload by its address, however that is written', () => {
    const inventory = inventoryOf(
      workloadEntry('a', '10.0.0.1', { app: 'orders' }, 'orders'),
      workloadEntry('b', '2001:DB8:0::1', { app: 'carts' }),
    );
    expect(find(inventory, '10.0.0.1')).toEqual({
      source: 'inventory',
      namespace: 'shop',
      serviceAccount: 'orders',
      labels: new Map([['app', 'orders']]),
    });
    expect(find(inventory, '2001:db8::1')).toMatchObject({ serviceAccount: null });
    expect(find(inventory, '10.0.0.2')).toBeNull();
    expect(find(inventory, '::ffff:10.0.0.1')).toBeNull();
  });

  it('takes two entries that say the same for one', () => {
    const inventory = inventoryOf(
      workloadEntry('a', '10.0.0.1', { app: 'orders', tier: 'b' }, 'orders'),
      workloadEntry('b', '10.0.0.1', { tier: 'b', app: 'orders' }, 'orders'),
    );
    expect(find(inventory, '10.0.0.1')).toMatchObject({ serviceAccount: 'orders' });
  });

  it.each([
    ['labels', workloadEntry('b', '10.0.0.1', { app: 'carts' }, 'orders')],
    ['fewer labels', workloadEntry('b', '10.0.0.1', {}, 'orders')],
    ['accounts', workloadEntry('b', '10.0.0.1', { app: 'orders' }, 'carts')],
    ['namespaces', workloadEntry('b', '10.0.0.1', { app: 'orders' }, 'orders', 'edge')],
  ])('has a conflict where two entries say different %s, and a third does not settle it', (_, other) => {
    const first = workloadEntry('a', '10.0.0.1', { app: 'orders' }, 'orders');
    const again = workloadEntry('c', '10.0.0.1', { app: 'orders' }, 'orders');
    expect(find(inventoryOf(first, other), '10.0.0.1')).toBe('conflict');
    expect(find(inventoryOf(first, other, again), '10.0.0.1')).toBe('conflict');
  });
});
