import { describe, expect, it } from '@jest/globals';
import { outcomeOf, snapshotOf } from '../../extauthz/support/engine.ts';
import type { Ask } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../../extauthz/support/yaml.ts';
import { SAN, certificate, urlEncodedPem } from '../../lib/x509/certificate.ts';

type Rule = Readonly<Record<string, unknown>>;

/** Does one rule match, in a policy of either kind and either action? */
function matches(kind: 'access' | 'istio', action: 'ALLOW' | 'DENY', rule: Rule, ask: Ask): boolean {
  const policy = kind === 'access' ? access(action, rule) : istio(action, rule);
  const snapshot = snapshotOf(policiesYaml([policy]), { defaultAction: 'ALLOW', ambiguousPaths: 'evaluate' });
  const outcome = outcomeOf(snapshot, ask);
  // A denial for want of a token is the rule's too, unless it is an ALLOW that did not match.
  return action === 'ALLOW' ? outcome.startsWith('allow_rule') : / shop\/p0/.test(outcome);
}

/** For an ALLOW and for a DENY. */
const both = (kind: 'access' | 'istio', rule: Rule, ask: Ask): readonly [allow: boolean, deny: boolean] => [
  matches(kind, 'ALLOW', rule, ask),
  matches(kind, 'DENY', rule, ask),
];

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const EVIL = 'spiffe://cluster.local/ns/evil/sa/x';
const pem = (...names: readonly (readonly [number, string])[]): string => urlEncodedPem(certificate({ names }));

describe('a peer', () => {
  const two = { certificate: pem([SAN.uri, WEB], [SAN.uri, EVIL]) };
  const odd = { certificate: pem([SAN.uri, 'https://example.com']) };
  const subject = { principal: 'CN=web' };
  const nobody = { principal: '' };

  it.each<[string, 'access' | 'istio', Rule, Ask, readonly [boolean, boolean]]>([
    [
      'of one URI SAN is who it is',
      'access',
      source({ principals: ['cluster.local/ns/shop/sa/web'] }),
      {},
      [true, true],
    ],
    ['of another name is not', 'access', source({ principals: ['cluster.local/ns/shop/sa/we'] }), {}, [false, false]],
    [
      'of two URI SANs is nobody for an ALLOW and each for a DENY',
      'access',
      source({ namespaces: ['shop'] }),
      two,
      [false, true],
    ],
    ['of two is not certainly anyone', 'access', source({ principals: ['*'] }), two, [false, true]],
    ['of two may be nobody: not…', 'access', source({ notNamespaces: ['shop'] }), two, [false, true]],
    ['of two is certainly none of others: not…', 'access', source({ notNamespaces: ['other'] }), two, [true, true]],
    ['whose URI is no SPIFFE ID is nobody', 'access', source({ principals: ['*'] }), odd, [false, false]],
    ['that is nobody is no one: not…', 'access', source({ notPrincipals: ['*'] }), odd, [true, true]],
    ['with only a subject is nobody', 'access', source({ principals: ['*'] }), subject, [false, false]],
    ['that is not there is nobody', 'access', source({ principals: ['*'] }), nobody, [false, false]],
    ['that is not there is no one: not…', 'access', source({ notNamespaces: ['shop'] }), nobody, [true, true]],
    ['in Istio is any of its names', 'istio', source({ namespaces: ['evil'] }), two, [true, true]],
    ['in Istio is any name with `*`', 'istio', source({ principals: ['*'] }), subject, [true, true]],
    ['in Istio is none of its names: not…', 'istio', source({ notNamespaces: ['evil'] }), two, [false, false]],
    ['in Istio that is not there is none', 'istio', source({ principals: ['*'] }), nobody, [false, false]],
    ['has an account', 'access', source({ serviceAccounts: ['web'] }), {}, [true, true]],
    ['has an account of another namespace', 'access', source({ serviceAccounts: ['edge/web'] }), {}, [false, false]],
    [
      'with a longer path has no account',
      'access',
      source({ serviceAccounts: ['web'] }),
      { principal: `${WEB}/x` },
      [false, false],
    ],
    [
      'with a longer path has one in Istio',
      'istio',
      source({ serviceAccounts: ['web'] }),
      { principal: `${WEB}/x` },
      [true, true],
    ],
    ['has a trust domain', 'access', source({ trustDomains: ['cluster.local'] }), {}, [true, true]],
    ['has no other trust domain', 'access', source({ trustDomains: ['cluster'] }), {}, [false, false]],
  ])('%s (%s)', (_, kind, rule, ask, expected) => {
    expect(both(kind, rule, ask)).toEqual(expected);
  });
});

