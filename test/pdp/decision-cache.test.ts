import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { DecisionCache, MAX_KEY_LENGTH } from '../../src/pdp/decision-cache.ts';
import { questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';

/** What the answer says is the value itself, so that the key has to hold it. */
const snapshot = snapshotOf(
  policiesYaml([
    access('ALLOW', {
      respond: { request: { set: { 'x-1': '${request.headers[x-a]}', 'x-2': '${request.headers[x-b]}' } } },
    }),
  ]),
);
const cache = new DecisionCache<{ readonly n: number }>({ maxEntries: 3 });

function keyOf(ask: Ask, extra = '', from = snapshot): string | null {
  const question = questionOf(from, ask);
  if (question.refused !== null) throw new Error('refused');
  return cache.key(question.scope, question.request, extra);
}

describe('the key of a decision', () => {
  it('holds what the rules read, and nothing else', () => {
    expect(keyOf({ path: '/a', headers: { 'x-a': '1' } })).toBe(
      keyOf({ path: '/b', headers: { 'x-a': '1', 'x-c': '2' } }),
    );
  });

  it.each<[string, Ask, Ask]>([
    ['a value', { headers: { 'x-a': '1' } }, { headers: { 'x-a': '2' } }],
    ['where it stands', { headers: { 'x-a': '1' } }, { headers: { 'x-b': '1' } }],
    [
      'where one ends and the other begins',
      { headers: { 'x-a': '1', 'x-b': '2' } },
      { headers: { 'x-a': '12', 'x-b': '' } },
    ],
    ['absent from empty', { headers: {} }, { headers: { 'x-a': '' } }],
    ['lines that hold a separator', { headers: { 'x-a': '1;1:b' } }, { headers: { 'x-a': '1', 'x-b': 'b' } }],
    [
      'two lines from one that is joined',
      { headers: { 'x-a': '1,2' } },
      {
        rawHeaders: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      },
    ],
    [
      'two lines from one with a comma',
      { rawHeaders: [['x-a', '1,2']] },
      {
        rawHeaders: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      },
    ],
    [
      'bytes that a lossy decoder would take for one',
      { rawHeaders: [['x-a', Buffer.of(0xff)]] },
      { rawHeaders: [['x-a', Buffer.of(0xfe)]] },
    ],
  ])('tells %s apart', (_, a, b) => {
    expect(keyOf(a)).not.toBe(keyOf(b));
  });

  it('is equal for equal values only, whatever is in them', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '0', '1', ';', ':', 'j', '-'), maxLength: 6 });
    const lines = fc.array(fc.tuple(fc.constantFrom('x-a', 'x-b'), value), { maxLength: 3 });
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(lines, (rawHeaders) => {
        const of = (name: string): string[] => rawHeaders.filter(([each]) => each === name).map(([, text]) => text);
        const what = JSON.stringify([of('x-a'), of('x-b')]);
        const key = keyOf({ rawHeaders })!;
        expect(seen.get(key) ?? what).toBe(what);
        seen.set(key, what);
      }),
      { numRuns: 2000 },
    );
    expect(keyOf({ headers: { 'x-a': 'a1;b' } })).not.toBe(keyOf({ headers: { 'x-a': 'a', 'x-b': 'b0;' } }));
  });

  it('tells revisions, workloads and what the answer reads besides apart', () => {
    const ask: Ask = { headers: { 'x-a': '1' } };
    expect(keyOf(ask, 'x')).not.toBe(keyOf(ask, 'y'));
    expect(keyOf({ ...ask, destinationLabels: { app: 'other' } })).not.toBe(keyOf(ask));
    const other = snapshotOf(
      policiesYaml([access('ALLOW', { respond: { request: { set: { 'x-1': '${request.headers[x-a]}' } } } })]),
    );
    expect(keyOf(ask, '', other)).not.toBe(keyOf(ask));
  });

  it('is none where it would be too long, where the clock is read, and where there is no cache', () => {
    const ask: Ask = { headers: { 'x-a': 'a'.repeat(MAX_KEY_LENGTH) } };
    expect(keyOf(ask)).toBeNull();
    const clocked = snapshotOf(
      policiesYaml([access('ALLOW', { condition: 'now > timestamp("2020-01-01T00:00:00Z")' })]),
    );
    expect(keyOf({}, '', clocked)).toBeNull();
    const question = questionOf(snapshot, {});
    const off = new DecisionCache({ maxEntries: 0 });
    expect(question.refused === null && off.key(question.scope, question.request, '')).toBeNull();
  });
});

