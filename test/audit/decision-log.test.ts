import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { DecisionLog } from '../../src/audit/decision-log.ts';
import type { DecisionLogOptions } from '../../src/audit/decision-log.ts';
import type { DecisionEntry } from '../../src/audit/entry.ts';

const ENTRY: DecisionEntry = {
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  id: 'd-1',
  decision: 'deny',
  reason: 'no_rule_matched',
  httpStatus: 403,
  policy: null,
  rule: null,
  revision: 'r1',
  principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
  requestPrincipal: 'https://issuer.example/alice',
  workload: { namespace: 'shop', serviceAccount: 'orders', labels: new Map([['app', 'orders']]) },
  method: 'GET',
  host: 'orders.shop',
  path: '/orders/42?token=secret',
  envoyRequestId: '4c8f0c5e-0000-4000-8000-000000000000',
  durationMicros: 41.237,
  cached: false,
  shadow: null,
};

function logWith(options: Partial<DecisionLogOptions> = {}) {
  const writes: string[] = [];
  let flushes = 0;
  const log = new DecisionLog({
    denials: true,
    allowSample: 0,
    sink: {
      write: (lines) => {
        writes.push(lines);
        return true;
      },
      flush: () => {
        flushes += 1;
        return Promise.resolve();
      },
    },
    ...options,
  });
  const entries = (): Record<string, unknown>[] =>
    writes
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, writes, entries, flushes: () => flushes };
}

const same = (entry: DecisionEntry): DecisionEntry => entry;

describe('an entry', () => {
  it('is one line of JSON with every field of the list and no other', async () => {
    const { log, writes, entries } = logWith();
    log.record(false, ENTRY, same);
    await log.flush();
    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatch(/^\{[^\n]*\}\n$/);
    expect(entries()).toEqual([
      {
        level: 'info',
        time: '2026-01-02T03:04:05.006Z',
        msg: 'decision',
        id: 'd-1',
        decision: 'deny',
        reason: 'no_rule_matched',
        httpStatus: 403,
        policy: null,
        rule: null,
        revision: 'r1',
        principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
        requestPrincipal: 'https://issuer.example/alice',
        workload: { namespace: 'shop', serviceAccount: 'orders', labels: { app: 'orders' } },
        method: 'GET',
        host: 'orders.shop',
        path: '/orders/42?token=*',
        envoyRequestId: '4c8f0c5e-0000-4000-8000-000000000000',
        durationMicros: 41.2,
        cached: false,
        shadow: null,
      },
    ]);
  });

  it('tells what is not known as null', async () => {
    const { log, entries } = logWith();
    const shadow = { decision: 'allow', reason: 'allow_rule', policy: 'shop/next', rule: 'readers' } as const;
    const unknown = { ...ENTRY, principal: null, requestPrincipal: null, envoyRequestId: '', revision: null };
    log.record(false, { ...unknown, workload: null, policy: 'shop/deny', rule: 0, shadow }, same);
    log.record(false, { ...unknown, workload: { namespace: 'shop', serviceAccount: null, labels: null } }, same);
    await log.flush();
    expect(entries()).toMatchObject([
      {
        principal: null,
        requestPrincipal: null,
        envoyRequestId: null,
        workload: null,
        policy: 'shop/deny',
        rule: 0,
        shadow,
      },
      { workload: { namespace: 'shop', serviceAccount: null, labels: null } },
    ]);
  });

  it('is built at once, because what it is built from may be gone afterwards', () => {
    const { log } = logWith();
    let made = 0;
    log.record(false, ENTRY, (entry) => {
      made += 1;
      return entry;
    });
    expect(made).toBe(1);
  });

  it('shows UTF-8 as text, other bytes and controls as escapes, and cannot start a new line', async () => {
    const { log, writes, entries } = logWith();
    const bytes = Buffer.from('/größe\u202e').toString('latin1');
    log.record(false, { ...ENTRY, path: `${bytes}\xff`, host: 'a\r\n{"level":"fatal"}', method: '\u001b[31m' }, same);
    await log.flush();
    expect(writes[0]!.split('\n')).toHaveLength(2);
    expect(entries()).toMatchObject([
      { path: '/größe\\u{202e}\\xff', host: 'a\\x0d\\x0a{"level":"fatal"}', method: '\\x1b[31m' },
    ]);
  });

  it('is bounded, whatever the client sends', async () => {
    const { log, writes, entries } = logWith();
    const long = 'x'.repeat(1_000_000);
    const name = 'x'.repeat(1000);
    const labels = new Map<string, string>(Array.from({ length: 1000 }, (_, i) => [`${i}${name}`, name]));
    labels.set('__proto__', 'x');
    log.record(
      false,
      {
        ...ENTRY,
        principal: long,
        requestPrincipal: long,
        workload: { namespace: long, serviceAccount: long, labels },
        method: long,
        host: long,
        path: `/a?secret=${long}`,
        envoyRequestId: long,
      },
      same,
    );
    await log.flush();
    expect(writes[0]!.length).toBeLessThan(24_000);
    expect(entries()).toMatchObject([{ method: `${'x'.repeat(32)}…(+999968 bytes)`, path: '/a?secret=*' }]);
  });
});

