import { afterEach, describe, expect, test } from '@jest/globals';
import { GrpcJsTransport } from '../../src/transport/grpc-js/transport.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { NOW_MS, TEXTS, atOnce, checkRequest, policySet, snapshotOf, testService } from '../extauthz/support/engine.ts';
import type { Ask, TestService } from '../extauthz/support/engine.ts';
import { decodeCheckResponse, fromStruct, pairsOf } from '../extauthz/support/messages.ts';
import type { Json, ReadResponse } from '../extauthz/support/messages.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';
import { files, portcullis, request } from '../cli/support.ts';
import { Cleanup } from '../transport/support/cleanup.ts';
import { callHttp2, connectHttp2 } from '../transport/support/http2-client.ts';
import { openListener } from '../transport/support/listening.ts';
import { waitUntil } from '../e2e/support/wait.ts';
import {
  ALLOWED,
  BAD_METHOD,
  BAD_PATH,
  DENIED,
  NOT_MATCHED,
  answerTo,
  row,
  verdictOf,
  withBytes,
  worldOf,
} from './support.ts';

row('3.6', 'cache key confusion', () => {
  /** Reads as many attributes as a key can hold, and tells in a header what it read. */
  const keys = [
    'request.headers[a]',
    'request.headers[b]',
    'request.auth.claims[c]',
    'request.auth.claims[d]',
    'connection.sni',
  ];
  const reading = {
    ...operation({ methods: ['GET', 'POST'], notPaths: ['/never'] }),
    respond: { request: { set: Object.fromEntries(keys.map((key, i) => [`x-${String(i)}`, `\${${key}}`])) } },
  };
  const policies = policiesYaml([access('ALLOW', reading)]);
  const kept = testService(snapshotOf(policies), { cache: { maxEntries: 100_000, ttlSeconds: 60 } });
  const fresh = testService(snapshotOf(policies), { cache: { maxEntries: 0, ttlSeconds: 0 } });
  const answerOf = (world: TestService, ask: Buffer): unknown => {
    const { response, status } = verdictOf(world, ask);
    return [status, response.okResponse?.headers];
  };

  const pieces = [
    '',
    'x',
    'y',
    ':',
    ';',
    '1:x',
    '1;x',
    '0:',
    '2:xy',
    '\0',
    'x\0y',
    'x1:y',
    'null',
    '1',
    ' ',
    'x,y',
    '\u00e9',
  ];
  test('no two values at a seam are taken for two others', () => {
    const asks: Ask[] = [];
    for (const left of pieces)
      for (const right of pieces) {
        asks.push(
          { headers: { a: left, b: right } },
          { claims: { c: left, d: right } },
          { headers: { a: left }, claims: { c: right } },
        );
        asks.push(
          { headers: { b: left }, claims: { d: right } },
          { claims: { c: [left, right] } },
          { claims: { c: right }, sni: left },
        );
      }
    const messages = asks.map((ask) => checkRequest(ask));
    const expected = messages.map((message) => answerOf(fresh, message));
    // The second time from what is kept.
    for (let time = 0; time < 2; time++) expect(messages.map((message) => answerOf(kept, message))).toEqual(expected);
    expect(kept.service.cache.statistics.hits).toBeGreaterThanOrEqual(asks.length);
  });

  const rule = (extra: Record<string, unknown>): TestService => worldOf([access('ALLOW', extra)]);
  const istioRule = (extra: Record<string, unknown>): TestService => worldOf([istio('ALLOW', extra)]);
  test.each<[string, TestService, Ask, Ask]>([
    ['absent and empty header', rule(when('request.headers[a]', ['*'])), { headers: { a: '' } }, {}],
    [
      'a header and one of another name',
      rule(when('request.headers[a]', ['1'])),
      { headers: { a: '1' } },
      { headers: { b: '1' } },
    ],
    [
      'one line and two',
      rule(when('request.headers[a]', ['x,y'])),
      { rawHeaders: [['a', 'x,y']] },
      {
        rawHeaders: [
          ['a', 'x'],
          ['a', 'y'],
        ],
      },
    ],
    [
      'one line and joined',
      rule(when('request.headers[a]', ['x,y'])),
      { rawHeaders: [['a', 'x,y']] },
      { headers: { a: 'x,y' } },
    ],
    [
      'a text and a number, in the kind that takes texts only',
      istioRule(when('request.auth.claims[c]', ['1'])),
      { claims: { c: '1' } },
      { claims: { c: 1 } },
    ],
    [
      'a text and a bool, in the kind that takes texts only',
      istioRule(when('request.auth.claims[c]', ['true'])),
      { claims: { c: 'true' } },
      { claims: { c: true } },
    ],
    [
      'a text and null',
      rule(when('request.auth.claims[c]', ['null'])),
      { claims: { c: 'null' } },
      { claims: { c: null } },
    ],
    [
      'a list and a nested list',
      rule(when('request.auth.claims[c]', ['x'])),
      { claims: { c: ['x'] } },
      { claims: { c: [['x']] } },
    ],
    [
      'a nested claim and a dotted one',
      rule(when('request.auth.claims[a][b]', ['x'])),
      { claims: { a: { b: 'x' } } },
      { claims: { 'a.b': 'x', 'a][b': 'x' } },
    ],
    [
      'issuer and subject at another seam',
      rule(source({ requestPrincipals: ['a/b'] })),
      { claims: { iss: 'a', sub: 'b' } },
      { claims: { iss: '', sub: 'a/b' } },
    ],
    [
      'a token and none',
      rule(source({ requestPrincipals: ['*'] })),
      { claims: { iss: 'a', sub: 'b' } },
      { claims: { iss: 'a' } },
    ],
    ['a peer and none', rule(source({ trustDomains: ['cluster.local'] })), {}, { principal: '' }],
    ['two methods', rule(operation({ methods: ['GET'] })), {}, { method: 'GETX' }],
    ['path and query', rule(operation({ paths: ['/a'] })), { path: '/a?b' }, { path: '/a%3fb' }],
    [
      'host and host with another port',
      worldOf([istio('ALLOW', operation({ hosts: ['a:1'] }))]),
      { host: 'a:1' },
      { host: 'a:11' },
    ],
    ['two ports', rule(operation({ ports: ['80'] })), { destinationPort: 80 }, { destinationPort: 8080 }],
    ['IPv4 and IPv6', rule(source({ ipBlocks: ['10.0.0.0/8'] })), { sourceIp: '10.0.0.1' }, { sourceIp: '::a00:1' }],
    [
      'two workloads',
      worldOf([{ name: 'w', spec: { selector: { matchLabels: { app: 'a' } }, action: 'ALLOW', rules: [{}] } }]),
      { destinationLabels: { app: 'a' } },
      { destinationLabels: { app: 'b' } },
    ],
    [
      'names of labels that join alike',
      worldOf([
        {
          name: 'w',
          spec: { selector: { matchLabels: { a: 'b' } }, action: 'ALLOW', rules: [{}] },
        },
      ]),
      { destinationLabels: { a: 'b' } },
      { destinationLabels: { a: 'b,c=d' } },
    ],
  ])('%s have decisions of their own, whichever came first', (_what, world, good, bad) => {
    for (const ask of [good, bad, good, bad, bad, good]) {
      const { status } = verdictOf(world, ask);
      expect(status === 200).toBe(ask === good);
    }
    world.service.cache.clear();
    for (const ask of [bad, good]) expect(verdictOf(world, ask).status === 200).toBe(ask === good);
  });
});

