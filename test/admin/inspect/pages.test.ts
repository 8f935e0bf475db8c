/** Pages of policies, rules and callers, and the index, as the thread makes them. */
import { describe, expect, it } from '@jest/globals';
import { callersPage } from '../../../src/admin/inspect/callers.ts';
import { indexPrint } from '../../../src/admin/inspect/index-print.ts';
import type { Task } from '../../../src/admin/inspect/messages.ts';
import { policyPage } from '../../../src/admin/inspect/policy-page.ts';
import { selectorOf } from '../../../src/admin/inspect/selector.ts';
import { FlatSnapshot } from '../../../src/policy-index/flat/flat-snapshot.ts';
import { SETTINGS, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../../extauthz/support/yaml.ts';
import type { PolicyText } from '../../extauthz/support/yaml.ts';

const flatOf = (...policies: readonly PolicyText[]): FlatSnapshot =>
  new FlatSnapshot(snapshotOf(policiesYaml(policies)).buffer, SETTINGS);

const COUNTED = {
  lastSeen: new Map<string, number>(),
  countedSince: new Date(0).toISOString(),
  processes: { asked: 1, answered: 1 },
};
const PAGE = { after: 0, limit: 100, namespace: null };

interface Grant {
  readonly from: readonly { readonly callers: readonly unknown[]; readonly limits: readonly string[] }[];
  readonly to: readonly { readonly paths: readonly string[] | null; readonly limits: readonly string[] }[];
  readonly conditions: readonly string[];
  readonly truncated: boolean;
}

function grantsOf(flat: FlatSnapshot): readonly Grant[] {
  const task: Extract<Task, { readonly kind: 'callers' }> = { kind: 'callers', page: PAGE, ...COUNTED };
  return (callersPage(flat, task, new Map(), SETTINGS) as { readonly grants: readonly Grant[] }).grants;
}

describe('a selector', () => {
  const shown = (policy: PolicyText) => selectorOf(flatOf(policy).policy(0), SETTINGS.rootNamespace);

  it.each<[string, PolicyText, string]>([
    ['of a namespace', access('ALLOW', {}), 'all of shop'],
    ['of the root namespace', { ...access('ALLOW', {}), namespace: 'istio-system' }, 'all namespaces'],
    [
      'with labels',
      { spec: { action: 'ALLOW', selector: { matchLabels: { v: '2', app: 'orders' } }, rules: [{}] } },
      'shop: app=orders, v=2',
    ],
    [
      'with accounts',
      { spec: { action: 'ALLOW', serviceAccounts: ['b', 'a'], rules: [{}] } },
      'shop: account shop/a or shop/b',
    ],
    [
      'with gateways',
      {
        kind: 'AuthorizationPolicy',
        spec: {
          targetRefs: [{ kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'edge' }],
          rules: [{}],
        },
      },
      'shop: gateway edge',
    ],
  ])('%s says to whom a policy applies', (_, policy, text) => {
    expect(shown(policy).text).toBe(text);
  });

  it('has one id for the same workloads, and another for others', () => {
    const of = (...labels: readonly [string, string][]) =>
      shown({ spec: { action: 'ALLOW', selector: { matchLabels: Object.fromEntries(labels) }, rules: [{}] } }).id;
    expect(of(['a', '1'], ['b', '2'])).toBe(of(['b', '2'], ['a', '1']));
    expect(of(['a', '1'])).not.toBe(of(['a', '2']));
  });
});

describe('a grant', () => {
  it('names the field that tells best who calls, and limits by all others', () => {
    const [grant] = grantsOf(
      flatOf(
        access('ALLOW', {
          ...source(
            { namespaces: ['edge'], principals: ['cluster.local/ns/edge/sa/a'], notIpBlocks: ['10.0.0.0/8'] },
            { namespaces: ['ops'] },
            { notPrincipals: ['cluster.local/ns/evil/sa/*'] },
          ),
          ...operation({ paths: ['/a'], notMethods: ['DELETE'] }),
          ...when('request.auth.claims[access_token]', ['what-is-secret'], ['other-secret']),
        }),
      ),
    );
    expect(grant).toMatchObject({
      from: [
        {
          callers: [{ kind: 'principals', value: 'cluster.local/ns/edge/sa/a' }],
          limits: ['namespaces: edge', 'not ipBlocks: 10.0.0.0/8'],
        },
        { callers: [{ kind: 'namespaces', value: 'ops' }], limits: [] },
        { callers: [{ kind: 'anyone', value: '*' }], limits: ['not principals: cluster.local/ns/evil/sa/*'] },
      ],
      to: [{ methods: null, paths: ['/a'], limits: ['not methods: DELETE'] }],
      conditions: ['request.auth.claims[access_token]: *', 'not request.auth.claims[access_token]: *'],
      truncated: false,
    });
  });

  it('of a rule that says nothing is for anyone and anything', () => {
    const [grant] = grantsOf(flatOf(istio('ALLOW', {})));
    expect(grant).toMatchObject({
      from: [{ callers: [{ kind: 'anyone', value: '*' }], limits: [] }],
      to: [{ methods: null, hosts: null, ports: null, paths: null, limits: [] }],
      conditions: [],
    });
  });

  it('is bounded, and says so', () => {
    const many = Array.from({ length: 150 }, (_, i) => `/p${i}`);
    const [grant] = grantsOf(flatOf(access('ALLOW', operation({ paths: many, notPaths: many }))));
    expect(grant!.to[0]!.paths).toHaveLength(100);
    expect(grant!.to[0]!.limits[0]).toContain(' and 50 more');
    expect(grant!.truncated).toBe(true);
  });
});

describe('a page of policies', () => {
  const page = (flat: FlatSnapshot, after: number) =>
    policyPage(flat, { kind: 'policies', page: { ...PAGE, after }, unused: false, ...COUNTED }, new Map(), '') as {
      readonly policies: readonly { readonly rules: readonly unknown[]; readonly rulesTruncated: boolean }[];
      readonly next: string | null;
    };

  it('ends early where policies have many rules, of which the first ones are shown', () => {
    const rules = Array.from({ length: 120 }, (_, i) => ({ name: `r${i}` }));
    const flat = flatOf(...Array.from({ length: 30 }, () => access('ALLOW', ...rules)));
    const first = page(flat, 0);
    expect(first.policies).toHaveLength(20);
    expect(first.policies[0]!.rules).toHaveLength(100);
    expect(first.policies[0]!.rulesTruncated).toBe(true);
    expect(first.next).toBe('20');
    expect(page(flat, 20)).toMatchObject({ next: null });
    expect(page(flat, 20).policies).toHaveLength(10);
    expect(page(flat, 1_000_000)).toMatchObject({ policies: [], next: null });
  });
});

describe('the index', () => {
  interface Print {
    readonly sections: readonly { readonly lines: readonly string[] }[];
    readonly truncated: boolean;
  }
  const WORKLOAD = { namespace: 'shop', serviceAccount: 'orders', labels: new Map([['app', 'orders']]) };

  it('is printed up to some lines, with how many there are', () => {
    const rules = Array.from({ length: 1050 }, (_, i) => operation({ paths: [`/p${i}`] }));
    const flat = flatOf(access('ALLOW', ...rules), access('ALLOW', ...rules));
    for (const asked of [null, WORKLOAD]) {
      const { sections, truncated } = indexPrint(flat, asked, SETTINGS.rootNamespace) as Print;
      expect(truncated).toBe(true);
      const lines = sections.flatMap((section) => section.lines);
      expect(lines).toContain('2100 entries');
      expect(lines.length).toBeLessThan(2010);
    }
  });

  it('of a workload of which too little is said is refused', () => {
    const flat = flatOf({ spec: { action: 'ALLOW', serviceAccounts: ['orders'], rules: [{}] } });
    expect(() => indexPrint(flat, { ...WORKLOAD, serviceAccount: null }, SETTINGS.rootNamespace)).toThrow(
      'asks for more of the workload',
    );
  });
});
