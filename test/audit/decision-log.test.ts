import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { DecisionLog } from '../../src/audit/decision-log.ts';
import type { DecisionLogOptions, RecordOutlet } from '../../src/audit/decision-log.ts';
import type { Claim } from '../../src/attributes/claim.ts';
import { ENTRY, linesIn, same, STREAM } from './support.ts';
import type { Line } from './support.ts';

const NO_COUNTS = {
  written: 0,
  dropped: 0,
  spilled: 0,
  gaps: 0,
  errors: 0,
  queueBytes: 0,
  spillBytes: 0,
  stalledMs: 1,
};

/** Notes what it is given. */
class TestOutlet implements RecordOutlet {
  readonly counts = NO_COUNTS;
  readonly writes: string[] = [];
  readonly told: string[] = [];
  room = Number.POSITIVE_INFINITY;

  hasRoom(bytes: number): boolean {
    return bytes <= this.room;
  }

  take(lines: Buffer, from: number, to: number): void {
    this.writes.push(lines.toString('utf8'));
    this.told.push(`take ${from}-${to}`);
  }

  lose(from: number, to: number): void {
    this.told.push(`lose ${from}-${to}`);
  }

  close(seq: number): Promise<void> {
    this.told.push(`close ${seq}`);
    return Promise.resolve();
  }
}

function logWith(options: Partial<DecisionLogOptions> = {}) {
  const outlet = new TestOutlet();
  const log = new DecisionLog({
    denials: true,
    allowSample: 0,
    required: false,
    stream: STREAM,
    outlets: [outlet],
    ...options,
  });
  const { writes, told } = outlet;
  return { log, outlet, writes, told, entries: (): Line[] => linesIn(writes.join('')) };
}

