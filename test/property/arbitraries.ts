/**
 * Policy sets and requests from one small vocabulary, so that they meet often: paths, names and headers
 * that match by a hair, or miss by one.
 */
import fc from 'fast-check';
import { NOW_MS } from '../extauthz/support/engine.ts';
import type { DecisionSettings } from '../../src/policy-index/settings.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import type { Json } from '../extauthz/support/messages.ts';
import { SAN, certificate, urlEncodedPem } from '../lib/x509/certificate.ts';

type Fields = Readonly<Record<string, unknown>>;

function someOf<T>(...values: readonly T[]): fc.Arbitrary<T[]> {
  return fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
}

/** An object with a few of the fields: with many, hardly a request would match. */
function fields(makers: Readonly<Record<string, fc.Arbitrary<unknown>>>, most = 2, least = 1): fc.Arbitrary<Fields> {
  const names = fc.uniqueArray(fc.constantFrom(...Object.keys(makers)), { minLength: least, maxLength: most });
  return names.chain((chosen) =>
    fc.record(Object.fromEntries(chosen.map((name) => [name, makers[name]!])), { noNullPrototype: true }),
  );
}

const PATHS = ['/', '/a', '/a*', '/a/*', '/a/b', '/a/', '/ab', '*/b', '*b', '*', '/b/*', '/A'] as const;
const TEMPLATES = ['/a/{*}', '/a/{**}', '/{*}', '/{**}', '/a/{*}/c', '/a/{**}/c', '/{*}/b'] as const;
const paths = someOf(...PATHS, ...TEMPLATES);
const accessPaths = someOf(...PATHS, ...TEMPLATES, '/café', '/caf%C3%A9', '/a b');
const hosts = someOf('orders.shop', 'ORDERS.shop', '*.shop', 'orders.*', '*');
const methods = someOf('GET', 'POST', 'G*', '*', 'CONNECT');
const ports = someOf('8080', '9090');

const operation = (pathValues: fc.Arbitrary<string[]>): fc.Arbitrary<Fields> =>
  fields({
    paths: pathValues,
    notPaths: pathValues,
    hosts,
    notHosts: hosts,
    methods,
    notMethods: methods,
    ports,
    notPorts: ports,
  });

const principals = someOf(
  'cluster.local/ns/shop/sa/web',
  'cluster.local/ns/edge/sa/gateway',
  'cluster.local/ns/shop/*',
  '*/sa/web',
  '*',
);
const namespaces = someOf('shop', 'edge', 's*');
const blocks = someOf('10.0.0.0/8', '10.0.0.9', '192.0.2.0/24', '::/0');
const requestPrincipals = someOf('iss/alice', 'iss/*', '*', '*/bob', 'iss/al*');

const source = (groups: boolean): fc.Arbitrary<Fields> => {
  const others = {
    requestPrincipals,
    notRequestPrincipals: requestPrincipals,
    trustDomains: someOf('cluster.local', 'other.example', 'cluster*'),
    ipBlocks: blocks,
    notIpBlocks: blocks,
    remoteIpBlocks: blocks,
    notRemoteIpBlocks: blocks,
    ...(groups ? { groups: someOf('staff', 'istio-system/robots') } : {}),
  };
  return fc.oneof(
    fields({ ...others, principals, notPrincipals: principals, namespaces, notNamespaces: namespaces }),
    fields({ ...others, serviceAccounts: someOf('web', 'edge/gateway'), notServiceAccounts: someOf('web') }),
  );
};

const KEYS: Readonly<Record<string, fc.Arbitrary<string[]>>> = {
  'request.headers[x-a]': someOf('a', 'b', 'a,b', 'a*', '*b', '*'),
  'request.headers[x-user]': someOf('root'),
  'request.auth.claims[role]': someOf('admin', 'dev', '*', '1', 'true', '1*'),
  'request.auth.claims[realm][roles]': someOf('admin', 'a*'),
  'request.auth.audiences': someOf('api'),
  'source.ip': blocks,
  'remote.ip': blocks,
  'source.namespace': namespaces,
  'destination.port': ports,
  'connection.sni': someOf('orders.shop', '*.shop'),
};
/** An AccessPolicy compares hosts in `hosts` only. */
const ISTIO_KEYS = { ...KEYS, 'request.headers[host]': someOf('orders.shop', 'Orders.Shop.') };

