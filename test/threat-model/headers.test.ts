import { describe, expect, test } from '@jest/globals';
import { snapshotOf, testService } from '../extauthz/support/engine.ts';
import type { Ask, TestService } from '../extauthz/support/engine.ts';
import { policySet } from '../extauthz/support/engine.ts';
import { pairsOf } from '../extauthz/support/messages.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';
import { ALLOWED, DENIED, NOT_MATCHED, answerTo, row, verdictOf, withBytes, worldOf } from './support.ts';

const lines = (name: string, ...values: readonly string[]): Ask => ({
  rawHeaders: values.map((value) => [name, value] as const),
});
const joined = (name: string, ...values: readonly string[]): Ask => ({ headers: { [name]: values.join(',') } });

const removed = (world: TestService, ask: Ask): readonly string[] =>
  verdictOf(world, ask).response.okResponse?.headersToRemove ?? [];
const injected = (world: TestService, ask: Ask): readonly (readonly [string, string])[] =>
  pairsOf(verdictOf(world, ask).response.okResponse?.headers);

const respond = (name: string, template: string): Readonly<Record<string, unknown>> => ({
  respond: { request: { set: { [name]: template } } },
});

row('3.3', 'duplicates joined by comma', () => {
  const role = 'request.headers[x-role]';
  const kinds = [access, istio];
  const orders = [
    ['admin', 'user'],
    ['user', 'admin'],
    ['admin', 'user', 'x'],
    ['x', 'admin', 'user'],
    ['', 'admin'],
    ['admin', ''],
  ] as const;

  test.each(orders)('a DENY of one value meets it among %j %j', (...values) => {
    for (const kind of kinds) {
      const world = worldOf([kind('DENY', when(role, ['admin'])), kind('ALLOW', {})]);
      expect(answerTo(world, lines('x-role', ...values))).toBe(DENIED);
      expect(answerTo(world, joined('x-role', ...values))).toBe(DENIED);
      expect(answerTo(world, lines('X-Role', ...values))).toBe(DENIED);
      expect(answerTo(world, lines('x-role', 'user', 'guest'))).toBe(ALLOWED);
      expect(answerTo(world, joined('x-role', 'user', 'guest'))).toBe(ALLOWED);
    }
  });

  test.each(orders)('a DENY of all other values meets them among %j %j', (...values) => {
    for (const kind of kinds) {
      const world = worldOf([kind('DENY', when(role, [], ['admin'])), kind('ALLOW', {})]);
      // Joined, it may be one line that is not `admin`.
      expect(answerTo(world, joined('x-role', ...values))).toBe(DENIED);
      expect(answerTo(world, lines('x-role', 'admin'))).toBe(ALLOWED);
      expect(answerTo(world, joined('x-role', 'admin'))).toBe(ALLOWED);
    }
    const safe = worldOf([access('DENY', when(role, [], ['admin'])), access('ALLOW', {})]);
    expect(answerTo(safe, lines('x-role', ...values))).toBe(DENIED);
  });

  test.each(orders)('an ALLOW of one value is not met by %j %j joined', (...values) => {
    for (const kind of kinds) {
      const world = worldOf([kind('ALLOW', when(role, ['admin']))]);
      expect(answerTo(world, joined('x-role', ...values))).toBe(NOT_MATCHED);
      expect(answerTo(world, joined('x-role', 'admin'))).toBe(ALLOWED);
      expect(answerTo(world, lines('x-role', 'admin'))).toBe(ALLOWED);
    }
  });

  test.each(orders)('an ALLOW of AccessPolicy is not met by the lines %j %j', (...values) => {
    const world = worldOf([access('ALLOW', when(role, ['admin']))]);
    expect(answerTo(world, lines('x-role', ...values))).toBe(NOT_MATCHED);
    expect(answerTo(world, lines('x-role', 'admin'))).toBe(ALLOWED);
  });

  test('one line with commas is never what AuthorizationPolicy allows by a part', () => {
    const world = worldOf([istio('ALLOW', when(role, ['admin']))]);
    for (const value of ['admin,user', 'admin, user', ',admin', 'admin,', ' admin,x'])
      expect(answerTo(world, lines('x-role', value))).toBe(NOT_MATCHED);
    expect(answerTo(world, lines('x-role', 'user', 'admin'))).toBe(ALLOWED);
  });

  test('a prefix allows only what has it in every reading', () => {
    const safe = worldOf([access('ALLOW', when(role, ['team-*']))]);
    for (const form of [joined, lines]) {
      expect(answerTo(safe, form('x-role', 'team-a', 'root'))).toBe(NOT_MATCHED);
      expect(answerTo(safe, form('x-role', 'root', 'team-a'))).toBe(NOT_MATCHED);
      expect(answerTo(safe, form('x-role', 'team-a', 'team-b'))).toBe(ALLOWED);
    }
    // Istio lets any line match; `root,team-a` may be one line, which does not begin so.
    const plain = worldOf([istio('ALLOW', when(role, ['team-*']))]);
    expect(answerTo(plain, joined('x-role', 'root', 'team-a'))).toBe(NOT_MATCHED);
    expect(answerTo(plain, joined('x-role', 'team-a'))).toBe(ALLOWED);
  });
});