row('3.6', 'decision outlives its grounds', () => {
  const ttlMs = 60_000;
  const step = (world: TestService, afterMs: number, ask: Ask = {}): string => {
    world.nowMs = NOW_MS + afterMs;
    const { status } = verdictOf(world, ask);
    return `${String(status)} ${world.records.at(-1)!.cache}`;
  };

  test('a token: not a millisecond longer than its `exp`', () => {
    const world = worldOf([access('ALLOW', when('request.auth.claims[sub]', ['alice']))]);
    const ask: Ask = { claims: { sub: 'alice', exp: NOW_MS / 1000 + 10 } };
    expect([0, 1, 9999, 10_000, 10_001].map((ms) => step(world, ms, ask))).toEqual([
      '200 miss',
      '200 hit',
      '200 hit',
      '200 miss',
      '200 miss',
    ]);
    const lasting = worldOf([access('ALLOW', when('request.auth.claims[sub]', ['bob']))]);
    const other: Ask = { claims: { sub: 'bob', exp: NOW_MS / 1000 + 1000 } };
    expect([0, ttlMs - 1, ttlMs].map((ms) => step(lasting, ms, other))).toEqual(['200 miss', '200 hit', '200 miss']);
  });

  test.each([
    ['until', '200', '403'],
    ['from', '403', '200'],
  ] as const)('a window: its `%s` is exact', (edge, before, after) => {
    const world = worldOf([access('ALLOW', { valid: { [edge]: new Date(NOW_MS + 5000).toISOString() } })]);
    expect([0, 4999, 5000, 5001].map((ms) => step(world, ms))).toEqual([
      `${before} miss`,
      `${before} hit`,
      `${after} miss`,
      `${after} hit`,
    ]);
  });

  test('the window of a DENY that did not match yet', () => {
    const world = worldOf([
      access('ALLOW', {}),
      access('DENY', { valid: { from: new Date(NOW_MS + 5000).toISOString() } }),
    ]);
    expect([0, 4999, 5000].map((ms) => step(world, ms))).toEqual(['200 miss', '200 hit', '403 miss']);
  });

  test('a condition that reads the clock is never kept', () => {
    const world = worldOf([
      access('ALLOW', { condition: `now < timestamp("${new Date(NOW_MS + 5000).toISOString()}")` }),
    ]);
    expect([0, 1, 4999, 5000].map((ms) => step(world, ms))).toEqual([
      '200 bypass',
      '200 bypass',
      '200 bypass',
      '403 bypass',
    ]);
  });

  test('a clock that is set back or jumps ahead', () => {
    const world = worldOf([access('ALLOW', {})]);
    expect([0, 1, -1, 0, 10 * ttlMs].map((ms) => step(world, ms))).toEqual([
      '200 miss',
      '200 hit',
      '200 miss',
      '200 hit',
      '200 miss',
    ]);
  });
});