const condition = (keys: typeof KEYS): fc.Arbitrary<Fields> =>
  fc
    .constantFrom(...Object.keys(keys))
    .chain((key) => fc.tuple(fc.constant(key), fields({ values: keys[key]!, notValues: keys[key]! })))
    .map(([key, values]) => ({ key, ...values }));

const rule = (access: boolean): fc.Arbitrary<Fields> =>
  fields(
    {
      from: fc.array(
        source(access).map((each) => ({ source: each })),
        { minLength: 1, maxLength: 2 },
      ),
      to: fc.array(
        operation(access ? accessPaths : paths).map((each) => ({ operation: each })),
        { minLength: 1, maxLength: 2 },
      ),
      when: fc.array(condition(access ? KEYS : ISTIO_KEYS), { minLength: 1, maxLength: 1 }),
    },
    2,
    0,
  );

export const CERTIFICATE_CONDITIONS = [
  'source.certificate.serial == "08"',
  '!has(source.certificate)',
  'source.certificate.uris.exists(uri, uri.endsWith("/web")) && size(source.certificate.dnsNames) == 1',
  'has(source.certificate.notAfter) || source.certificate.sha256.startsWith("a")',
  '"certificate" in source',
] as const;
const CONDITIONS = [
  'claims.role == "admin"',
  'request.path.startsWith("/a")',
  'request.headers["x-a"] == "a"',
  'has(request.query.x)',
  '!(has(request.query.x) && request.query.x == "1")',
  'source.namespace == "shop"',
  'request.auth.subject == "alice" || request.method == "GET"',
  'destination.labels["app"] == "orders"',
  '"x-a" in request.headers',
  ...CERTIFICATE_CONDITIONS,
] as const;

/** Within a minute of the tests' clock, which goes a few seconds further. */
const time = (seconds: number): string => new Date(NOW_MS + seconds * 1000).toISOString();
const valid = fc
  .tuple(fc.integer({ min: -3, max: 15 }), fc.integer({ min: 1, max: 5 }), fc.constantFrom('both', 'from', 'until'))
  .map(([from, length, ends]) => ({
    ...(ends === 'until' ? {} : { from: time(from) }),
    ...(ends === 'from' ? {} : { until: time(from + length) }),
  }));

const respond = fields({
  request: fields({
    set: fields({
      'x-user': fc.constantFrom('${request.auth.claims[sub]}', 'u-${request.auth.principal}'),
      'x-peer': fc.constantFrom('${source.principal}', '${request.headers[x-a]}', 'fixed'),
      'x-path': fc.constantFrom('${request.headers[:path]}', '${decision.rule}', '${request.auth.audiences}'),
    }),
    remove: someOf('x-a', 'x-b'),
    query: fields({
      set: fields({ who: fc.constantFrom('me', '${request.auth.claims[sub]}') }),
      remove: someOf('x', 'y'),
    }),
  }),
  response: fields({ set: fields({ 'x-policy': fc.constantFrom('${decision.policy}', '${connection.sni}') }) }),
});
const denyRespond = fields({
  deny: fields({
    status: fc.constantFrom(401, 403, 404, 451, 503),
    body: fc.constantFrom('no', 'no, ${request.headers[x-a]}', '${decision.reason}'),
    headers: fields({ 'x-why': fc.constantFrom('${request.auth.claims[sub]}', '${decision.policy}') }),
  }),
});

