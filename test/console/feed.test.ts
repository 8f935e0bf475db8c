import { describe, expect, it } from '@jest/globals';
import type { Decision, DecisionPage } from '../../src/console/api/answers.ts';
import { EMPTY_FEED, isWanted, released, withPage } from '../../src/console/decisions/feed.ts';

function decision(id: string, more: Partial<Decision> = {}): Decision {
  return {
    time: '2026-06-01T12:00:00.000Z',
    id,
    decision: 'deny',
    reason: 'no_rule_matched',
    meaning: 'no rule matched',
    httpStatus: 403,
    policy: null,
    rule: null,
    revision: 'r',
    principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
    requestPrincipal: null,
    workload: { namespace: 'shop', serviceAccount: 'orders', labels: { app: 'orders' } },
    method: 'GET',
    host: 'orders.shop',
    path: '/orders/7',
    envoyRequestId: null,
    traceId: null,
    durationMicros: 12,
    cached: false,
    explainable: true,
    ...more,
  };
}

function page(cursor: string, ids: readonly string[], missed = 0): DecisionPage {
  return { cursor, missed, decisions: ids.map((id) => decision(id)) };
}

const idsOf = (decisions: readonly Decision[]): string => decisions.map(({ id }) => id).join(' ');

describe('the feed of decisions', () => {
  it('shows what comes, newest first, and nothing twice', () => {
    const feed = withPage(withPage(EMPTY_FEED, page('1', ['b', 'a']), false), page('2', ['c', 'b']), false);
    expect(idsOf(feed.shown)).toBe('c b a');
    expect(feed).toMatchObject({ cursor: '2', held: [] });
  });

  it('holds back what comes while somebody reads', () => {
    const first = withPage(EMPTY_FEED, page('1', ['a']), false);
    const held = withPage(withPage(first, page('2', ['b']), true), page('3', ['c']), true);
    expect([idsOf(held.shown), idsOf(held.held)]).toEqual(['a', 'c b']);
    expect(idsOf(released(held).shown)).toBe('c b a');
    expect(idsOf(withPage(held, page('4', ['d']), false).shown)).toBe('d c b a');
  });

  it('counts what it was not told since it began', () => {
    const first = withPage(EMPTY_FEED, page('1', [], 1000), false);
    expect(first.missed).toBe(0);
    expect(withPage(withPage(first, page('2', [], 3), false), page('3', [], 4), true).missed).toBe(7);
  });

  it('stays small, held or shown', () => {
    const ids = (from: number): string[] => Array.from({ length: 400 }, (_, at) => String(from - at));
    let feed = EMPTY_FEED;
    for (let at = 1; at <= 5; at += 1) feed = withPage(feed, page(String(at), ids(at * 400)), at > 2);
    expect([feed.shown.length, feed.held.length]).toEqual([500, 500]);
    expect(feed.held[0]!.id).toBe('2000');
  });
});

describe('the filter', () => {
  it.each([
    [{ caller: 'GATEWAY', text: '' }, true],
    [{ caller: 'frontend', text: '' }, false],
    [{ caller: '', text: 'get orders.shop/orders' }, true],
    [{ caller: '', text: 'shop/orders' }, true],
    [{ caller: '', text: 'no_rule' }, true],
    [{ caller: '', text: 'id-1' }, true],
    [{ caller: '', text: '/payments' }, false],
    [{ caller: ' ', text: ' ' }, true],
  ])('%j: %s', (wanted, isShown) => {
    expect(isWanted(decision('id-1'), wanted)).toBe(isShown);
  });
});