row('3.3', 'underscore for dash', () => {
  const world = worldOf([
    access(
      'ALLOW',
      { ...operation({ paths: ['/set'] }), ...respond('x-user-id', 'alice') },
      operation({ paths: ['/plain'] }),
    ),
  ]);
  test.each(['x_user_id', 'x-user_id', 'x_user-id', 'X_User_Id', 'X_USER-ID'])(
    '%s is removed, on every allow',
    (name) => {
      for (const ask of [joined(name, 'root'), lines(name, 'root'), lines(name, 'a', 'b')])
        for (const path of ['/set', '/plain', '/set', '/plain'])
          expect(removed(world, { ...ask, path }).map((each) => each.toLowerCase())).toContain(name.toLowerCase());
    },
  );
  test.each(['x_other', 'x__user_id', 'xuserid', 'x.user.id'])('%s is left alone', (name) => {
    expect(removed(world, { ...joined(name, 'x'), path: '/set' })).toEqual([]);
    expect(removed(world, { ...joined(name, 'x'), path: '/plain' })).toEqual(['x-user-id']);
  });
  test('an underscore of the policy is removed as a dash', () => {
    const owned = worldOf([access('ALLOW', respond('x_user', 'alice'))]);
    expect(removed(owned, joined('x-user', 'root'))).toEqual(['x-user']);
    expect(injected(owned, joined('x-user', 'root'))).toEqual([['x_user', 'alice']]);
    expect(removed(owned, joined('x-other', 'root'))).toEqual([]);
  });
  test('is not the header that a condition names', () => {
    for (const kind of [access, istio]) {
      const allow = worldOf([kind('ALLOW', when('request.headers[x-role]', ['admin']))]);
      expect(answerTo(allow, joined('x_role', 'admin'))).toBe(NOT_MATCHED);
      expect(answerTo(allow, joined('x-role', 'admin'))).toBe(ALLOWED);
    }
  });
});