describe('a peer whose proof cannot be read', () => {
  const unreadable: readonly Ask[] = [
    { certificate: 'x' },
    { principal: 'spiffe://cluster.local/ns/shop/sa/web\0' },
    { certificate: urlEncodedPem(certificate({ names: [[SAN.uri, `${WEB}\0`]] })) },
  ];

  it.each<[string, 'access' | 'istio', Rule]>([
    ['someone', 'access', source({ principals: ['cluster.local/ns/a/sa/b'] })],
    ['not someone', 'access', source({ notPrincipals: ['cluster.local/ns/a/sa/b'] })],
    ['someone', 'istio', source({ principals: ['cluster.local/ns/a/sa/b'] })],
    ['not someone', 'istio', source({ notPrincipals: ['cluster.local/ns/a/sa/b'] })],
    ['not of a namespace', 'istio', source({ notNamespaces: ['shop'] })],
    ['of a condition', 'access', { condition: '!has(source.namespace)' }],
  ])('is nobody for an ALLOW and may be anybody for a DENY: %s (%s)', (_, kind, rule) => {
    for (const ask of unreadable) expect(both(kind, rule, ask)).toEqual([false, true]);
  });
});

describe('an address', () => {
  const mapped = { sourceIp: '::ffff:10.0.0.9' };

  it.each<[string, 'access' | 'istio', Rule, Ask, readonly [boolean, boolean]]>([
    ['in a block', 'access', source({ ipBlocks: ['10.0.0.0/8'] }), {}, [true, true]],
    ['outside a block: not…', 'access', source({ notIpBlocks: ['192.0.2.0/24'] }), {}, [true, true]],
    ['mapped may be either: IPv4 block', 'access', source({ ipBlocks: ['10.0.0.0/8'] }), mapped, [false, true]],
    ['mapped may be either: not…', 'access', source({ notIpBlocks: ['10.0.0.0/8'] }), mapped, [false, true]],
    ['mapped is IPv6 only in Istio', 'istio', source({ ipBlocks: ['10.0.0.0/8'] }), mapped, [false, false]],
    [
      'of no kind is in no block',
      'access',
      source({ ipBlocks: ['0.0.0.0/0', '::/0'] }),
      { sourceIp: '' },
      [false, false],
    ],
    ['of no kind: not…', 'access', source({ notIpBlocks: ['0.0.0.0/0'] }), { sourceIp: '' }, [true, true]],
    [
      'of the client, where the header says it',
      'access',
      source({ remoteIpBlocks: ['192.0.2.0/24'] }),
      { headers: { 'x-forwarded-for': '192.0.2.7' } },
      [true, true],
    ],
    [
      'of the client is not guessed for an ALLOW',
      'access',
      source({ remoteIpBlocks: ['10.0.0.0/8'] }),
      {},
      [false, true],
    ],
    ['of the client, guessed: not…', 'access', source({ notRemoteIpBlocks: ['192.0.2.0/24'] }), {}, [false, true]],
    [
      'of the client, guessed to be in the block: not…',
      'access',
      source({ notRemoteIpBlocks: ['10.0.0.0/8'] }),
      {},
      [false, true],
    ],
    ['of the client is the peer in Istio', 'istio', source({ remoteIpBlocks: ['10.0.0.0/8'] }), {}, [true, true]],
    ['of the destination', 'access', when('destination.ip', ['10.0.0.1']), {}, [true, true]],
  ])('%s (%s)', (_, kind, rule, ask, expected) => {
    expect(both(kind, rule, ask)).toEqual(expected);
  });
});