row('3.6', 'errors in the cache', () => {
  const good = snapshotOf(policiesYaml([access('ALLOW', {})]));
  const broken: PolicySnapshot = {
    ...good,
    scopeOf: () => {
      throw new Error('broken');
    },
  };
  test('an internal error denies, and is forgotten', () => {
    const world = testService(broken);
    expect([answerTo(world, {}), answerTo(world, {})]).toEqual(['500 internal_error', '500 internal_error']);
    world.snapshot = good;
    expect(answerTo(world, {})).toBe(ALLOWED);
    world.snapshot = null;
    expect(answerTo(world, {})).toBe('503 not_ready');
    world.snapshot = good;
    expect(answerTo(world, {})).toBe(ALLOWED);
    expect(world.errors).toHaveLength(2);
  });

  test('a failing condition matches no ALLOW and every DENY', () => {
    const failing = { condition: 'claims.level > 3' };
    const allow = worldOf([access('ALLOW', failing)]);
    const deny = worldOf([access('DENY', failing), access('ALLOW', {})]);
    for (const claims of [{ level: 'x' }, { level: [1] }, {}] as Record<string, Json>[]) {
      expect(answerTo(allow, { claims })).toBe(NOT_MATCHED);
      expect(answerTo(deny, { claims })).toBe(DENIED);
    }
    expect(answerTo(allow, { claims: { level: 4 } })).toBe(ALLOWED);
    expect(answerTo(deny, { claims: { level: 1 } })).toBe(ALLOWED);
  });

  test('what was refused before the rules is not kept', () => {
    const world = worldOf([access('ALLOW', {})]);
    for (const ask of [{ path: '/../x' }, { method: 'G T' }, { host: 'a@b' }]) {
      for (let time = 0; time < 2; time++) expect(verdictOf(world, ask).status).toBe(400);
    }
    expect(world.records.map(({ cache }) => cache)).toEqual(Array(6).fill('bypass'));
    expect(world.service.cache.statistics.size).toBe(0);
    expect(answerTo(world, { path: '/x' })).toBe(ALLOWED);
  });
});

row('3.6', 'stale snapshot after a reload', () => {
  test('a set that reads the same of a request, and decides otherwise', () => {
    const [x, y] = ['/x', '/y'].map((path) =>
      snapshotOf(policiesYaml([access('ALLOW', operation({ paths: [path] }))])),
    );
    const world = testService(x!);
    for (let time = 0; time < 2; time++)
      for (const [snapshot, expected] of [
        [x!, [ALLOWED, NOT_MATCHED]],
        [y!, [NOT_MATCHED, ALLOWED]],
      ] as const) {
        world.snapshot = snapshot;
        expect(['/x', '/y'].map((path) => answerTo(world, { path }))).toEqual(expected);
      }
  });

  test('nothing that an older set decided is an answer of a newer one, back and forth', () => {
    const open = snapshotOf(policiesYaml([access('ALLOW', {})]));
    const closed = snapshotOf(policiesYaml([access('ALLOW', {}), access('DENY', operation({ paths: ['/x'] }))]));
    const world = testService(open);
    for (let time = 0; time < 3; time++) {
      world.snapshot = open;
      expect([answerTo(world, { path: '/x' }), answerTo(world, { path: '/x' })]).toEqual([ALLOWED, ALLOWED]);
      world.snapshot = closed;
      expect([answerTo(world, { path: '/x' }), answerTo(world, { path: '/y' })]).toEqual([DENIED, ALLOWED]);
    }
  });

  test.each([
    ['trustDomain', 'other'],
    ['defaultAction', 'ALLOW'],
    ['requests', { ambiguousPaths: 'evaluate' }],
    ['clientIp', { useRemoteAddress: true, xffTrustedHops: 1 }],
    ['identity', { jwtMetadata: 'x' }],
    ['rootNamespace', 'mesh'],
  ])('another setting of %s is another revision', async (key, value) => {
    using dir = files({
      'p.yaml': policiesYaml([access('ALLOW', {})]),
      'plain.conf': '{}',
      'other.conf': JSON.stringify({ [key]: value }),
    });
    const revisionWith = async (name: string): Promise<unknown> => {
      const args = ['check', '--policies', dir.at('p.yaml'), '--requests', '-', '--config', dir.at(name)];
      const { stdout } = await portcullis(args, { stdin: JSON.stringify(request()) });
      return (JSON.parse(stdout) as { revision: unknown }).revision;
    };
    const plain = await revisionWith('plain.conf');
    expect(plain).toEqual(expect.stringMatching(/^[0-9a-f]+$/));
    expect(await revisionWith('plain.conf')).toBe(plain);
    expect(await revisionWith('other.conf')).not.toBe(plain);
  });

  test('header names that only the newer set owns are removed at once', () => {
    const world = worldOf([access('ALLOW', {})]);
    const removed = (): unknown => verdictOf(world, {}).response.okResponse?.headersToRemove ?? [];
    expect(removed()).toEqual([]);
    world.snapshot = snapshotOf(
      policiesYaml([access('ALLOW', {}, { respond: { request: { set: { 'x-user': 'a' } } } })]),
    );
    expect(removed()).toEqual(['x-user']);
  });
});