row('3.3', 'identity headers from the client', () => {
  const setting = access(
    'ALLOW',
    { ...operation({ paths: ['/set'] }), ...respond('x-user', '${request.auth.claims[sub]}') },
    operation({ paths: ['/plain'] }),
  );
  const elsewhere: PolicyText = {
    name: 'elsewhere',
    namespace: 'bank',
    spec: { action: 'ALLOW', rules: [{ respond: { request: { set: { 'x-bank': 'v' }, remove: ['x-debug'] } } }] },
  };
  const shadow: PolicyText = {
    name: 'shadow',
    spec: {
      selector: { matchLabels: { app: 'orders' } },
      action: 'ALLOW',
      mode: 'Shadow',
      rules: [respond('x-shadow', 'v')],
    },
  };
  const spoofed = { 'x-user': 'root', 'x-bank': 'root', 'x-shadow': 'root' };
  const world = worldOf([setting, elsewhere, shadow]);

  test.each([
    ['a rule that sets nothing', { path: '/plain' }],
    ['a rule whose value is absent', { path: '/set' }],
    ['a rule whose value is empty', { path: '/set', claims: { sub: '' } }],
  ] as const)('are removed on an allow by %s, kept or not', (_what, ask) => {
    for (let time = 0; time < 3; time++)
      for (const headers of [{}, spoofed]) {
        expect(removed(world, { ...ask, headers })).toEqual(expect.arrayContaining(['x-bank', 'x-shadow', 'x-user']));
        expect(injected(world, { ...ask, headers })).toEqual([]);
      }
    expect(world.records.some(({ cache }) => cache === 'hit')).toBe(true);
  });

  test('are removed on an allow by default, and where a policy is only tried out', () => {
    const elsewhereToo = { ...shadow, spec: { ...shadow.spec, selector: { matchLabels: { app: 'other' } } } };
    const open = worldOf([elsewhere, elsewhereToo], { defaultAction: 'ALLOW' });
    for (let time = 0; time < 2; time++) {
      const { status, response } = verdictOf(open, { headers: spoofed });
      expect([status, response.okResponse?.headersToRemove]).toEqual([
        200,
        expect.arrayContaining(['x-bank', 'x-shadow']),
      ]);
    }
  });

  test('are overwritten where a value is set, never appended', () => {
    const { response } = verdictOf(world, { path: '/set', headers: spoofed, claims: { sub: 'alice' } });
    expect(response.okResponse?.headers).toEqual([
      { header: { key: 'x-user', value: 'alice' }, append: expect.objectContaining({}), appendAction: 2 },
    ]);
    expect(response.okResponse?.headers?.[0]?.append?.value ?? false).toBe(false);
    expect(response.okResponse?.headersToRemove).not.toContain('x-user');
  });

  test.each([
    ':path',
    ':authority',
    'host',
    'content-length',
    'connection',
    'transfer-encoding',
    'te',
    'upgrade',
    'keep-alive',
    'x-envoy-original-path',
    'X-Envoy-Internal',
    'x-forwarded-client-cert',
    'Host',
  ])('no rule may set or remove %s', (name) => {
    expect(() => policySet(policiesYaml([access('ALLOW', respond(name, 'v'))]))).toThrow(
      /forbidden-header|bad-header-name/,
    );
    expect(() => policySet(policiesYaml([access('ALLOW', { respond: { request: { remove: [name] } } })]))).toThrow(
      /forbidden-header|bad-header-name/,
    );
    expect(() => policySet(policiesYaml([access('ALLOW', respond('x-user', 'v'))]))).not.toThrow();
  });
});

row('3.3', 'blanking by an empty value', () => {
  const world = worldOf([access('ALLOW', respond('x-user', '${request.headers[x-in]}'))]);
  test.each([
    ['absent', {}],
    ['empty', { headers: { 'x-in': '' } }],
    ['an empty line', { rawHeaders: [['x-in', '']] }],
  ] as const)('a value that is %s removes the header', (_what, ask) => {
    expect(injected(world, ask)).toEqual([]);
    expect(removed(world, ask)).toEqual(['x-user']);
    expect(injected(world, { headers: { 'x-in': 'a' } })).toEqual([['x-user', 'a']]);
    expect(removed(world, { headers: { 'x-in': 'a' } })).toEqual([]);
  });
});

