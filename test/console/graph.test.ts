import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Grant, Selector, TrafficEdge } from '../../src/console/api/answers.ts';
import { layoutOf, spread } from '../../src/console/graph/layout.ts';
import { graphOf, selectorText } from '../../src/console/graph/model.ts';
import type { Graph, LinkState } from '../../src/console/graph/model.ts';
import { linksOf, viewOf } from '../../src/console/graph/view.ts';

const ALL: ReadonlySet<LinkState> = new Set(['used', 'unused', 'denied', 'forbidden']);

function selector(id: string, more: Partial<Selector> = {}): Selector {
  return { id, text: id, namespace: 'shop', labels: {}, serviceAccounts: null, gateways: null, ...more };
}

const WORKLOADS = new Map(
  [
    selector('orders', { labels: { app: 'orders' } }),
    selector('payments', { serviceAccounts: ['shop/payments'] }),
    selector('shop'),
    selector('mesh', { namespace: null }),
    selector('gateways', { gateways: [] }),
  ].map((each) => [each.id, each]),
);

function grant(
  policy: string,
  workload: string,
  callers: readonly string[],
  paths: readonly string[],
  more: Partial<Grant> = {},
): Grant {
  return {
    ordinal: 0,
    policy,
    kind: 'AccessPolicy',
    rule: 'r',
    action: 'ALLOW',
    mode: 'enforce',
    workload,
    from: [
      {
        callers: callers.map((value) => ({
          kind: value.includes('/') ? 'principals' : value === '*' ? 'anyone' : 'groups',
          value,
        })),
        limits: [],
      },
    ],
    to: [{ methods: ['GET'], hosts: null, ports: null, paths, limits: [] }],
    conditions: [],
    hits: 0,
    truncated: false,
    ...more,
  };
}

const GATEWAY = 'cluster.local/ns/edge/sa/gateway';

function edge(policy: string | null, path: string, counts: Partial<TrafficEdge>): TrafficEdge {
  return {
    caller: `spiffe://${GATEWAY}`,
    workload: { text: 'orders', namespace: 'shop', serviceAccount: 'orders', labels: { app: 'orders' } },
    method: 'GET',
    path,
    policy,
    kind: policy === null ? null : 'AccessPolicy',
    rule: policy === null ? null : 'r',
    allowed: 0,
    denied: 0,
    lastSeenAt: '2026-06-01T12:00:00.000Z',
    ...counts,
  };
}

function linesOf(graph: Graph): string[] {
  const text = (id: string): string => graph.nodes.get(id)!.text;
  return graph.links
    .map((link) => `${text(link.caller)} → ${text(link.workload)} ${text(link.operation)} ${link.state} ${link.count}`)
    .sort();
}

describe('the graph', () => {
  it('has a link for each caller and path of a rule, and lays over it what was seen', () => {
    const grants = [grant('shop/orders', 'orders', [GATEWAY, 'support'], ['/orders', '/orders/{*}'], { hits: 9 })];
    const seen = [
      edge('shop/orders', '/orders/{*}', { allowed: 5 }),
      edge('shop/orders', '/orders/{*}', { allowed: 2 }),
    ];
    expect(linesOf(graphOf(grants, WORKLOADS, seen))).toEqual([
      'edge/gateway → shop/orders GET /orders unused 0',
      'edge/gateway → shop/orders GET /orders/{*} used 7',
      'group support → shop/orders GET /orders unused 0',
      'group support → shop/orders GET /orders/{*} unused 0',
    ]);
  });

  it('takes what somebody did who is not named for what the group may', () => {
    const grants = [grant('shop/orders', 'orders', ['x/y', 'support'], ['/orders'])];
    expect(linesOf(graphOf(grants, WORKLOADS, [edge('shop/orders', '/orders', { allowed: 5 })]))).toEqual([
      'group support → shop/orders GET /orders used 5',
      'x/y → shop/orders GET /orders unused 0',
    ]);
  });

  it('believes the count of a rule that permits one thing alone', () => {
    const graph = graphOf([grant('shop/orders', 'orders', [GATEWAY], ['/orders'], { hits: 12 })], WORKLOADS, []);
    expect(linesOf(graph)).toEqual(['edge/gateway → shop/orders GET /orders used 12']);
  });

  it('shows denials beside what is allowed, at the workload that policies name most closely', () => {
    const grants = [
      grant('shop/metrics', 'shop', ['monitoring'], ['/metrics']),
      grant('shop/orders', 'orders', [GATEWAY], ['/orders']),
    ];
    const denied = [
      edge(null, '/admin', { denied: 3 }),
      edge(null, '/admin', { denied: 1, caller: null, workload: null }),
      edge(null, '/x', {
        denied: 2,
        workload: { text: 'other/thing', namespace: 'other', serviceAccount: 'thing', labels: null },
      }),
    ];
    expect(linesOf(graphOf(grants, WORKLOADS, denied)).filter((line) => line.includes('denied'))).toEqual([
      'edge/gateway → other/thing GET /x denied 2',
      'edge/gateway → shop/orders GET /admin denied 3',
      'nobody known → not resolved GET /admin denied 1',
    ]);
  });

  it('tells DENY rules apart, and leaves out what is not obeyed or applies to nothing', () => {
    const grants = [
      grant('root/deny', 'mesh', ['*'], ['/debug'], { action: 'DENY', hits: 4 }),
      grant('shop/shadow', 'orders', ['*'], ['/x'], { mode: 'shadow' }),
      grant('shop/gateway', 'gateways', ['*'], ['/y']),
    ];
    expect(linesOf(graphOf(grants, WORKLOADS, []))).toEqual(['anyone → the whole mesh GET /debug forbidden 0']);
  });

  it('names workloads shortly where that is enough', () => {
    expect([...WORKLOADS.values()].map(selectorText)).toEqual([
      'shop/orders',
      'shop/payments',
      'all of shop',
      'the whole mesh',
      'all of shop',
    ]);
  });
});