describe('a path', () => {
  const admin = operation({ paths: ['/admin'] });
  const notAdmin = operation({ notPaths: ['/admin'] });

  it.each<[string, 'access' | 'istio', Rule, string, readonly [boolean, boolean]]>([
    ['as it is', 'access', admin, '/admin', [true, true]],
    ['with a query', 'access', admin, '/admin?x=/other', [true, true]],
    ['in one reading only', 'access', admin, '/%61dmin', [false, true]],
    ['in one reading only: not…', 'access', notAdmin, '/%61dmin', [false, true]],
    ['behind dots', 'access', admin, '/x/../admin', [false, true]],
    ['behind a parameter', 'access', admin, '/admin;x', [false, true]],
    ['behind slashes', 'access', admin, '//admin', [false, true]],
    ['in no reading', 'access', admin, '/admins', [false, false]],
    ['with too many readings', 'access', admin, `/${'%25'.repeat(1)}${'25'.repeat(40)}61`, [false, true]],
    ['that is not there', 'access', operation({ paths: ['*'] }), '', [false, false]],
    ['that is not there: not…', 'access', operation({ notPaths: ['/a'] }), '', [true, true]],
    ['as it stands in Istio', 'istio', admin, '/%61dmin', [false, false]],
    ['as it stands in Istio: not…', 'istio', notAdmin, '/%61dmin', [true, true]],
  ])('%s (%s)', (_, kind, rule, path, expected) => {
    expect(both(kind, rule, { path, method: path === '' ? 'CONNECT' : 'GET' })).toEqual(expected);
  });
});

describe('a host', () => {
  const orders = operation({ hosts: ['orders.shop'] });

  it.each<[string, 'access' | 'istio', Rule, string, readonly [boolean, boolean]]>([
    ['without its port and in any case', 'access', orders, 'Orders.SHOP:8080', [true, true]],
    ['without its trailing dot', 'access', orders, 'orders.shop.', [true, true]],
    ['of another name', 'access', orders, 'xorders.shop', [false, false]],
    ['that is not there', 'access', operation({ hosts: ['*'] }), '', [false, false]],
    ['that is not there: not…', 'access', operation({ notHosts: ['orders.shop'] }), '', [true, true]],
    ['that can be read in two ways', 'access', orders, 'orders.shop@evil', [false, true]],
    [
      'that can be read in two ways: not…',
      'access',
      operation({ notHosts: ['evil'] }),
      'orders.shop@evil',
      [false, true],
    ],
    ['with its port in Istio', 'istio', orders, 'orders.shop:8080', [false, false]],
    ['in any case in Istio', 'istio', orders, 'Orders.SHOP', [true, true]],
  ])('%s (%s)', (_, kind, rule, host, expected) => {
    expect(both(kind, rule, { host })).toEqual(expected);
  });
});