row('3.3', 'header value injection', () => {
  const world = worldOf([access('ALLOW', respond('x-user', '${request.auth.claims[sub]}'))]);
  test.each([
    'a\r\nx-admin: true',
    'a\nx-admin: true',
    'a\rb',
    'a\0b',
    '\r\n',
    '\u0001',
    '\u007f',
    '\u0085',
    '\u2028',
    'caf\u00e9',
    '\ud83d\ude00',
    'a,b',
    ' a',
    'a ',
    '\ta',
    '%0d%0a',
    'a\u0000\r\n\r\nHTTP/1.1 200 OK',
  ])('the claim %j is set as printable ASCII that means the same', (sub) => {
    const [[name, value] = ['', '']] = injected(world, { claims: { sub } });
    expect(name).toBe('x-user');
    expect(value).toMatch(/^[!-+\--~](?:[ -+\--~]*[!-+\--~])?$/);
    expect(decodeURIComponent(value)).toBe(sub);
    expect(injected(world, { claims: { sub: 'alice' } })).toEqual([['x-user', 'alice']]);
  });

  test.each([0x0d, 0x0a, 0x00, 0x80, 0xff])('the byte %i of a header is not passed on raw', (byte) => {
    const copying = worldOf([access('ALLOW', respond('x-copy', '${request.headers[x-in]}'))]);
    const { response, status } = verdictOf(
      copying,
      withBytes({ rawHeaders: [['x-in', 'aQb']] }, 'aQb', [97, byte, 98]),
    );
    for (const [, value] of pairsOf(response.okResponse?.headers)) expect(value).toMatch(/^[!-~]+$/);
    expect([200, 400, 500]).toContain(status);
    expect(injected(copying, { rawHeaders: [['x-in', 'ab']] })).toEqual([['x-copy', 'ab']]);
  });

  test.each(['a\r\nb', 'a\nb', 'a\0b'])('a policy that says %j itself is refused', (value) => {
    expect(() => policySet(policiesYaml([access('ALLOW', respond('x-user', value))]))).toThrow('bad-header-value');
  });

  test('a denial that repeats the request has no line break in its headers either', () => {
    const deny = worldOf([
      access('DENY', { respond: { deny: { status: 404, headers: { 'x-why': '${request.auth.claims[sub]}' } } } }),
    ]);
    const { status, response } = verdictOf(deny, { claims: { sub: 'a\r\nset-cookie: x=y' } });
    expect(status).toBe(404);
    expect(pairsOf(response.deniedResponse?.headers).find(([name]) => name === 'x-why')?.[1]).toBe(
      'a%0D%0Aset-cookie: x=y',
    );
  });
});