row('3.6', 'hash flooding', () => {
  test('integer-like and colliding names stay names, and the cache keeps its bound', () => {
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', when('request.headers[7]', ['x']))])), {
      cache: { maxEntries: 50, ttlSeconds: 60 },
    });
    for (let i = 0; i < 500; i++) {
      expect(answerTo(world, { headers: { 7: `v${String(i)}`, [String(i + 8)]: 'x' } })).toBe(NOT_MATCHED);
      expect(world.service.cache.statistics.size).toBeLessThanOrEqual(50);
    }
    expect(answerTo(world, { headers: { 7: 'x' } })).toBe(ALLOWED);
  });

  test('long values take no more of it than their share', () => {
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', when('request.headers[a]', [], ['bad']))])), {
      cache: { maxEntries: 50, ttlSeconds: 60 },
    });
    for (let i = 0; i < 100; i++)
      expect(answerTo(world, { headers: { a: `${'v'.repeat(100_000)}${String(i)}` } })).toBe(ALLOWED);
    // None of them is told from another, so one entry stands for all.
    expect(world.service.cache.statistics.size).toBe(1);
    expect(answerTo(world, { headers: { a: 'bad' } })).toBe(NOT_MATCHED);
  });

  test('long values that are kept as they are take none of it', () => {
    const respond = { request: { set: { 'x-n': '${request.headers[n]}' } } };
    const world = testService(
      snapshotOf(policiesYaml([access('ALLOW', { ...when('request.headers[a]', [], ['bad']), respond })])),
      { cache: { maxEntries: 50, ttlSeconds: 60 } },
    );
    for (let i = 0; i < 100; i++)
      expect(answerTo(world, { headers: { n: `${'v'.repeat(4000)}${String(i)}`, a: 'good,'.repeat(20) } })).toBe(
        ALLOWED,
      );
    expect(world.service.cache.statistics.size).toBe(0);
  });
});

row('3.6', 'prototype names', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
  const renamed = (ask: (name: string) => Ask, name: string): Buffer => {
    const marker = 'Q'.repeat(name.length);
    return withBytes(ask(marker), marker, [...Buffer.from(name)]);
  };

  test.each(names)('%s is a claim like any other', (name) => {
    const world = worldOf([access('ALLOW', when(`request.auth.claims[${name}]`, ['*']))]);
    expect(verdictOf(world, { claims: {} }).status).not.toBe(200);
    expect(verdictOf(world, { claims: { x: {} } }).status).not.toBe(200);
    expect(
      answerTo(
        world,
        renamed((key) => ({ claims: { [key]: 'v' } }), name),
      ),
    ).toBe(ALLOWED);
    const nested = worldOf([access('ALLOW', when(`request.auth.claims[a][${name}]`, ['*']))]);
    expect(verdictOf(nested, { claims: { a: {} } }).status).not.toBe(200);
    expect(verdictOf(nested, { claims: { a: 'x' } }).status).not.toBe(200);
    expect(
      answerTo(
        nested,
        renamed((key) => ({ claims: { a: { [key]: 'v' } } }), name),
      ),
    ).toBe(ALLOWED);
  });

  test.each(names)('a claim %s lends no other its value', (name) => {
    const world = worldOf([
      access('ALLOW', when('request.auth.claims[role]', ['admin']), { condition: 'claims.role == "admin"' }),
    ]);
    expect(
      verdictOf(
        world,
        renamed((key) => ({ claims: { [key]: { role: 'admin' } } }), name),
      ).status,
    ).not.toBe(200);
    expect(verdictOf(world, {}).status).not.toBe(200);
    expect(answerTo(world, { claims: { role: 'admin' } })).toBe(ALLOWED);
    expect(({} as Record<string, unknown>)['role']).toBeUndefined();
  });

  test.each(names)('%s is a header like any other', (name) => {
    const world = worldOf([access('ALLOW', when(`request.headers[${name}]`, ['v']))]);
    expect(answerTo(world, {})).toBe(NOT_MATCHED);
    const lower = name.toLowerCase();
    expect(
      answerTo(
        world,
        renamed((key) => ({ headers: { [key]: 'v' } }), lower),
      ),
    ).toBe(ALLOWED);
    expect(
      answerTo(
        world,
        renamed((key) => ({ rawHeaders: [[key, 'v']] }), lower),
      ),
    ).toBe(ALLOWED);
  });

  test.each(names)('%s is a context key and a label like any other', (name) => {
    const policy: PolicyText = {
      name: 'p',
      spec: { selector: { matchLabels: { app: 'orders' } }, action: 'DENY', rules: [{}] },
    };
    const world = worldOf([policy, access('ALLOW', {})]);
    expect(
      answerTo(
        world,
        renamed((key) => ({ contextExtensions: { [key]: 'x' } }), name),
      ),
    ).toBe(DENIED);
    expect(
      answerTo(
        world,
        renamed((key) => ({ destinationLabels: { app: 'orders', [key]: 'x' } }), name),
      ),
    ).toBe(DENIED);
    expect(
      answerTo(
        world,
        renamed(
          (key) => ({ contextExtensions: { namespace: 'shop', 'label.app': 'web', [`label.${key}`]: 'x' } }),
          name,
        ),
      ),
    ).toBe(ALLOWED);
  });

  test.each(names)('metadata under %s is no token', (name) => {
    const world = worldOf([access('ALLOW', source({ requestPrincipals: ['*'] }))]);
    const ask = renamed((key) => ({ metadata: { [key]: { payload: { iss: 'a', sub: 'b' } } } }), name);
    expect(answerTo(world, ask)).toBe('401 token_required');
    expect(answerTo(world, { claims: { iss: 'a', sub: 'b' } })).toBe(ALLOWED);
  });
});