describe('a header', () => {
  const isB = when('request.headers[x-a]', ['b']);
  const notB = when('request.headers[x-a]', [], ['b']);
  const lines = (...values: readonly string[]): Ask => ({ rawHeaders: values.map((value) => ['x-a', value] as const) });
  const joined = (value: string): Ask => ({ headers: { 'x-a': value } });

  it.each<[string, 'access' | 'istio', Rule, Ask, readonly [boolean, boolean]]>([
    ['on one line', 'access', isB, lines('b'), [true, true]],
    ['that is not there', 'access', isB, {}, [false, false]],
    ['that is not there: not…', 'access', notB, {}, [true, true]],
    ['with another on a second line', 'access', isB, lines('b', 'c'), [false, true]],
    ['with another on a second line: not…', 'access', notB, lines('b', 'c'), [false, true]],
    ['twice the same', 'access', isB, lines('b', 'b'), [true, true]],
    ['joined to something else', 'access', isB, joined('b,c'), [false, true]],
    ['joined to something else: not…', 'access', notB, joined('b,c'), [false, true]],
    ['the joined text itself', 'access', when('request.headers[x-a]', ['b,c']), joined('b,c'), [false, true]],
    ['the joined text of two lines', 'access', when('request.headers[x-a]', ['b,c']), lines('b', 'c'), [false, true]],
    ['any of two lines in Istio', 'istio', isB, lines('c', 'b'), [true, true]],
    ['none of two lines in Istio: not…', 'istio', notB, lines('c', 'b'), [false, false]],
    ['joined, which may have been two lines or one', 'istio', isB, joined('b,c'), [false, true]],
    ['joined, which may have been two lines or one: not…', 'istio', notB, joined('b,c'), [false, true]],
    ['joined of what matches in every way', 'istio', when('request.headers[x-a]', ['b*']), joined('b,b'), [true, true]],
    ['joined of what matches in no way', 'istio', isB, joined('c,d'), [false, false]],
    ['`*` with an empty value', 'istio', when('request.headers[x-a]', ['*']), joined(''), [true, true]],
    ['`*` that is not there', 'istio', when('request.headers[x-a]', ['*']), {}, [false, false]],
    ['host, which is the authority', 'istio', when('request.headers[host]', ['orders.shop']), {}, [true, true]],
    [
      'host, in its own case',
      'istio',
      when('request.headers[host]', ['orders.shop']),
      { host: 'Orders.shop' },
      [false, false],
    ],
  ])('%s (%s)', (_, kind, rule, ask, expected) => {
    expect(both(kind, rule, ask)).toEqual(expected);
  });
});

type Claimed = NonNullable<Ask['claims']>[string];

describe('a token', () => {
  const alice: Ask = {
    claims: { iss: 'iss', sub: 'alice', aud: ['api', 'web'], azp: 'app', n: 1, realm: { roles: ['a', 'b'] } },
  };

  it.each<[string, Rule, Ask, readonly [boolean, boolean]]>([
    ['with the principal', source({ requestPrincipals: ['iss/alice'] }), alice, [true, true]],
    ['without the principal', source({ requestPrincipals: ['iss/bob'] }), alice, [false, false]],
    ['that is not there', source({ requestPrincipals: ['*'] }), {}, [false, false]],
    [
      'whose subject is no string',
      source({ requestPrincipals: ['*'] }),
      { claims: { iss: 'iss', sub: 7 } },
      [false, false],
    ],
    ['for an audience', when('request.auth.audiences', ['web']), alice, [true, true]],
    ['from a presenter', when('request.auth.presenter', ['app']), alice, [true, true]],
    ['with a nested claim', when('request.auth.claims[realm][roles]', ['b']), alice, [true, true]],
    ['with a claim named like a property', when('request.auth.claims[constructor]', ['*']), alice, [false, false]],
    ['without a claim: not…', when('request.auth.claims[x]', [], ['y']), alice, [true, true]],
  ])('%s', (_, rule, ask, expected) => {
    expect(both('istio', rule, ask)).toEqual(expected);
    expect(both('access', rule, ask)).toEqual(expected);
  });

  it.each<[string, string, Claimed, boolean]>([
    ['a number', '3', 3, true],
    ['another number', '3', 30, false],
    ['a fraction', '0.5', 0.5, true],
    ['a number by its beginning', '3*', 30, true],
    ['a boolean', 'true', true, true],
    ['the other boolean', 'true', false, false],
    ['an element that is a number', '3', ['a', 3], true],
    ['a number that is there', '*', 0, true],
    ['a number whose digits are lost', '9007199254740992', 2 ** 53, false],
    ['null', 'null', null, false],
    ['a list in a list', '3', [[3]], false],
  ])('with a claim that is %s matches in an AccessPolicy only', (_, value, claim, matches) => {
    const ask: Ask = { claims: { iss: 'iss', n: claim } };
    const [is, not] = [when('request.auth.claims[n]', [value]), when('request.auth.claims[n]', [], [value])];
    expect(both('access', is, ask)).toEqual([matches, matches]);
    expect(both('access', not, ask)).toEqual([!matches, !matches]);
    expect(both('istio', is, ask)).toEqual([false, false]);
    expect(both('istio', not, ask)).toEqual([true, true]);
  });
});