describe('the key where values are only compared with patterns', () => {
  type Rules = readonly Readonly<Record<string, unknown>>[];
  const keysOf = (rules: Rules, ...asks: readonly Ask[]): readonly (string | null)[] => {
    const from = snapshotOf(policiesYaml([access('ALLOW', ...rules)]));
    return asks.map((ask) => keyOf(ask, '', from));
  };
  const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
  const CARTS = 'spiffe://cluster.local/ns/shop/sa/carts';
  const token = (sub: string, more: Ask['claims'] = {}): Ask => ({ claims: { iss: 'iss', sub, ...more } });

  it.each<[string, Rules, Ask, Ask]>([
    [
      'fresh ids in a path',
      [operation({ paths: ['/orders/{*}'] })],
      { path: '/orders/8f14e45f' },
      { path: '/orders/c9f0f895' },
    ],
    ['what no rule asks for', [operation({ paths: ['/orders/{*}'] })], { path: '/a' }, { path: '/b/c/d' }],
    ['queries', [operation({ paths: ['/a'] })], { path: '/a?x=1' }, { path: '/a?x=2' }],
    ['headers', [when('request.headers[x-a]', ['a*'])], { headers: { 'x-a': 'a1' } }, { headers: { 'x-a': 'a2' } }],
    [
      'headers, raw or not',
      [when('request.headers[x-a]', ['a*'])],
      { headers: { 'x-a': 'a1' } },
      { rawHeaders: [['x-a', 'a2,b']] },
    ],
    ['hosts', [operation({ hosts: ['*.shop'] })], { host: 'a.shop' }, { host: 'B.shop.:8080' }],
    ['addresses', [source({ ipBlocks: ['10.0.0.0/8'] })], { sourceIp: '10.0.0.1' }, { sourceIp: '10.9.9.9' }],
    ['token subjects', [source({ requestPrincipals: ['iss/*'] })], token('alice'), token('bob')],
    [
      'claims, of any kind',
      [when('request.auth.claims[role]', ['admin'])],
      token('a', { role: ['x', 'admin'] }),
      token('b', { role: 'admin' }),
    ],
    [
      'claims that are none',
      [when('request.auth.claims[role]', ['admin'])],
      token('a', { role: 1 }),
      token('b', { role: { x: 'admin' } }),
    ],
  ])('takes %s for one', (_, rules, a, b) => {
    const [first, second] = keysOf(rules, a, b);
    expect(first).not.toBeNull();
    expect(first).toBe(second);
  });

  it('tells a number from its digits, which only an AccessPolicy takes for one', () => {
    const rules = [when('request.auth.claims[level]', ['3', '4*'])];
    const level = (value: NonNullable<Ask['claims']>[string]): Ask => token('a', { level: value });
    const [number, digits, list, other] = keysOf(rules, level(3), level('3'), level(['3', 4]), level(5));
    expect(new Set([number, digits, list, other]).size).toBe(4);
    const [five, six] = keysOf(rules, level(5), level([6, 'x']));
    expect(five).toBe(six);
  });

  const lines = (...values: readonly string[]): Ask => ({ rawHeaders: values.map((value) => ['x-a', value] as const) });
  const shared = { request: { set: { 'x-u': '${request.headers[x-a]}' } } };

  it.each<[string, Rules, Ask, Ask]>([
    [
      'what another pattern matches too',
      [operation({ paths: ['/o/{*}'], notPaths: ['/o/x'] })],
      { path: '/o/a' },
      { path: '/o/x' },
    ],
    ['present from absent', [when('request.headers[x-a]', ['a'])], {}, { headers: { 'x-a': 'b' } }],
    [
      'what a template reads',
      [{ ...when('request.headers[x-a]', ['*']), respond: shared }],
      { headers: { 'x-a': '1' } },
      { headers: { 'x-a': '2' } },
    ],
    [
      'what a condition reads',
      [{ condition: 'request.path == "/a"' }, operation({ paths: ['/*'] })],
      { path: '/a' },
      { path: '/b' },
    ],
    [
      'what another rule of the same workload reads',
      [operation({ paths: ['/*'] }), { respond: { request: { set: { 'x-u': '${request.headers[:path]}' } } } }],
      { path: '/a' },
      { path: '/b' },
    ],
    ['two lines', [when('request.headers[x-a]', ['a'])], lines('1', '2'), lines('1', '3')],
    [
      'joined headers',
      [when('request.headers[x-a]', ['a'])],
      { headers: { 'x-a': '1,2' } },
      { headers: { 'x-a': '1,3' } },
    ],
    ['paths with an escaped blank', [operation({ paths: ['/*'] })], { path: '/a%20b' }, { path: '/a%20c' }],
    ['paths with parameters', [operation({ paths: ['/*'] })], { path: '/a;b' }, { path: '/a;c' }],
    [
      'mapped addresses',
      [source({ ipBlocks: ['10.0.0.0/8'] })],
      { sourceIp: '::ffff:192.0.2.1' },
      { sourceIp: '::ffff:192.0.2.2' },
    ],
    [
      'clients whose address is a guess',
      [source({ remoteIpBlocks: ['10.0.0.0/8'] })],
      { sourceIp: '10.0.0.1' },
      { sourceIp: '10.0.0.2' },
    ],
    [
      'a guess from what is certain',
      [source({ remoteIpBlocks: ['10.0.0.0/8'] })],
      { sourceIp: '10.0.0.1' },
      { sourceIp: '10.0.0.1', headers: { 'x-forwarded-for': '10.0.0.1' } },
    ],
    ['no host from one that no rule asks for', [operation({ hosts: ['a'] })], { host: '' }, { host: 'b' }],
    ['peers', [source({ namespaces: ['shop'] })], { principal: WEB }, { principal: CARTS }],
    ['somebody from nobody', [source({ requestPrincipals: ['iss/a'] })], token('b'), {}],
    ['a token without a subject', [source({ requestPrincipals: ['iss/a'] })], { claims: { iss: 'x' } }, { claims: {} }],
    ['methods', [operation({ methods: ['GET'] })], { method: 'PUT' }, { method: 'POST' }],
    ['server names', [when('connection.sni', ['a'])], { sni: 'b' }, { sni: 'c' }],
    ['ports', [operation({ ports: ['1'] })], { destinationPort: 2 }, { destinationPort: 3 }],
  ])('tells %s apart', (_, rules, a, b) => {
    const [first, second] = keysOf(rules, a, b);
    expect(first).not.toBeNull();
    expect(first).not.toBe(second);
  });

  it('holds what a group looks at, where groups have members by token', () => {
    const group = {
      apiVersion: 'portcullis.dev/v1',
      kind: 'PrincipalGroup',
      metadata: { name: 'staff', namespace: 'shop' },
      spec: {
        subjects: [{ issuer: 'iss', subjects: ['alice'] }],
        claims: [{ issuer: 'iss', claim: 'role', values: ['dev'] }],
      },
    };
    const rules = [
      source({ groups: ['staff'] }, { requestPrincipals: ['iss/*'] }),
      when('request.auth.claims[role]', ['x']),
    ];
    const from = snapshotOf(policiesYaml([access('ALLOW', ...rules)], [group]));
    const asks = [token('alice'), token('bob'), token('bob', { role: 'dev' }), token('bob', { role: 'ops' })];
    expect(new Set(asks.map((ask) => keyOf(ask, '', from))).size).toBe(4);
  });

  it('is not split by patterns of other workloads', () => {
    const others = [
      { namespace: 'edge', spec: { action: 'ALLOW', rules: [operation({ paths: ['/orders/1'], hosts: ['a.shop'] })] } },
      {
        spec: {
          selector: { matchLabels: { app: 'carts' } },
          action: 'DENY',
          rules: [operation({ notPaths: ['/orders/1'] })],
        },
      },
    ];
    const own = access('ALLOW', operation({ paths: ['/orders/{*}'], hosts: ['*'] }));
    const from = snapshotOf(policiesYaml([own, ...others]));
    const carts = { destinationLabels: { app: 'carts' } };
    const one = { path: '/orders/1', host: 'a.shop' };
    const two = { path: '/orders/2', host: 'b.shop' };
    expect(keyOf(one, '', from)).toBe(keyOf(two, '', from));
    expect(keyOf({ ...one, ...carts }, '', from)).not.toBe(keyOf({ ...two, ...carts }, '', from));
  });

  it('tells patterns of the two kinds of policies apart', () => {
    const from = snapshotOf(
      policiesYaml([
        istio('DENY', operation({ hosts: ['a.shop:8080'] })),
        access('ALLOW', operation({ hosts: ['a.shop'] })),
      ]),
    );
    const keys = ['a.shop', 'a.shop:8080', 'a.shop:9090', 'b.shop'].map((host) => keyOf({ host }, '', from));
    expect(keys[0]).toBe(keys[2]);
    expect(new Set(keys).size).toBe(3);
  });

  it('is short, however long the value is', () => {
    const [key] = keysOf([when('request.headers[x-a]', ['a*'])], { headers: { 'x-a': 'a'.repeat(100_000) } });
    expect(key!.length).toBeLessThan(20);
  });
});