row('3.6', 'regular expressions that explode', () => {
  const attacks = ['(a+)+$', '(a|a)*$', '(a|aa)+$', '(.*a){20}$', '^(([a-z])+.)+[A-Z]([a-z])+$', '(a*)*b'];
  test.each(attacks)('%s is answered, and closes the door', (pattern) => {
    const allow = { condition: `claims.x.matches(${JSON.stringify(pattern)}) && claims.ok == true` };
    const world = worldOf([access('ALLOW', allow)]);
    for (const length of [30, 1000, 30_000])
      expect(verdictOf(world, { claims: { x: `${'a'.repeat(length)}!`, ok: false } }).status).toBe(403);
    expect(verdictOf(world, { claims: { x: 'aaab', ok: false } }).status).toBe(403);
    const twin = worldOf([access('ALLOW', { condition: 'claims.x.matches("^a+$")' })]);
    expect(answerTo(twin, { claims: { x: 'aaa' } })).toBe(ALLOWED);
  });

  test.each(['(?=a)', '(a)\\\\1', '(?<!x)a', 'a{2000}', '((a{100}){100}){100}', 'a'.repeat(20_000), '('])(
    'the set with the pattern %s is refused',
    (pattern) => {
      expect(() => snapshotOf(policiesYaml([access('DENY', { condition: `claims.x.matches("${pattern}")` })]))).toThrow(
        'bad-condition',
      );
      expect(() =>
        snapshotOf(policiesYaml([access('DENY', { condition: 'claims.x.matches("a{20}")' })])),
      ).not.toThrow();
    },
  );

  test('what Istio writes as patterns backtracks nowhere', () => {
    const world = worldOf([
      istio('ALLOW', { ...source({ notNamespaces: ['*a*a*a*a*b'] }), ...operation({ paths: ['/{*}/{*}/{**}'] }) }),
    ]);
    const path = `/${'a/'.repeat(2000)}a`;
    expect(answerTo(world, { path })).toBe(ALLOWED);
    expect(answerTo(world, { path: `${path}[` })).toBe(NOT_MATCHED);
  });
});

row('3.6', 'deep recursion', () => {
  const nested = (depth: number, list: boolean): Json => {
    let value: Json = 'x';
    for (let i = 0; i < depth; i++) value = list ? [value] : { a: value };
    return value;
  };
  const world = worldOf([access('ALLOW', when('request.auth.claims[sub]', ['alice']))]);

  test.each([
    ['objects', false],
    ['lists', true],
  ] as const)('a Struct of %s within the bound is read, a deeper one denies', (_what, list) => {
    expect(answerTo(world, { claims: { sub: 'alice', deep: nested(8, list) } })).toBe(ALLOWED);
    for (const depth of [33, 40, 45])
      expect(answerTo(world, { claims: { sub: 'alice', deep: nested(depth, list) } })).toBe('500 internal_error');
  });

  test('a hundred thousand levels do not end the process', () => {
    const lengthOf = (n: number): number[] => {
      const out: number[] = [];
      for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
      return [...out, n];
    };
    // Each level is Value{list_value: ListValue{values: [...]}}, written from the inside out.
    const parts: Buffer[] = [];
    let size = 0;
    for (let i = 0; i < 100_000; i++) {
      const inner = Buffer.of(0x0a, ...lengthOf(size));
      size += inner.length;
      const outer = Buffer.of(0x32, ...lengthOf(size));
      size += outer.length;
      parts.push(inner, outer);
    }
    const bomb = Buffer.concat(parts.reverse());
    const wrap = (tag: number, ...inner: readonly Buffer[]): Buffer => {
      const bytes = Buffer.concat(inner);
      return Buffer.concat([Buffer.of(tag, ...lengthOf(bytes.length)), bytes]);
    };
    const key = (text: string): Buffer => wrap(0x0a, Buffer.from(text));
    const payload = wrap(0x12, wrap(0x2a, wrap(0x0a, key('deep'), wrap(0x12, bomb))));
    const struct = wrap(0x12, wrap(0x0a, key('payload'), payload));
    const metadata = wrap(0x5a, wrap(0x0a, key('envoy.filters.http.jwt_authn'), struct));
    const message = Buffer.concat([checkRequest({}), wrap(0x0a, metadata)]);
    expect(answerTo(world, message)).toBe('500 internal_error');
    expect(answerTo(world, { claims: { sub: 'alice' } })).toBe(ALLOWED);
  });

  test.each([
    ['brackets', (n: number) => `${'('.repeat(n)}true${')'.repeat(n)}`],
    ['lists', (n: number) => `${'['.repeat(n)}1${']'.repeat(n)} == []`],
    ['members', (n: number) => `has(claims${'.a'.repeat(n)})`],
    ['conditionals', (n: number) => `${'true ? '.repeat(n)}true${' : false'.repeat(n)}`],
  ])('a condition of too many %s is refused, not a crash', (_what, write) => {
    expect(() => snapshotOf(policiesYaml([access('DENY', { condition: write(2000) })]))).toThrow('bad-condition');
  });

  test('a condition of a few brackets, and one of many negations, are decided', () => {
    for (const condition of ['((((true))))', `${'!'.repeat(2000)}true`, 'true ? (true ? true : false) : false'])
      expect(answerTo(worldOf([access('ALLOW', {}), access('DENY', { condition })]), {})).toBe(DENIED);
    expect(answerTo(worldOf([access('ALLOW', {}), access('DENY', { condition: `${'!'.repeat(2001)}true` })]), {})).toBe(
      ALLOWED,
    );
  });

  test.each(['[', '{a: '])('policies nested by thousands of %s are refused, not a crash', async (open) => {
    using dir = files({
      'p.yaml': `kind: AccessPolicy\nspec: ${open.repeat(5000)}${(open === '[' ? ']' : '}').repeat(5000)}\n`,
    });
    const { code, stdout, stderr } = await portcullis(['lint', dir.path]);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/too-deep|yaml-syntax/);
  });
});