row('3.3', 'headers too long or too many', () => {
  const limits = { maxHeaders: 20, maxHeaderBytes: 2000 };
  const world = testService(snapshotOf(policiesYaml([access('ALLOW', {})])), { limits });
  const many = (count: number, value = 'v'): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${String(i)}`, value]));

  test('are answered 431, in both forms, below any rule', () => {
    expect(answerTo(world, { headers: many(20) })).toBe(ALLOWED);
    for (const headers of [many(21), many(2, 'v'.repeat(1000)), { ['x'.repeat(2001)]: '' }]) {
      expect(answerTo(world, { headers })).toBe('431 headers_too_large');
      expect(answerTo(world, { rawHeaders: Object.entries(headers) })).toBe('431 headers_too_large');
    }
    expect(answerTo(world, { rawHeaders: Array.from({ length: 21 }, () => ['x-a', ''] as const) })).toBe(
      '431 headers_too_large',
    );
    expect(answerTo(world, { rawHeaders: Array.from({ length: 20 }, () => ['x-a', ''] as const) })).toBe(ALLOWED);
  });

  test('a value to inject that is too long is a denial, also when it grows by its encoding', () => {
    const copying = worldOf([access('ALLOW', respond('x-copy', '${request.auth.claims[sub]}'))]);
    expect(answerTo(copying, { claims: { sub: 'a'.repeat(4096) } })).toBe(ALLOWED);
    for (const sub of ['a'.repeat(4097), '\n'.repeat(1366), 'a'.repeat(100_000)])
      expect(answerTo(copying, { claims: { sub } })).toBe('500 response_too_large');
  });
});

row('3.3', 'x-forwarded-client-cert', () => {
  const GATEWAY = 'spiffe://cluster.local/ns/edge/sa/gateway';
  const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
  const EVIL = 'spiffe://cluster.local/ns/evil/sa/x';
  const web = source({ principals: ['cluster.local/ns/shop/sa/web'] });
  const policies = [access('ALLOW', web)];
  const trusting = (depth: number) => worldOf(policies, { xfcc: { enabled: true, trustedPeers: [GATEWAY], depth } });
  const from = (xfcc: string, principal = GATEWAY): Ask => ({
    principal,
    headers: { 'x-forwarded-client-cert': xfcc },
  });

  test('is nothing without configuration, and nothing from anybody but the hop that is named', () => {
    const off = worldOf(policies);
    expect(answerTo(off, from(`URI=${WEB}`))).toBe(NOT_MATCHED);
    const on = trusting(0);
    for (const principal of ['', EVIL, `${GATEWAY}x`, 'gateway.example', 'CN=gateway', GATEWAY.toUpperCase()])
      expect([principal, answerTo(on, from(`URI=${WEB}`, principal))]).toEqual([principal, NOT_MATCHED]);
    expect(answerTo(on, from(`URI=${WEB}`))).toBe(ALLOWED);
    expect(answerTo(off, { principal: WEB })).toBe(ALLOWED);
  });

  test.each([
    `Subject="URI=${WEB}";URI=${EVIL}`,
    `Subject="\\",URI=${WEB}";URI=${EVIL}`,
    `Subject="x\\";URI=${WEB};y=\\"";URI=${EVIL}`,
    `URI=${WEB},URI=${EVIL}`,
    `URI=${EVIL},URI=${WEB}`,
    `URI=${WEB};URI=${EVIL}`,
    `URI=${EVIL};URI=${WEB}`,
    `Subject="x;URI=${WEB}`,
    `URI="${WEB}"x`,
    `URI=${WEB}"`,
    `URI="${WEB}`,
    `URI="${WEB}\\`,
    `URI="${WEB}\\n"`,
    `URI=${WEB},`,
    `,URI=${WEB}`,
    `URI=${WEB}\0`,
    `URI=${WEB}?x`,
    `URI=${WEB}/`,
    `URI= ${WEB}`,
    `URI=${WEB} `,
    `DNS=${WEB}`,
    `Subject="${WEB}"`,
    `By=${WEB}`,
    `By=${WEB};Hash=00;URI=${EVIL}`,
    `URI`,
    '',
    ' ',
    ';',
    ',',
    '=',
    `=${WEB}`,
    WEB,
    `U RI=${WEB}`,
    `URI%3D${WEB}`,
  ])('%s is not web', (xfcc) => {
    expect(answerTo(trusting(0), from(xfcc))).toBe(NOT_MATCHED);
    expect(answerTo(trusting(0), from(`By=${GATEWAY};Hash=00;Subject="a\\",b;c=d";URI=${WEB};DNS=x`))).toBe(ALLOWED);
  });

  test('of several elements the one at the configured depth counts, from the right', () => {
    const chain = `URI=${WEB},URI=${EVIL}`;
    expect([0, 1, 2, 3].map((depth) => answerTo(trusting(depth), from(chain)))).toEqual([
      NOT_MATCHED,
      NOT_MATCHED,
      ALLOWED,
      NOT_MATCHED,
    ]);
    // A client that puts an element in front of the hop's own gets nowhere.
    expect(answerTo(trusting(1), from(`URI=${WEB},URI=${WEB},URI=${EVIL}`))).toBe(NOT_MATCHED);
    expect(answerTo(trusting(1), from(`URI=${EVIL},URI=${WEB}`))).toBe(ALLOWED);
  });

  test('with a NUL in it is nobody to AuthorizationPolicy either', () => {
    const plain = worldOf([istio('ALLOW', source({ principals: ['cluster.local/ns/shop/*'] }))], {
      xfcc: { enabled: true, trustedPeers: [GATEWAY], depth: 0 },
    });
    expect(answerTo(plain, from(`URI=${WEB}\0`))).toBe(NOT_MATCHED);
    expect(answerTo(plain, from(`URI="${WEB}\0.evil"`))).toBe(NOT_MATCHED);
    expect(answerTo(plain, from(`URI=${WEB}`))).toBe(ALLOWED);
  });

  test('on two lines is nobody', () => {
    const name = 'x-forwarded-client-cert';
    const ask = (...values: readonly string[]): Ask => ({
      principal: GATEWAY,
      rawHeaders: values.map((value) => [name, value] as const),
    });
    expect(answerTo(trusting(1), ask(`URI=${EVIL}`, `URI=${WEB}`))).toBe(NOT_MATCHED);
    expect(answerTo(trusting(1), ask(`URI=${WEB}`, `URI=${WEB}`))).toBe(NOT_MATCHED);
    expect(answerTo(trusting(1), ask(`URI=${WEB}`))).toBe(ALLOWED);
  });

  test('that cannot be read does not keep a DENY of others from matching', () => {
    const deny = worldOf(
      [access('DENY', source({ notPrincipals: ['cluster.local/ns/shop/sa/web'] })), access('ALLOW', {})],
      {
        xfcc: { enabled: true, trustedPeers: [GATEWAY], depth: 0 },
      },
    );
    expect(answerTo(deny, from('URI="'))).toBe(DENIED);
    expect(answerTo(deny, from(`URI=${EVIL}`))).toBe(DENIED);
    expect(answerTo(deny, from(`URI=${WEB}`))).toBe(ALLOWED);
  });

  test('that cannot be read cannot slip by a DENY of somebody', () => {
    const deny = worldOf(
      [access('DENY', source({ principals: ['cluster.local/ns/evil/sa/x'] })), access('ALLOW', {})],
      {
        xfcc: { enabled: true, trustedPeers: [GATEWAY], depth: 0 },
      },
    );
    for (const xfcc of ['URI="', `URI=${EVIL}"`, `URI=${WEB},URI=${EVIL}`])
      expect(answerTo(deny, from(xfcc))).toBe(DENIED);
    expect(answerTo(deny, from(`URI=${WEB}`))).toBe(ALLOWED);
  });
});