const accessRule = (action: string): fc.Arbitrary<Fields> =>
  fc
    .tuple(
      rule(true),
      fields(
        { condition: fc.constantFrom(...CONDITIONS), valid, respond: action === 'ALLOW' ? respond : denyRespond },
        2,
        0,
      ),
    )
    .map(([fieldsOfRule, more]) => ({ ...fieldsOfRule, ...more }));

const actions = fc.constantFrom('ALLOW', 'ALLOW', 'DENY');
const selector = fc.constantFrom(
  undefined,
  undefined,
  { matchLabels: { app: 'orders' } },
  { matchLabels: { app: 'carts' } },
);
const policyNamespace = fc.constantFrom('shop', 'shop', 'shop', 'istio-system');

const accessPolicy = actions.chain((action) =>
  fc.record({
    namespace: policyNamespace,
    spec: fc.record(
      {
        action: fc.constant(action),
        rules: fc.array(accessRule(action), { minLength: 1, maxLength: 4 }),
        selector,
        mode: fc.constantFrom('Enforce', 'Enforce', 'Shadow'),
      },
      { noNullPrototype: true },
    ),
  }),
);
const authorizationPolicy = fc.record({
  namespace: policyNamespace,
  annotations: fc.constantFrom({}, {}, {}, { 'istio.io/dry-run': 'true' }),
  spec: fc.record(
    { action: actions, rules: fc.array(rule(false), { minLength: 1, maxLength: 4 }), selector },
    { noNullPrototype: true },
  ),
});

const GROUPS = [
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: { name: 'staff', namespace: 'shop' },
    spec: {
      spiffeIds: ['cluster.local/ns/edge/*'],
      subjects: [{ issuer: 'iss', subjects: ['alice'] }],
      groups: ['istio-system/robots'],
    },
  },
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: { name: 'staff', namespace: 'istio-system' },
    spec: { spiffeIds: ['cluster.local/ns/istio-system/sa/x'] },
  },
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: { name: 'robots', namespace: 'istio-system' },
    spec: { claims: [{ issuer: 'iss', claim: 'role', values: ['robot', 'dev', '1', 'tr*'] }] },
  },
];

/** A whole set, as YAML (JSON is YAML). */
export const policies: fc.Arbitrary<string> = fc
  .tuple(fc.array(accessPolicy, { maxLength: 3 }), fc.array(authorizationPolicy, { maxLength: 3 }))
  .map(([access, istio]) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        ...access.map(({ namespace, spec }, i) => ({
          apiVersion: 'portcullis.dev/v1',
          kind: 'AccessPolicy',
          metadata: { name: `access-${i}`, namespace },
          spec,
        })),
        ...istio.map(({ namespace, annotations, spec }, i) => ({
          apiVersion: 'security.istio.io/v1',
          kind: 'AuthorizationPolicy',
          metadata: { name: `istio-${i}`, namespace, annotations },
          spec,
        })),
        ...GROUPS,
      ],
    }),
  );

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const GATEWAY = 'spiffe://cluster.local/ns/edge/sa/gateway';
const CERTIFICATES = [[WEB], [WEB, GATEWAY], [GATEWAY, 'https://example.com'], ['', WEB]].map((uris) =>
  urlEncodedPem(certificate({ names: [...uris.map((uri) => [SAN.uri, uri] as const), [SAN.dns, GATEWAY]] })),
);
const UNREADABLE = 'no certificate';
/** The names of one, and another serial number. */
const RENEWED = urlEncodedPem(
  certificate({
    serial: Buffer.from([8]),
    names: [
      [SAN.uri, WEB],
      [SAN.dns, GATEWAY],
    ],
  }),
);
/** What a hop says of whom it speaks for: the same names with another certificate, other names, no certificate, and nonsense. */
const FORWARDED = [
  `Hash=${'a'.repeat(64)};URI=${WEB}`,
  `Hash=${'b'.repeat(64)};URI=${WEB}`,
  `Hash=${'a'.repeat(64)};URI=${WEB};DNS=web`,
  `URI=${WEB}`,
  'Hash="',
];