row('3.6', 'gRPC floods', () => {
  const CHECK = '/envoy.service.auth.v3.Authorization/Check';
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());
  const limits = { maxHeaders: 100, maxHeaderBytes: 10_000, maxMessageBytes: 100_000 };

  test('a message that is too large is a denial over gRPC, one that is right is allowed beside it', async () => {
    const { service } = testService(snapshotOf(policiesYaml([access('ALLOW', {})])), { limits });
    const { listener } = cleanup.listener(
      await openListener(
        { name: 'grpc-js', create: (log, options) => new GrpcJsTransport(log, options) },
        { maxConcurrentStreams: 4, unary: { [CHECK]: (message, context) => service.check(message, context) } },
      ),
    );
    const session = cleanup.session(await connectHttp2(listener.address));
    await waitUntil('the settings', () => session.remoteSettings.maxConcurrentStreams === 4);
    const large = Buffer.concat([checkRequest({}), Buffer.of(0x7a, 0xc0, 0x84, 0x3d), Buffer.alloc(1_000_000)]);
    const asked = [checkRequest({}), large, checkRequest({ path: '/../x' }), Buffer.of(0x0a, 0xff), checkRequest({})];
    // Twenty at once, where four may be open.
    const answers = await Promise.all(
      [...asked, ...asked, ...asked, ...asked].map((message) => callHttp2(session, CHECK, message)),
    );
    const told = answers.map(({ grpcStatus, body }) => {
      if (grpcStatus !== 0) return grpcStatus;
      const { status, deniedResponse, okResponse } = decodeCheckResponse(body.subarray(5));
      expect(okResponse === undefined).toBe((status?.code ?? 0) !== 0);
      return deniedResponse?.status?.code ?? 200;
    });
    const INVALID_ARGUMENT = 3;
    expect(told).toEqual([1, 2, 3, 4].flatMap(() => [200, 413, 400, INVALID_ARGUMENT, 200]));
  });

  test('a check whose caller is gone is not decided', () => {
    const { service } = testService(snapshotOf(policiesYaml([access('ALLOW', {})])));
    const answerAt = (deadlineMs: number): ReadResponse =>
      decodeCheckResponse(atOnce(service.check(checkRequest({}), { deadlineMs, peerAllowed: true }))!);
    expect(answerAt(NOW_MS).deniedResponse?.status?.code).toBe(503);
    expect(answerAt(NOW_MS + 1).okResponse).toBeDefined();
  });
});