describe('what else a request has', () => {
  it.each<[string, Rule, Ask, readonly [boolean, boolean]]>([
    ['its method', operation({ methods: ['GET'] }), { method: 'GET' }, [true, true]],
    ['its method in other case', operation({ methods: ['GET'] }), { method: 'get' }, [false, false]],
    ['its port', operation({ ports: ['8080'] }), {}, [true, true]],
    ['another port', operation({ notPorts: ['8080'] }), {}, [false, false]],
    ['its server name', when('connection.sni', ['orders.shop']), { sni: 'Orders.Shop' }, [true, true]],
    ['no server name', when('connection.sni', ['*']), {}, [false, false]],
    [
      'metadata of a filter',
      when('experimental.envoy.filters.a.b[c]', ['[x]']),
      { metadata: { 'envoy.filters.a.b': { c: ['x'] } } },
      [true, true],
    ],
  ])('%s', (_, rule, ask, expected) => {
    expect(both('istio', rule, ask)).toEqual(expected);
    expect(both('access', rule, ask)).toEqual(expected);
  });
});

describe('a condition', () => {
  const rule = (condition: string): Rule => ({ condition });

  it.each<[string, string, Ask, readonly [boolean, boolean]]>([
    ['that holds', 'request.method == "GET"', {}, [true, true]],
    ['that does not', 'request.method == "POST"', {}, [false, false]],
    ['with an error', 'claims.acr == "mfa"', {}, [false, true]],
    ['that holds in one reading of the path only', 'request.path == "/admin"', { path: '/%61dmin' }, [false, true]],
    [
      'on a header that came twice',
      'request.headers["x-a"] != "b"',
      {
        rawHeaders: [
          ['x-a', 'b'],
          ['x-a', 'c'],
        ],
      },
      [false, true],
    ],
    [
      'on a header that is no UTF-8',
      'request.headers["x-a"] != "b"',
      { rawHeaders: [['x-a', Buffer.of(0xff)]] },
      [false, true],
    ],
    ['on a parameter that came twice', '!has(request.query.x)', { path: '/?x=1&x=2' }, [false, true]],
    [
      'on a certificate with two URI SANs',
      '!has(source.namespace)',
      { certificate: pem([SAN.uri, WEB], [SAN.uri, EVIL]) },
      [false, true],
    ],
    ['on numbers', 'claims.level >= 2', { claims: { level: 3 } }, [true, true]],
    [
      'on the called workload',
      'destination.labels["app"] == "orders" && destination.namespace == "shop"',
      {},
      [true, true],
    ],
  ])('%s', (_, condition, ask, expected) => {
    expect(both('access', rule(condition), ask)).toEqual(expected);
  });
});

describe('a rule', () => {
  it('needs one of its sources, one of its operations, and all of its conditions', () => {
    const rule: Rule = {
      ...source({ namespaces: ['other'] }, { namespaces: ['shop'], ipBlocks: ['10.0.0.0/8'] }),
      ...operation({ methods: ['POST'] }, { methods: ['GET'], paths: ['/a'] }),
      when: [
        { key: 'request.headers[x-a]', values: ['b'] },
        { key: 'destination.port', values: ['8080'] },
      ],
    };
    const good: Ask = { path: '/a', headers: { 'x-a': 'b' } };
    expect(both('access', rule, good)).toEqual([true, true]);
    for (const bad of [
      { path: '/b' },
      { headers: {} },
      { sourceIp: '192.0.2.1' },
      { destinationPort: 9 },
      { method: 'PUT' },
    ])
      expect(both('access', rule, { ...good, ...bad })).toEqual([false, false]);
  });
});
