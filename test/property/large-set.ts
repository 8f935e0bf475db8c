/**
 * Sets of hundreds to thousands of rules of which most overlap, and requests to them. Rules are drawn from a seed
 * and not by fast-check, which would take minutes to make and shrink so many: a failure is told by its seed.
 */
import { NOW_MS } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import type { Json } from '../extauthz/support/messages.ts';
import { SAN, certificate, urlEncodedPem } from '../lib/x509/certificate.ts';

type Fields = Record<string, unknown>;

/** Mulberry32: small, and the same everywhere. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  of<T>(...from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  some<T>(most: number, make: () => T): T[] {
    return [...new Set(Array.from({ length: 1 + this.below(most) }, make))];
  }
}

/** Few services have most of the rules. */
const service = (draw: Draw): number => (draw.chance(70) ? draw.below(6) : draw.below(200));

/** More of each than are looked up by name. */
const HEADERS = 20;
const CLAIMS = 20;

function pathValue(draw: Draw, access: boolean): string {
  const s = `/s${service(draw)}`;
  return draw.of(
    s,
    `${s}/*`,
    `${s}/{*}`,
    `${s}/{**}`,
    `${s}/{*}/items`,
    `/{*}/items`,
    `${s}/{**}/items`,
    `${s}/{*}/{*}`,
    `${s}/{*}/{**}/items`,
    `/{*}/{*}/{**}`,
    `*/items`,
    `*.js`,
    `/*`,
    '*',
    ...(access ? ['/café', '/caf%C3%A9/{*}', '/s1/{*}/caf%C3%A9'] : []),
  );
}

const NAMESPACES = ['shop', 'edge', 'ops', 's1', 's2', 's3'];
const account = (draw: Draw): string => draw.of('web', 'gateway', 'cron', `a${draw.below(8)}`);

function principal(draw: Draw): string {
  const id = `cluster.local/ns/${draw.of(...NAMESPACES)}/sa/${account(draw)}`;
  return draw.of(id, id, `cluster.local/ns/${draw.of(...NAMESPACES)}/*`, `*/sa/${account(draw)}`, '*');
}

function block(draw: Draw): string {
  return draw.of(
    `10.${draw.below(4)}.0.0/16`,
    `10.0.${draw.below(256)}.0/22`,
    `10.0.0.${draw.below(32)}`,
    `10.0.0.${draw.below(32)}/29`,
    '10.0.0.0/8',
    `0.0.0.0/${draw.of(0, 1)}`,
    '::/0',
    `2001:db8:${draw.below(4)}::/47`,
    '2001:db8::/32',
    '2001:db8::1',
    '::ffff:0:0/96',
  );
}

function requestPrincipal(draw: Draw): string {
  return draw.of('iss/*', 'iss/alice', `iss/u${draw.below(6)}`, 'iss/a*', '*', '*/bob', '*b', 'is*', '*s/alice');
}

const GROUP_NAMES = ['staff', 'istio-system/robots', 'istio-system/nested', 'istio-system/people'];

function source(draw: Draw, access: boolean): Fields {
  const fields: Fields = {};
  const makers: Record<string, () => string[]> = {
    principals: () => draw.some(3, () => principal(draw)),
    namespaces: () => draw.some(3, () => draw.of(...NAMESPACES, 's*', '*e', 's*p', '*')),
    requestPrincipals: () => draw.some(3, () => requestPrincipal(draw)),
    trustDomains: () => draw.some(2, () => draw.of('cluster.local', 'other.example', 'cluster*', '*example', '*')),
    ipBlocks: () => draw.some(4, () => block(draw)),
    remoteIpBlocks: () => draw.some(4, () => block(draw)),
    ...(access ? { groups: () => draw.some(2, () => draw.of(...GROUP_NAMES)) } : {}),
  };
  if (draw.chance(15)) {
    const name = draw.chance(70) ? 'serviceAccounts' : 'notServiceAccounts';
    fields[name] = draw.some(3, () => draw.of(account(draw), `${draw.of(...NAMESPACES)}/${account(draw)}`));
    if (draw.chance(50)) fields['ipBlocks'] = makers['ipBlocks']!();
    return fields;
  }
  for (const name of draw.some(2, () => draw.of(...Object.keys(makers)))) {
    const not = draw.chance(30);
    fields[not ? `not${name[0]!.toUpperCase()}${name.slice(1)}` : name] = makers[name]!();
  }
  return fields;
}

function operation(draw: Draw, access: boolean): Fields {
  const fields: Fields = {};
  const makers: Record<string, () => string[]> = {
    paths: () => draw.some(3, () => pathValue(draw, access)),
    methods: () => draw.some(2, () => draw.of('GET', 'POST', 'PUT', 'G*', '*')),
    hosts: () => draw.some(2, () => draw.of(`s${service(draw)}.shop`, '*.shop', 's1.*', 'S2.SHOP', '*')),
    ports: () => draw.some(2, () => draw.of('8080', '9090', '7070')),
  };
  for (const name of draw.some(3, () => draw.of('paths', 'paths', ...Object.keys(makers)))) {
    const not = draw.chance(25);
    fields[not ? `not${name[0]!.toUpperCase()}${name.slice(1)}` : name] = makers[name]!();
  }
  return fields;
}