describe('which decisions are logged', () => {
  it('are the denials, and nothing is built for the others', () => {
    const { log } = logWith();
    log.record(true, ENTRY, () => {
      throw new Error('built for nothing');
    });
    expect(log.counts).toEqual({ written: 0, dropped: 0 });
  });

  it('are no denials either when they are switched off', () => {
    const { log } = logWith({ denials: false });
    log.record(false, ENTRY, () => {
      throw new Error('built for nothing');
    });
    expect(log.counts).toEqual({ written: 0, dropped: 0 });
  });

  it('are the given share of what is allowed', async () => {
    let turn = 0;
    const { log, entries } = logWith({ allowSample: 0.25, random: () => (turn++ % 100) / 100 });
    for (let i = 0; i < 1000; i++) log.record(true, { ...ENTRY, decision: 'allow' }, same);
    await log.flush();
    expect(entries()).toHaveLength(250);
  });

  it('are all that is allowed when the share is 1', async () => {
    const { log, entries } = logWith({ allowSample: 1, random: () => 1 - Number.EPSILON });
    for (let i = 0; i < 10; i++) log.record(true, ENTRY, same);
    await log.flush();
    expect(entries()).toHaveLength(10);
  });
});

describe('writing', () => {
  it('happens after the turn, all entries of the turn in one piece and in order', async () => {
    const { log, writes, entries } = logWith();
    for (let i = 0; i < 100; i++) log.record(false, { ...ENTRY, id: `d-${i}` }, same);
    expect(writes).toEqual([]);
    await nextTurn();
    expect(writes).toHaveLength(1);
    log.record(false, { ...ENTRY, id: 'd-100' }, same);
    await nextTurn();
    expect(writes).toHaveLength(2);
    expect(entries().map(({ id }) => id)).toEqual(Array.from({ length: 101 }, (_, i) => `d-${i}`));
    expect(log.counts).toEqual({ written: 101, dropped: 0 });
  });

  it('counts what finds no room in the sink', async () => {
    const sink = { write: () => false, flush: () => Promise.resolve() };
    const { log } = logWith({ sink });
    for (let i = 0; i < 7; i++) log.record(false, ENTRY, same);
    await log.flush();
    expect(log.counts).toEqual({ written: 0, dropped: 7 });
  });

  it('keeps the first ten thousand of a turn and counts the rest', async () => {
    const { log, entries } = logWith();
    for (let i = 0; i < 10_005; i++) log.record(false, { ...ENTRY, id: String(i) }, same);
    await log.flush();
    expect(log.counts).toEqual({ written: 10_000, dropped: 5 });
    expect(entries().at(-1)).toMatchObject({ id: '9999' });
  });

  it('is waited for by a flush, once', async () => {
    const { log, writes, flushes } = logWith();
    log.record(false, ENTRY, same);
    await log.flush();
    expect(flushes()).toBe(1);
    await nextTurn();
    expect(writes).toHaveLength(1);
  });
});