row('3.6', 'absent fields and unknown values', () => {
  const world = worldOf([access('ALLOW', {})], { defaultAction: 'ALLOW' });
  const whole = checkRequest({ path: '/x', headers: { a: 'b' }, claims: { iss: 'i', sub: 's', n: [1, { a: null }] } });

  test('an empty request, one without HTTP, and one of empty parts are refused', () => {
    const empty: readonly [string, Buffer][] = [
      ['no bytes', Buffer.alloc(0)],
      ['no attributes', Buffer.of(0x0a, 0)],
      ['an empty request', Buffer.of(0x0a, 2, 0x22, 0)],
      ['no source of a request', Buffer.of(0x0a, 2, 0x0a, 0)],
    ];
    for (const [what, bytes] of empty) expect([what, answerTo(world, bytes)]).toEqual([what, '400 malformed_request']);
    expect(answerTo(world, Buffer.of(0x0a, 4, 0x22, 2, 0x12, 0))).toBe(BAD_METHOD);
    expect(answerTo(world, { path: '' })).toBe(BAD_PATH);
    expect(answerTo(world, whole)).toBe(ALLOWED);
  });

  test('cut short anywhere, it is refused or no answer at all', () => {
    const strict = worldOf([
      access('ALLOW', {
        ...source({ principals: ['cluster.local/ns/shop/sa/web'] }),
        ...operation({ paths: ['/x'] }),
        condition: 'claims.sub == "s" && request.headers["a"] == "b"',
      }),
    ]);
    expect(answerTo(strict, whole)).toBe(ALLOWED);
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      const bytes = strict.check(whole.subarray(0, length));
      if (bytes !== null && decodeCheckResponse(bytes).okResponse !== undefined)
        throw new Error(`allowed at ${String(length)}`);
      refused++;
    }
    expect(refused).toBe(whole.length);
  });

  test('unknown fields change nothing, unknown kinds of values deny nothing open', () => {
    const unknown = Buffer.of(0xfa, 0x3f, 3, 1, 2, 3, 0x80, 0x40, 1);
    expect(answerTo(world, Buffer.concat([unknown, whole, unknown]))).toBe(ALLOWED);
    expect(
      answerTo(
        worldOf([access('DENY', operation({ paths: ['/x'] })), access('ALLOW', {})]),
        Buffer.concat([unknown, whole]),
      ),
    ).toBe(DENIED);
  });

  test.each(['', 'Allow', 'allow', 'PERMIT', '0', 'CUSTOM'])('a policy with the action %j is refused', (action) => {
    const text = (value: string): string =>
      `apiVersion: portcullis.dev/v1\nkind: AccessPolicy\nmetadata: {name: a, namespace: shop}\nspec: {action: "${value}", rules: [{}]}`;
    expect(() => policySet(text(action))).toThrow(/unknown-value|empty-value|wrong-type/);
    expect(() => policySet(text('ALLOW'))).not.toThrow();
  });

  test('every answer has its status, whatever is configured for denials', () => {
    const odd = { status: null, body: '', headers: new Map<string, string>() };
    const bare = testService(snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/x'] }))])), {
      texts: { ...TEXTS, forbidden: odd, malformed: odd },
    });
    expect(['/x', '/y', '/../x'].map((path) => verdictOf(bare, { path }).status)).toEqual([200, 403, 400]);
  });
});

row('3.6', 'unsupported rule keys', () => {
  const good = access('ALLOW', {});
  const keys = [
    'request.header[x]',
    'request.headers[]',
    'request.headers',
    'request.headers[x',
    'request.headersX[a]',
    'request.auth.claims',
    'request.auth.claims[a][]',
    'request.auth.claimsX[a]',
    'source.workload',
    'destination.user',
    'foo',
    '',
    '__proto__',
    'source.ip2',
  ];
  test.each(keys)('the condition %j refuses the set, of DENY and of ALLOW, of both kinds', (key) => {
    for (const kind of [access, istio])
      for (const action of ['ALLOW', 'DENY'] as const)
        expect(() => policySet(policiesYaml([good, kind(action, when(key, ['v']))]))).toThrow(
          /unknown-attribute|bad-attribute-key|empty-value|bad-header-name|bad-claim|missing-field/,
        );
    for (const kind of [access, istio])
      expect(() => policySet(policiesYaml([good, kind('DENY', when('request.headers[x]', ['v']))]))).not.toThrow();
  });

  test.each([
    ['a field of a rule', { froms: [] }],
    ['a field of a source', { from: [{ source: { principal: ['x'] } }] }],
    ['a field of an operation', { to: [{ operation: { path: ['/x'] } }] }],
    ['a field of a condition', { when: [{ key: 'source.ip', value: ['10.0.0.1'] }] }],
    ['an address', { from: [{ source: { ipBlocks: ['10.0.0.0/33'] } }] }],
    ['a port', { to: [{ operation: { ports: ['http'] } }] }],
  ])('%s that is not known refuses the set', (_what, rule) => {
    for (const kind of [access, istio]) expect(() => policySet(policiesYaml([good, kind('DENY', rule)]))).toThrow();
    expect(() => policySet(policiesYaml([good]))).not.toThrow();
  });

  test('`check` decides nothing by a set with an error', async () => {
    using dir = files({ 'p.yaml': policiesYaml([good, istio('DENY', when('foo', ['v']))]) });
    const args = ['check', '--policies', dir.path, '--requests', '-'];
    const refused = await portcullis(args, { stdin: JSON.stringify(request()) });
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    dir.write('p.yaml', policiesYaml([good]));
    const decided = await portcullis(args, { stdin: JSON.stringify(request()) });
    expect(JSON.parse(decided.stdout)).toMatchObject({ decision: 'allow', httpStatus: 200, reason: 'allow_rule' });
  });
});