describe('a view', () => {
  const grants = [
    grant('shop/orders', 'orders', [GATEWAY], ['/orders']),
    grant('shop/payments', 'payments', ['x/y'], ['/charges']),
    grant('shop/metrics', 'shop', ['monitoring'], ['/metrics']),
    grant('root/deny', 'mesh', ['*'], ['/debug'], { action: 'DENY' }),
  ];
  const graph = graphOf(grants, WORKLOADS, []);
  const shown = (filter: Partial<Parameters<typeof linksOf>[1]>): string[] => {
    const links = linksOf(graph, { focus: '', text: '', states: ALL, ...filter });
    return links.map(({ policy }) => policy!).sort();
  };

  it('of a workload has the policies of its namespace and of the mesh, too', () => {
    expect(shown({ focus: 'workload orders' })).toEqual(['root/deny', 'shop/metrics', 'shop/orders']);
    expect(shown({ focus: 'workload shop' })).toEqual(['root/deny', 'shop/metrics']);
  });

  it('of a caller has what it may', () => {
    expect(shown({ focus: `caller principals ${GATEWAY}` })).toEqual(['shop/orders']);
  });

  it('is filtered by text and by kind of link', () => {
    expect(shown({ text: 'CHARGES' })).toEqual(['shop/payments']);
    expect(shown({ text: 'edge/gate' })).toEqual(['shop/orders']);
    expect(shown({ states: new Set<LinkState>(['forbidden']) })).toEqual(['root/deny']);
  });

  it('has no more nodes than can be read, those with traffic first, and says how many are left', () => {
    const many = Array.from({ length: 300 }, (_, at) =>
      grant(`s/p${at}`, 'orders', [`td/ns/n/sa/a${at}`], [`/p${at}`], { hits: at === 299 ? 1 : 0 }),
    );
    const large = graphOf(many, WORKLOADS, []);
    const view = viewOf(large, large.links, '');
    expect(view.nodes.caller.length).toBeLessThan(100);
    expect(view.nodes.caller.length + view.left.caller).toBe(300);
    expect(view.nodes.caller.map(({ text }) => text)).toContain('n/a299 of td');
    const focused = viewOf(large, large.links, 'caller principals td/ns/n/sa/a7');
    expect(focused.nodes.caller.map(({ text }) => text)).toContain('n/a7 of td');
  });
});

describe('the layout', () => {
  it('keeps nodes a row apart and inside, however they would like to stand', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100, max: 2000 }), { minLength: 1, maxLength: 30 }), (wanted) => {
        const height = wanted.length * 50 + 200;
        const placed = spread(
          wanted.map((at, index) => [String(index), at] as const),
          height,
        ).map(([, at]) => at);
        expect(placed.every((at) => at >= 25 && at <= height - 25)).toBe(true);
        expect(placed.slice(1).every((at, index) => at - placed[index]! >= 50)).toBe(true);
      }),
    );
  });

  it('puts a workload beside its operations, and draws no dashed line where something was seen', () => {
    const graph = graphOf(
      [
        grant('shop/orders', 'orders', [GATEWAY], ['/a', '/b', '/c']),
        grant('shop/payments', 'payments', ['x/y'], ['/d']),
      ],
      WORKLOADS,
      [edge('shop/orders', '/b', { allowed: 2 })],
    );
    const layout = layoutOf(viewOf(graph, graph.links, ''));
    const y = (text: string): number => layout.y.get([...graph.nodes.values()].find((node) => node.text === text)!.id)!;
    expect(y('shop/orders')).toBeCloseTo(y('GET /b'), 5);
    expect(y('edge/gateway')).toBeCloseTo(y('shop/orders'), 5);
    expect(y('shop/payments')).toBeGreaterThan(y('shop/orders'));
    expect(layout.lines.filter(({ from }) => from.startsWith('caller')).map(({ state }) => state)).toEqual([
      'used',
      'unused',
    ]);
    const withUnknown = graphOf([grant('shop/payments', 'payments', ['x/y'], ['/d'])], WORKLOADS, [
      edge(null, '/a', { denied: 1, workload: null }),
    ]);
    const { order } = layoutOf(viewOf(withUnknown, withUnknown.links, ''));
    expect(order.workload.map((id) => withUnknown.nodes.get(id)!.text)).toEqual(['shop/payments', 'not resolved']);
    expect(layout.order.operation.map((id) => graph.nodes.get(id)!.text)).toEqual([
      'GET /a',
      'GET /b',
      'GET /c',
      'GET /d',
    ]);
  });
});