describe('an entry', () => {
  it('is one line of JSON with every field of the list and no other', async () => {
    const { log, writes, entries } = logWith();
    log.record(false, null, ENTRY, same);
    await log.close(0);
    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatch(/^\{[^\n]*\}\n$/);
    expect(entries()).toEqual([
      {
        level: 'info',
        time: '2026-01-02T03:04:05.006Z',
        msg: 'decision',
        schema: 1,
        stream: STREAM,
        seq: 1,
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
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
        durationMicros: 41.2,
        cached: false,
        shadow: null,
      },
    ]);
  });

  it('tells what is not known as null', async () => {
    const { log, entries } = logWith();
    const shadow = { decision: 'allow', reason: 'allow_rule', policy: 'shop/next', rule: 'readers' } as const;
    const unknown = {
      ...ENTRY,
      principal: null,
      requestPrincipal: null,
      envoyRequestId: '',
      traceId: null,
      revision: null,
    };
    log.record(false, null, { ...unknown, workload: null, policy: 'shop/deny', rule: 0, shadow }, same);
    log.record(false, null, { ...unknown, workload: { namespace: 'shop', serviceAccount: null, labels: null } }, same);
    await log.close(0);
    expect(entries()).toMatchObject([
      {
        principal: null,
        requestPrincipal: null,
        envoyRequestId: null,
        traceId: null,
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
    log.record(false, null, ENTRY, (entry) => {
      made += 1;
      return entry;
    });
    expect(made).toBe(1);
  });

  it('shows UTF-8 as text, other bytes and controls as escapes, and cannot start a new line', async () => {
    const { log, writes, entries } = logWith();
    const bytes = Buffer.from('/größe\u202e').toString('latin1');
    log.record(
      false,
      null,
      { ...ENTRY, path: `${bytes}\xff`, host: 'a\r\n{"level":"fatal"}', method: '\u001b[31m' },
      same,
    );
    await log.close(0);
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
      null,
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
    await log.close(0);
    expect(writes[0]!.length).toBeLessThan(24_000);
    expect(entries()).toMatchObject([{ method: `${'x'.repeat(32)}…(+999968 bytes)`, path: '/a?secret=*' }]);
  });
});

const never = (): never => {
  throw new Error('built for nothing');
};

describe('headers and claims', () => {
  it('are shown bounded, and secrets among them masked', async () => {
    const { log, entries } = logWith();
    const headers = new Map<string, readonly string[] | null>([
      ['x-tenant', ['eu', 'x'.repeat(300)]],
      ['x-key', null],
    ]);
    const claims = new Map<string, Claim>([
      ['sub', Buffer.from('größe').toString('latin1')],
      ['[realm][roles]', ['a', 'b', 3, true, null]],
      [
        'ext',
        new Map<string, Claim>([
          ['client_secret', 's3cret'],
          ['team', new Map([['deep', new Map([['er', new Map()]])]])],
        ]),
      ],
    ]);
    log.record(false, null, { ...ENTRY, headers, claims }, same);
    await log.close(0);
    expect(entries()).toMatchObject([
      {
        headers: { 'x-tenant': ['eu', `${'x'.repeat(256)}…(+44 bytes)`], 'x-key': ['*'] },
        claims: {
          sub: 'größe',
          '[realm][roles]': ['a', 'b', 3, true, null],
          ext: { client_secret: '*', team: { deep: { er: '…' } } },
        },
      },
    ]);
  });
});

describe('which decisions are recorded', () => {
  it('are the denials, and nothing is built for the others', () => {
    const { log } = logWith();
    expect(log.record(true, null, ENTRY, never)).toBe(true);
    expect(() => log.record(false, null, ENTRY, never)).toThrow('built for nothing');
  });

  it('are no denials either when they are switched off', () => {
    const { log } = logWith({ denials: false });
    expect(log.record(false, null, ENTRY, never)).toBe(true);
  });

  it('are the given share of what is allowed', async () => {
    let turn = 0;
    const { log, entries } = logWith({ allowSample: 0.25, random: () => (turn++ % 100) / 100 });
    for (let i = 0; i < 1000; i++) log.record(true, null, { ...ENTRY, decision: 'allow' }, same);
    await log.close(0);
    expect(entries()).toHaveLength(250);
  });

  it('are all that is allowed when the share is 1', async () => {
    const { log, entries } = logWith({ allowSample: 1, random: () => 1 - Number.EPSILON });
    for (let i = 0; i < 10; i++) log.record(true, null, ENTRY, same);
    await log.close(0);
    expect(entries()).toHaveLength(10);
  });

  it.each([
    ['all', 0, 1],
    ['denied', 1, 0],
    ['sample', 0, 0],
    ['sample', 1, 1],
  ] as const)(
    'are, where the policy that allows says %s and the share is %d, %d of one',
    async (mode, share, count) => {
      const { log, entries } = logWith({ allowSample: share });
      log.record(true, mode, ENTRY, same);
      await log.close(0);
      expect(entries()).toHaveLength(count);
    },
  );

  it('are denials whatever a policy says', async () => {
    const { log, entries } = logWith();
    for (const mode of ['all', 'denied', 'sample'] as const) log.record(false, mode, ENTRY, same);
    await log.close(0);
    expect(entries()).toHaveLength(3);
  });
});

describe('writing', () => {
  it('happens after the turn, all entries of the turn in one piece, in order and numbered', async () => {
    const { log, writes, told, entries } = logWith();
    for (let i = 0; i < 100; i++) log.record(false, null, { ...ENTRY, id: `d-${i}` }, same);
    expect(writes).toEqual([]);
    await nextTurn();
    log.record(false, null, { ...ENTRY, id: 'd-100' }, same);
    await nextTurn();
    expect(told).toEqual(['take 1-100', 'take 101-101']);
    expect(entries().map(({ id }) => id)).toEqual(Array.from({ length: 101 }, (_, i) => `d-${i}`));
    expect(entries().map(({ seq }) => seq)).toEqual(Array.from({ length: 101 }, (_, i) => i + 1));
  });

  it('tells an outlet without room what it does not get, and another one gets it', async () => {
    const full = new TestOutlet();
    full.room = 0;
    const free = new TestOutlet();
    const { log } = logWith({ outlets: [full, free] });
    for (let i = 0; i < 7; i++) log.record(false, null, ENTRY, same);
    await log.close(0);
    expect(full.told).toEqual(['lose 1-7', 'close 7']);
    expect(free.told).toEqual(['take 1-7', 'close 7']);
  });

  it('keeps the first ten thousand of a turn, and numbers the rest as lost', async () => {
    const { log, told } = logWith();
    for (let i = 0; i < 10_005; i++) log.record(false, null, ENTRY, same);
    await log.close(0);
    expect(told.filter((each) => each.startsWith('take')).at(-1)).toMatch(/^take \d+-10000$/);
    expect(told.slice(-2)).toEqual(['lose 10001-10005', 'close 10005']);
  });

  it('adds up what the outlets count', () => {
    const one = new TestOutlet();
    const other = Object.assign(new TestOutlet(), {
      counts: { ...NO_COUNTS, written: 2, dropped: 3, queueBytes: 5, stalledMs: 7 },
    });
    const { log } = logWith({ outlets: [one, other] });
    expect(log.counts).toEqual({ ...NO_COUNTS, written: 2, dropped: 3, queueBytes: 5, stalledMs: 7 });
  });
});

describe('where records are required', () => {
  it('is known before the answer whether there is one', () => {
    const { log, outlet, told } = logWith({ required: true });
    expect(log.record(false, null, ENTRY, same)).toBe(true);
    outlet.room = 0;
    expect(log.record(false, null, ENTRY, same)).toBe(false);
    outlet.room = 10_000;
    expect(log.record(true, 'all', ENTRY, same)).toBe(true);
    expect(told).toEqual(['take 1-1', 'lose 2-2', 'take 3-3']);
  });

  it('has no sink a record that another one cannot take', () => {
    const full = Object.assign(new TestOutlet(), { room: 0 });
    const free = new TestOutlet();
    const { log } = logWith({ required: true, outlets: [free, full] });
    expect(log.record(false, null, ENTRY, same)).toBe(false);
    expect([free.told, full.told]).toEqual([['lose 1-1'], ['lose 1-1']]);
  });

  it('is answered what is not recorded by configuration', () => {
    const { log, outlet } = logWith({ required: true });
    outlet.room = 0;
    expect(log.record(true, null, ENTRY, same)).toBe(true);
  });
});