row('3.3', 'failure mode header', () => {
  const mark = 'x-envoy-auth-failure-mode-allowed';
  test.each([mark, mark.toUpperCase(), 'X-Envoy-Auth-Failure-Mode-Allowed'])(
    '%s is removed on input, kept or not',
    (name) => {
      for (const world of [worldOf([access('ALLOW', {})]), worldOf([], { defaultAction: 'ALLOW' })])
        for (let time = 0; time < 2; time++) {
          expect(removed(world, lines(name, 'true'))).toEqual([mark]);
          expect(removed(world, joined(mark, 'true'))).toEqual([mark]);
          expect(removed(world, lines('x-other', 'true'))).toEqual([]);
        }
    },
  );
});

row('3.3', 'query injection', () => {
  const world = worldOf([
    access('ALLOW', {
      respond: { request: { query: { set: { user: '${request.auth.claims[sub]}' }, remove: ['admin'] } } },
    }),
  ]);
  const query = (ask: Ask) => verdictOf(world, { path: '/x', ...ask }).response.okResponse;

  test.each([
    'a&admin=1',
    'a=b',
    'a#b',
    'a?b',
    'a b',
    'a+b',
    '%26admin=1',
    'a;b',
    'a\r\nb',
    'caf\u00e9',
    '/../',
    'a\0',
  ])('the claim %j stays one value', (sub) => {
    const [{ key, value = '' } = { key: '' }] = query({ claims: { sub } })?.queryParametersToSet ?? [];
    expect(key).toBe('user');
    expect(value).toMatch(/^[A-Za-z0-9\-._~%]*$/);
    expect(decodeURIComponent(value)).toBe(sub);
    expect(query({ claims: { sub: 'alice' } })?.queryParametersToSet).toEqual([{ key: 'user', value: 'alice' }]);
  });

  test.each(['%61dmin', 'adm%69n', '%61%64%6D%69%6e', '%61dmin=1&%61dmin'])('%s is removed with `admin`', (written) => {
    const names = query({ path: `/x?${written}=1&b=2` })?.queryParametersToRemove ?? [];
    expect(names).toEqual(expect.arrayContaining(['admin', written.split('=')[0]!]));
    expect(names).not.toContain('b');
  });

  test('a value that is absent removes the parameter of the client', () => {
    expect(query({ path: '/x?user=root' })?.queryParametersToRemove).toContain('user');
    expect(query({ path: '/x?%75ser=root' })?.queryParametersToRemove).toContain('%75ser');
  });

  describe('a key in bytes that no text has', () => {
    test('to remove is a denial', () => {
      const none = worldOf([access('ALLOW', { respond: { request: { query: { remove: ['a'] } } } })]);
      expect(answerTo(none, { path: '/x?a=1' })).toBe(ALLOWED);
      expect(answerTo(none, withBytes({ path: '/x?aQ=1' }, 'aQ', [97, 0xff]))).toBe('400 malformed_path');
    });
  });
});