row('3.6', 'shadow results', () => {
  const shadowed = (action: 'ALLOW' | 'DENY', rule: Record<string, unknown>): PolicyText => ({
    name: `shadow-${action.toLowerCase()}`,
    spec: { action, mode: 'Shadow', rules: [rule] },
  });
  const respond = { request: { set: { 'x-a': 'v' } }, response: { set: { 'x-r': 'v' } } };

  test('a shadow ALLOW opens nothing and sets nothing', () => {
    const world = worldOf([shadowed('ALLOW', { respond })]);
    for (let time = 0; time < 2; time++) {
      const { status, reason, response } = verdictOf(world, {});
      expect([status, reason]).toEqual([403, 'no_rule_matched']);
      expect(pairsOf(response.deniedResponse?.headers)).toEqual([]);
    }
    expect(answerTo(worldOf([access('ALLOW', {})]), {})).toBe(ALLOWED);
  });

  test('a shadow DENY closes nothing and says nothing', () => {
    const world = worldOf([
      shadowed('DENY', { respond: { deny: { status: 418, body: 'shadow', headers: { 'x-s': 'v' } } } }),
      access('ALLOW', { respond }),
    ]);
    for (let time = 0; time < 2; time++) {
      const { response } = verdictOf(world, {});
      expect(pairsOf(response.okResponse?.headers)).toEqual([['x-a', 'v']]);
      expect(pairsOf(response.okResponse?.responseHeadersToAdd)).toEqual([['x-r', 'v']]);
      expect(JSON.stringify({ ...response, dynamicMetadata: null })).not.toContain('shadow');
    }
    expect(world.records.at(-1)?.decision.shadow?.reason).toBe('deny_rule');
  });

  test('beside an ALLOW that does not match, and beside a DENY that does, nothing changes', () => {
    const closed = [access('ALLOW', operation({ paths: ['/a'] })), access('DENY', operation({ paths: ['/d'] }))];
    const plain = worldOf(closed);
    const withShadow = worldOf([...closed, shadowed('ALLOW', {}), shadowed('DENY', {})]);
    for (const path of ['/a', '/b', '/d']) expect(answerTo(withShadow, { path })).toBe(answerTo(plain, { path }));
    expect(['/a', '/b', '/d'].map((path) => answerTo(plain, { path }))).toEqual([ALLOWED, NOT_MATCHED, DENIED]);
  });

  test('a dry-run DENY of Istio closes nothing, a dry-run ALLOW opens nothing that is closed', () => {
    const dry = (action: 'ALLOW' | 'DENY'): PolicyText => ({
      ...istio(action, {}),
      name: `dry-${action}`.toLowerCase(),
      annotations: { 'istio.io/dry-run': 'true' },
    });
    expect(answerTo(worldOf([dry('DENY'), istio('ALLOW', {})]), {})).toBe(ALLOWED);
    expect(answerTo(worldOf([dry('ALLOW'), istio('ALLOW', operation({ paths: ['/a'] }))]), {})).toBe(NOT_MATCHED);
  });
});

row('3.6', 'what a denial tells', () => {
  const world = worldOf([
    {
      name: 'secret-policy',
      spec: { action: 'DENY', rules: [{ name: 'secret-rule', ...operation({ paths: ['/d'] }) }] },
    },
    {
      name: 'other-policy',
      spec: { action: 'ALLOW', rules: [{ name: 'other-rule', ...operation({ paths: ['/a'] }) }] },
    },
    { name: 'far', namespace: 'bank', spec: { action: 'ALLOW', rules: [{}] } },
  ]);
  const elsewhere: Ask = { contextExtensions: { namespace: 'nowhere' } };

  /** All that a client sees. */
  const seen = (ask: Ask): unknown => verdictOf(world, ask).response.deniedResponse;

  test('403 is the same for a DENY, for no ALLOW, and for no policy at all', () => {
    expect([answerTo(world, { path: '/d' }), answerTo(world, { path: '/x' }), answerTo(world, elsewhere)]).toEqual([
      DENIED,
      NOT_MATCHED,
      '403 default_deny',
    ]);
    expect(seen({ path: '/d' })).toEqual(seen({ path: '/x' }));
    expect(seen(elsewhere)).toEqual(seen({ path: '/x' }));
    expect(answerTo(world, { path: '/a' })).toBe(ALLOWED);
  });

  test('400 is the same for path, host, method and headers', () => {
    const bad: readonly Ask[] = [
      { path: '/../a' },
      { host: 'a@b' },
      { method: 'G T' },
      { host: 'a', headers: { host: 'b' } },
    ];
    expect(bad.map((ask) => verdictOf(world, ask).status)).toEqual([400, 400, 400, 400]);
    for (const ask of bad) expect(seen(ask)).toEqual(seen(bad[0]!));
  });

  test('no name of a policy or rule, no value of the request, is in what the client gets', () => {
    for (const ask of [{ path: '/d' }, { path: '/x', host: 'attacker.example' }, elsewhere, { path: '/../<script>' }]) {
      const text = JSON.stringify(seen(ask));
      for (const word of ['secret', 'other-', 'shop', 'deny_rule', 'no_rule', 'attacker', 'script', 'malformed_'])
        expect(text).not.toContain(word);
    }
  });

  test('metadata, which stays in Envoy, has the reason', () => {
    const { response } = verdictOf(world, { path: '/d' });
    expect(JSON.stringify(response.dynamicMetadata ?? fromStruct(undefined))).toContain('decision_id');
    expect(JSON.stringify(response.status?.message ?? '')).not.toContain('secret');
    expect(world.records.at(-1)?.decision.rule?.policy.name).toBe('shop/secret-policy');
  });

  describe('a missing token', () => {
    test('is told without the name of the issuer that would do', () => {
      const needs = worldOf([access('ALLOW', source({ requestPrincipals: ['https://issuer.example/alice'] }))]);
      const { status, response } = verdictOf(needs, {});
      expect([status, JSON.stringify(response.deniedResponse).includes('issuer.example')]).toEqual([401, false]);
      expect(answerTo(needs, { claims: { iss: 'https://issuer.example', sub: 'alice' } })).toBe(ALLOWED);
    });
  });
});