function condition(draw: Draw, access: boolean): Fields {
  const [key, make] = draw.of<readonly [string, () => string]>(
    [`request.headers[x-h${draw.below(HEADERS)}]`, () => draw.of('a', 'b', 'a,b', 'b,', 'a*', '*b', '*')],
    ['request.headers[x-h0]', () => draw.of('a', 'b', 'a*', '*')],
    [`request.auth.claims[c${draw.below(CLAIMS)}]`, () => draw.of('a', 'b', 'a*', '*b', '*', '7', 'true')],
    ['request.auth.claims[realm][roles]', () => draw.of('a', 'b', 'a*')],
    ['request.auth.audiences', () => draw.of('api', 'web')],
    ['source.ip', () => block(draw)],
    ['destination.ip', () => block(draw)],
    ['connection.sni', () => draw.of('s1.shop', '*.shop', '*')],
    ['destination.port', () => draw.of('8080', '9090')],
    ['request.headers[:method]', () => draw.of('GET', 'P*')],
    ...(access ? [] : ([['request.headers[:authority]', () => draw.of('s1.shop', '*.shop')]] as const)),
  );
  const values = draw.some(2, make);
  const notValues = draw.some(2, make);
  return draw.of<Fields>({ key, values }, { key, values }, { key, notValues }, { key, values, notValues });
}

const CONDITIONS = [
  'request.method == "GET"',
  'claims.c1 == "a"',
  'request.path.startsWith("/s1")',
  '"x-h1" in request.headers',
];

/** `narrow`: constrained in most ways, so that few rules match a request and the first is far behind. */
function rule(draw: Draw, access: boolean, action: string, narrow: boolean): Fields {
  const fields: Fields = {};
  if (narrow || draw.chance(60))
    fields['from'] = draw.some(draw.chance(10) ? 4 : narrow ? 1 : 2, () => ({ source: source(draw, access) }));
  if (narrow || draw.chance(75))
    fields['to'] = draw.some(draw.chance(10) ? 4 : narrow ? 1 : 2, () => ({ operation: operation(draw, access) }));
  // Rules that match everything would leave nothing to the others.
  const least = narrow ? draw.below(4) : Object.keys(fields).length === 0 ? 2 : 0;
  const conditions = least + (draw.chance(35) ? 1 : 0);
  if (conditions > 0) fields['when'] = Array.from({ length: conditions }, () => condition(draw, access));
  if (!access) return fields;
  if (draw.chance(4)) fields['condition'] = draw.of(...CONDITIONS);
  if (draw.chance(4)) {
    const at = new Date(NOW_MS + draw.of(-1000, 1000)).toISOString();
    fields['valid'] = draw.chance(50) ? { from: at } : { until: at };
  }
  if (draw.chance(4))
    fields['respond'] =
      action === 'ALLOW'
        ? { request: { set: { 'x-user': '${request.auth.claims[sub]}' } } }
        : { deny: { status: 451, body: '${request.headers[x-h0]}' } };
  return fields;
}

const GROUPS = [
  [
    'staff',
    'shop',
    { spiffeIds: ['cluster.local/ns/edge/*'], subjects: [{ issuer: 'iss', subjects: ['alice', 'u1'] }] },
  ],
  [
    'robots',
    'istio-system',
    { claims: [{ issuer: 'iss', claim: 'c1', values: ['a*', '*b', 'c'] }], spiffeIds: ['*/sa/cron'] },
  ],
  ['nested', 'istio-system', { groups: ['robots'], claims: [{ issuer: 'other', claim: 'c2', values: ['*'] }] }],
  [
    'people',
    'istio-system',
    { claims: Array.from({ length: 18 }, (_, i) => ({ issuer: 'iss', claim: `g${i}`, values: ['x', 'y*'] })) },
  ],
  ['staff', 'istio-system', { spiffeIds: ['cluster.local/ns/ops/sa/web'], groups: ['nested'] }],
] as const;

/** `denying` of a hundred policies deny: with many, hardly a request would be let in. */
export function largeSet(draw: Draw, rules: number, denying: number): string {
  const policies: unknown[] = [];
  const narrow = draw.chance(70);
  for (let made = 0; made < rules;) {
    const access = draw.chance(55);
    const action = draw.chance(denying) ? 'DENY' : 'ALLOW';
    const own = Array.from({ length: Math.min(rules - made, draw.of(1, 1, 2, 5, 40)) }, () =>
      rule(draw, access, action, narrow),
    );
    made += own.length;
    const namespace = draw.of('istio-system', 'istio-system', 'shop');
    const selector = draw.of<unknown>(
      undefined,
      undefined,
      undefined,
      { matchLabels: { app: 'orders' } },
      { matchLabels: { tier: 'back' } },
      { matchLabels: { app: 'orders', tier: 'back' } },
      { matchLabels: { app: 'carts' } },
    );
    policies.push({
      apiVersion: access ? 'portcullis.dev/v1' : 'security.istio.io/v1',
      kind: access ? 'AccessPolicy' : 'AuthorizationPolicy',
      metadata: {
        name: `p${policies.length}`,
        namespace,
        annotations: !access && draw.chance(5) ? { 'istio.io/dry-run': 'true' } : {},
      },
      spec: {
        action,
        rules: own,
        ...(selector === undefined ? {} : { selector }),
        ...(access && draw.chance(5) ? { mode: 'Shadow' } : {}),
        ...(access && namespace !== 'shop' && draw.chance(10) ? { serviceAccounts: ['shop/orders', 'shop/x'] } : {}),
      },
    });
  }
  const groups = GROUPS.map(([name, namespace, spec]) => ({
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: { name, namespace },
    spec,
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...policies, ...groups] });
}