/** Whether a trusted hop may say who asks. */
export const forwarding: fc.Arbitrary<Pick<DecisionSettings, 'xfcc'>> = fc
  .boolean()
  .map((enabled) => ({ xfcc: { enabled, trustedPeers: [GATEWAY], depth: 0, trustEmptyPeer: 'always' } }));

const claims: fc.Arbitrary<{ readonly [key: string]: Json }> = fc.record(
  {
    iss: fc.constantFrom<Json>('iss', 'other', 7),
    sub: fc.constantFrom<Json>('alice', 'bob', ''),
    aud: fc.constantFrom<Json>('api', ['api', 'web'], []),
    role: fc.constantFrom<Json>('admin', 'dev', ['admin', 'dev'], 1, true, '1', [1, 'admin'], 12, 2 ** 60),
    realm: fc.constantFrom<Json>({ roles: ['admin'] }, { roles: 'ab' }, 'x'),
    exp: fc.integer({ min: -2, max: 30 }).map((seconds) => NOW_MS / 1000 + seconds),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const headerLine = fc.constantFrom('a', 'b', 'a,b', 'b,a,b', '', 'ab');
const rawHeaders = fc.array(
  fc.oneof(
    headerLine.map((value) => ['x-a', value] as const),
    fc.constantFrom(
      ['x_user', 'root'] as const,
      ['x-user', 'root'] as const,
      ['authorization', 'Bearer x'] as const,
      ['x-forwarded-for', '192.0.2.7'] as const,
      ['x-a', Buffer.from([0xff, 0x61])] as const,
    ),
  ),
  { maxLength: 3 },
);
const headers = fc.record(
  {
    'x-a': headerLine,
    x_user: fc.constant('root'),
    'x-user': fc.constant('root'),
    authorization: fc.constant('Bearer x'),
    'x-forwarded-for': fc.constantFrom('192.0.2.7', '10.1.1.1, 192.0.2.7', 'unknown'),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const target = fc.oneof(
  fc.constantFrom('/', '/a', '/a', '/a/b', '/a/b/c', '/a/', '/ab', '/b', '/A', '/a/x/c', '/b/b'),
  fc.constantFrom('/a?x=1', '/a/b?x=1&x=2', '/a?%78=1', '/a?x=%zz', '/?y'),
  fc.constantFrom('/a;x', '/%61', '/a%20b', '/caf%C3%A9', '/caf%c3%a9', '/a/b;c/c', '/a%3Fb', '/[a]'),
  fc.constantFrom('//a', '/a//b', '/a/../b', '/x/..;/a', '/a%2Fb', '/%2561', '/a\\b', 'a', '/a#b'),
);

export const ask: fc.Arbitrary<Ask> = fc
  .tuple(
    fc.record(
      {
        method: fc.constantFrom('GET', 'GET', 'POST', 'get'),
        path: target,
        host: fc.constantFrom('orders.shop', 'Orders.Shop.', 'orders.shop:8080', 'other', ''),
        headers,
        principal: fc.constantFrom(WEB, GATEWAY, '', 'web.example.com', 'spiffe://other.example/ns/shop/sa/web'),
        certificate: fc.constantFrom('', '', '', ...CERTIFICATES, UNREADABLE),
        sourceIp: fc.constantFrom('10.0.0.9', '192.0.2.1', '::ffff:10.0.0.9', '2001:db8::1', ''),
        claims,
        destinationPort: fc.constantFrom(8080, 9090),
        destinationLabels: fc.constantFrom<Record<string, string>>({ app: 'orders' }, { app: 'carts' }),
        sni: fc.constantFrom('', 'orders.shop', 'Orders.shop'),
      },
      { requiredKeys: ['path'], noNullPrototype: true },
    ),
    fc.option(rawHeaders, { nil: null, freq: 2 }),
    fc.integer({ min: 0, max: 19 }),
  )
  .map(([each, raw, connect]): Ask => ({
    ...each,
    ...(raw === null ? {} : { rawHeaders: raw }),
    ...(connect === 0 ? { method: 'CONNECT', path: '' } : {}),
  }));

/** Another certificate, or another that is spoken of. */
export const otherCertificate: fc.Arbitrary<(from: Ask) => Ask> = fc.oneof(
  fc.constantFrom('', CERTIFICATES[0]!, RENEWED).map((each) => (from: Ask): Ask => ({ ...from, certificate: each })),
  fc
    .tuple(fc.constantFrom(GATEWAY, ''), fc.constantFrom(...FORWARDED))
    .map(([principal, value]) => ({ rawHeaders: _, ...from }: Ask): Ask => ({
      ...from,
      principal,
      certificate: '',
      headers: { ...from.headers, 'x-forwarded-client-cert': value },
    })),
);

/** What differs between two requests that policies may well take for one: a value beside the one before. */
export const changed: fc.Arbitrary<(from: Ask) => Ask> = fc.oneof(
  { weight: 5, arbitrary: target.map((path) => (from: Ask): Ask => ({ ...from, path })) },
  {
    weight: 5,
    // Ids that no policy knows, below places that they do know.
    arbitrary: fc
      .tuple(fc.constantFrom('/a/', '/a/x', '/b/', '/', '/caf'), fc.constantFrom('1', '2', '7f3', 'c/c', '1/b', '%31'))
      .map(([place, id]) => (from: Ask): Ask => ({ ...from, path: place + id })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ 'x-a': fc.oneof(headerLine, fc.constantFrom('a1', 'a2', '1b', 'c', 'd')) })
      .map((more) => (from: Ask): Ask => {
        const { rawHeaders: _, ...others } = from;
        return { ...others, headers: { ...from.headers, ...more } };
      }),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        { 'x-other': '1' },
        { 'x-other': '2' },
        { 'x-forwarded-for': '10.1.1.2' },
        { 'sec-fetch-mode': 'navigate' },
        { accept: 'text/html' },
      )
      .map((more) => (from: Ask): Ask => ({ ...from, headers: { ...from.headers, ...more } })),
  },
  {
    weight: 2,
    arbitrary: otherCertificate,
  },
  {
    weight: 2,
    arbitrary: rawHeaders.map(
      (raw) =>
        (from: Ask): Ask =>
          raw.length === 0 ? from : { ...from, rawHeaders: raw },
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom<{ readonly [key: string]: Json }>(
        { role: 'admin' },
        { role: ['x', 'admin'] },
        { role: 'guest' },
        { role: 'dev' },
        { role: 7 },
        { sub: 'alice' },
        { sub: 'albert' },
        { sub: 'bob' },
        { iss: 'iss', sub: 'al' },
        { iss: 'other', sub: 'alice' },
        { aud: ['api', 'x'] },
        { realm: { roles: ['ab', 'x'] } },
        { realm: { roles: ['other'] } },
        { jti: '1' },
        { jti: '2' },
      )
      .map((more) => (from: Ask): Ask => ({ ...from, claims: { ...from.claims, ...more } })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record<Partial<Ask>>(
        {
          method: fc.constantFrom('GET', 'POST', 'get'),
          host: fc.constantFrom('orders.shop', 'carts.shop', 'orders.shop:8080', 'orders.example', 'x'),
          sourceIp: fc.constantFrom('10.0.0.9', '10.0.0.8', '10.255.0.1', '192.0.2.1', '198.51.100.1', '2001:db8::2'),
          principal: fc.constantFrom(WEB, GATEWAY, ''),
          destinationPort: fc.constantFrom(8080, 9090, 7070),
          sni: fc.constantFrom('', 'orders.shop', 'x.shop'),
        },
        { requiredKeys: [], noNullPrototype: true },
      )
      .map((more) => (from: Ask): Ask => ({ ...from, ...more })),
  },
);
