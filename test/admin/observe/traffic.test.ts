import { describe, expect, it } from '@jest/globals';
import { Traffic } from '../../../src/admin/observe/traffic.ts';
import type { SeenCheck } from '../../../src/admin/observe/traffic.ts';
import { lastSeenOf, sumTraffic } from '../../../src/admin/traffic-sum.ts';
import { decisionOf, questionOf, snapshotOf } from '../../extauthz/support/engine.ts';
import type { Ask } from '../../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../../extauthz/support/yaml.ts';

const SNAPSHOT = snapshotOf(policiesYaml([access('ALLOW', { name: 'get', ...operation({ methods: ['GET'] }) })]));

function traffic(): { readonly traffic: Traffic; readonly see: (ask: Ask, timeMs?: number) => void } {
  const seen = new Traffic(({ policy, index }) => SNAPSHOT.ruleOf(policy.kind, policy.name, index), 0);
  return {
    traffic: seen,
    see: (ask, timeMs = 1000) => {
      const { request, workload } = questionOf(SNAPSHOT, ask);
      const { allowed, rule } = decisionOf(SNAPSHOT, ask);
      seen.see({ timeMs, request, workload }, allowed, rule);
    },
  };
}

const total = ({ traffic: seen }: ReturnType<typeof traffic>): number => {
  const { edges, other } = seen.read();
  return edges.reduce((sum, { allowed, denied }) => sum + allowed + denied, other.allowed + other.denied);
};

describe('observed traffic', () => {
  it('has an edge for each caller, workload, method, path and rule', () => {
    const seen = traffic();
    for (const path of ['/a/1', '/a/2', '/b']) seen.see({ path });
    seen.see({ path: '/a/1', method: 'POST' });
    seen.see({ path: '/a/1', principal: '' });
    seen.see({ path: '/a/1', destinationLabels: { app: 'stock' } });
    const { edges, exact } = seen.traffic.read();
    expect(exact).toBe(true);
    expect(edges.map(({ path, method, allowed, denied, policy }) => [method, path, allowed, denied, policy])).toEqual([
      ['GET', '/a/{id}', 2, 0, 'shop/p0'],
      ['GET', '/b', 1, 0, 'shop/p0'],
      ['POST', '/a/{id}', 0, 1, null],
      ['GET', '/a/{id}', 1, 0, 'shop/p0'],
      ['GET', '/a/{id}', 1, 0, 'shop/p0'],
    ]);
    expect(edges[3]!.caller).toBeNull();
    expect(edges[4]!.workload).toEqual({ namespace: 'shop', serviceAccount: 'orders', labels: { app: 'stock' } });
  });

  it('is counted in full while there is little, and by a sample that stands for all beyond that', () => {
    const seen = traffic();
    for (let i = 0; i < 64; i++) seen.see({ path: '/a' });
    expect(seen.traffic.read().exact).toBe(true);
    expect(total(seen)).toBe(64);
    for (let i = 0; i < 6400; i++) seen.see({ path: '/a' });
    expect(seen.traffic.read().exact).toBe(false);
    expect(total(seen)).toBe(64 + 6400);
    // The next second begins anew, a clock that was set back too.
    seen.see({ path: '/a' }, 2000);
    seen.see({ path: '/a' }, 0);
    expect(total(seen)).toBe(64 + 6400 + 2);
  });

  it('is bounded, whatever callers make up', () => {
    const seen = traffic();
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    for (let i = 0; i < 3000; i++) {
      const word = [i % 26, Math.floor(i / 26) % 26, Math.floor(i / 676)].map((n) => letters[n]).join('');
      seen.see({ path: `/${word}`, method: 'POST' }, i * 2000);
      seen.see({ path: '/orders', method: `X${i}` }, i * 2000);
    }
    const { edges, other } = seen.traffic.read();
    expect(edges.length).toBeLessThanOrEqual(2000);
    expect(other.denied).toBeGreaterThan(0);
    expect(total(seen)).toBe(6000);
    expect(edges.filter(({ method }) => method === 'OTHER')).toHaveLength(1);
    // There is room for what rules decide.
    seen.see({ path: '/orders' }, 6_000_000);
    expect(seen.traffic.read().edges.find(({ rule }) => rule === 'get')).toMatchObject({ allowed: 1 });
  });

  it('of a request that was not read is of nobody', () => {
    const seen = traffic();
    const unread: SeenCheck = { timeMs: 0, request: null, workload: null };
    seen.traffic.see(unread, false, null);
    expect(seen.traffic.read()).toMatchObject({ edges: [], other: { allowed: 0, denied: 1 } });
  });

  it('of several processes is added up, most first, with when each rule was last seen', () => {
    const [a, b] = [traffic(), traffic()];
    a.see({ path: '/a' }, 1000);
    a.see({ path: '/b' }, 1000);
    b.see({ path: '/b' }, 2000);
    const sum = sumTraffic([a.traffic.read(), b.traffic.read()], 5000);
    expect(sum.edges.map(({ path, allowed }) => [path, allowed])).toEqual([
      ['/b', 2],
      ['/a', 1],
    ]);
    expect([...lastSeenOf(sum.edges)]).toEqual([['AccessPolicy shop/p0 get', 2000]]);
    expect(sumTraffic([], 5000)).toMatchObject({ sinceMs: 5000, exact: true, edges: [] });
  });
});