const spiffe = (namespace: string, name: string): string => `spiffe://cluster.local/ns/${namespace}/sa/${name}`;
const CERTIFICATES = [
  [spiffe('shop', 'web')],
  [spiffe('shop', 'web'), spiffe('edge', 'gateway')],
  [spiffe('edge', 'gateway'), 'https://example.com'],
  ['https://example.com'],
  [`spiffe://cluster.local${'/ns/x'.repeat(9)}/ns/shop/sa/web`],
].map((uris) => urlEncodedPem(certificate({ names: uris.map((uri) => [SAN.uri, uri] as const) })));

/** Long enough that it is not taken apart. */
const UNDIVIDED = 'a,'.repeat(90);

export function largeAsk(draw: Draw): Ask {
  const s = `/s${service(draw)}`;
  const path = draw.of(
    s,
    `${s}/${draw.below(1000)}`,
    `${s}/${draw.below(1000)}/items`,
    `${s}/a/b/c/items`,
    `${s}/x${draw.below(9)}`,
    `${s}/main.js`,
    `${s}/a%20b`,
    `${s};v=1/7`,
    '/caf%C3%A9',
    `${s}/[x]/items`,
    '/',
    '/unknown/place',
    `/s1${'/%2e'.repeat(3)}/a;b/../c;d/%3B/items`,
    // More readings than are made.
    `/s1//a;b/%252e%252e;c/..%5cd%253f/%2523/./%25252fe;f%3fg//items`,
  );
  const value = (): string => draw.of('a', 'b', 'ab', 'a,b', 'b,a', ',', 'b,,a', '', UNDIVIDED);
  const names = (): string => draw.of(`x-h${draw.below(HEADERS)}`, 'x-h0', 'x-h1', 'x-other');
  const lines = Array.from({ length: draw.below(6) }, () => [names(), value()] as const);
  const claimed = (): Json =>
    draw.of<Json>('a', 'b', 'ab', ['a', 'x'], ['x'], 7, '7', true, [7, 'b'], { deep: { deeper: 'a' } });
  const claims: Record<string, Json> = {
    ...(draw.chance(85) ? { iss: draw.of('iss', 'iss', 'other') } : {}),
    ...(draw.chance(85) ? { sub: draw.of('alice', 'bob', 'u1', 'u5', 'zb', '*') } : {}),
    ...Object.fromEntries(Array.from({ length: draw.below(7) }, () => [`c${draw.below(CLAIMS)}`, claimed()])),
    ...(draw.chance(30) ? { [`g${draw.below(18)}`]: draw.of('x', 'yy', 'z') } : {}),
    ...(draw.chance(40) ? { realm: { roles: claimed(), other: 'b' } } : {}),
    ...(draw.chance(30) ? { aud: draw.of<Json>('api', ['web', 'x']) } : {}),
  };
  return {
    path,
    method: draw.of('GET', 'GET', 'POST', 'PUT', 'DELETE'),
    host: draw.of(`s${service(draw)}.shop`, 'S1.shop:8080', 'other.example', ''),
    principal: draw.of(spiffe(draw.of(...NAMESPACES), account(draw)), 'web.example', '', 'spiffe://other.example/x'),
    ...(draw.chance(20) ? { certificate: draw.of(...CERTIFICATES, 'unreadable') } : {}),
    sourceIp: draw.of(
      `10.0.0.${draw.below(32)}`,
      `10.${draw.below(6)}.3.1`,
      '2001:db8:1::7',
      '2001:db8::1',
      '::ffff:10.0.0.9',
      '192.0.2.1',
      '',
    ),
    destinationIp: draw.of('10.0.0.1', '2001:db8::1', '::ffff:10.0.0.1'),
    destinationPort: draw.of(8080, 9090, 7070, 1),
    destinationLabels: draw.of<Record<string, string>>(
      { app: 'orders' },
      { app: 'orders', tier: 'back' },
      { app: 'carts' },
      { tier: 'front' },
    ),
    sni: draw.of('', 's1.shop', 'S2.shop', 'x'),
    ...(draw.chance(65) ? { claims } : {}),
    ...(draw.chance(50)
      ? { rawHeaders: lines }
      : { headers: { ...Object.fromEntries(lines), ...(draw.chance(30) ? { 'x-forwarded-for': '10.1.2.3' } : {}) } }),
  };
}