describe('a kept decision', () => {
  const fresh = (maxEntries = 3): DecisionCache<{ readonly n: number }> => new DecisionCache({ maxEntries });
  const one = { n: 1 };

  it('is there until its time, and not at it', () => {
    const kept = fresh();
    kept.set('k', one, 1000, 2000);
    expect([kept.find('k', 1000)?.value, kept.find('k', 1999)?.value, kept.find('k', 2000)?.value]).toEqual([
      one,
      one,
      undefined,
    ]);
  });

  it('is not there before it was made: a clock that was set back lengthens no life', () => {
    const kept = fresh();
    kept.set('k', one, 1000, 2000);
    expect(kept.find('k', 999)).toBeNull();
  });

  it('is not kept with no time to live, nor without a key', () => {
    const kept = fresh();
    kept.set('a', one, 1000, 1000);
    kept.set('b', one, 1000, 0);
    kept.set(null, one, 1000, 2000);
    expect([kept.find('a', 1000), kept.find('b', 1000), kept.find(null, 1000)]).toEqual([null, null, null]);
    expect(kept.statistics.size).toBe(0);
  });

  it('leaves when there is no room, the one not asked for longest first', () => {
    const kept = fresh();
    for (const key of ['a', 'b', 'c']) kept.set(key, one, 0, 10);
    kept.find('a', 0);
    kept.set('d', one, 0, 10);
    expect(['a', 'b', 'c', 'd'].filter((key) => kept.find(key, 0) !== null)).toEqual(['a', 'c', 'd']);
    expect(kept.statistics.evictions).toBe(1);
  });

  it('leaves when keys take too much room', () => {
    const kept = fresh(10);
    for (let i = 0; i < 10; i++) kept.set(`${i}${'x'.repeat(1000)}`, one, 0, 10);
    expect(kept.statistics.size).toBeLessThan(6);
  });

  it('is counted', () => {
    const kept = fresh();
    kept.set('k', one, 0, 10);
    kept.find('k', 0);
    kept.find('x', 0);
    kept.find('k', 20);
    expect(kept.statistics).toMatchObject({ hits: 1, misses: 2, size: 1 });
    kept.clear();
    expect(kept.statistics.size).toBe(0);
  });
});

describe('a clock that is set back again and again', () => {
  it('lengthens no life: there is another clock, which nobody sets', () => {
    const monotonic = jest.spyOn(performance, 'now');
    try {
      const kept = new DecisionCache<{ readonly n: number }>({ maxEntries: 3 });
      monotonic.mockReturnValue(0);
      kept.set('k', { n: 1 }, 1000, 61_000);
      const found = [10_000, 30_000, 50_000, 59_999, 60_000, 70_000].map((passedMs) => {
        monotonic.mockReturnValue(passedMs);
        return kept.find('k', 1000 + (passedMs % 10_000)) !== null;
      });
      expect(found).toEqual([true, true, true, true, false, false]);
    } finally {
      monotonic.mockRestore();
    }
  });
});
