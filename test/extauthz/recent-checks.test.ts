import { describe, expect, it } from '@jest/globals';
import { rawReads } from '../../src/extauthz/recent-checks.ts';
import { certificate, SAN, urlEncodedPem } from '../lib/x509/certificate.ts';
import { snapshotOf, testService } from './support/engine.ts';
import type { Ask } from './support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from './support/yaml.ts';
import type { PolicyText } from './support/yaml.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const OTHER = 'spiffe://cluster.local/ns/other/sa/web';
const certificateOf = (uri: string): string => urlEncodedPem(certificate({ names: [[SAN.uri, uri]] }));

/** What a policy allows, and the same request but for the one attribute that it looks at. */
const pairs: readonly (readonly [string, PolicyText, Ask, { readonly [name in keyof Ask]: Ask[name] | undefined }])[] =
  [
    ['method', access('ALLOW', operation({ methods: ['GET'] })), {}, { method: 'PUT' }],
    ['path', access('ALLOW', operation({ paths: ['/a'] })), { path: '/a' }, { path: '/b' }],
    ['host', access('ALLOW', operation({ hosts: ['a.shop'] })), { host: 'a.shop' }, { host: 'b.shop' }],
    ['port', access('ALLOW', operation({ ports: ['80'] })), { destinationPort: 80 }, { destinationPort: 81 }],
    ['principal', access('ALLOW', source({ namespaces: ['shop'] })), { principal: WEB }, { principal: OTHER }],
    ['principal of Istio', istio('ALLOW', source({ namespaces: ['shop'] })), { principal: WEB }, { principal: OTHER }],
    [
      'certificate',
      access('ALLOW', source({ namespaces: ['shop'] })),
      { certificate: certificateOf(WEB) },
      { certificate: certificateOf(OTHER) },
    ],
    ['source address', access('ALLOW', source({ ipBlocks: ['10.0.0.9'] })), {}, { sourceIp: '10.0.0.8' }],
    [
      'client address',
      access('ALLOW', source({ remoteIpBlocks: ['192.0.2.7'] })),
      { headers: { 'x-forwarded-for': '192.0.2.7' } },
      { headers: { 'x-forwarded-for': '192.0.2.8' } },
    ],
    ['destination address', access('ALLOW', when('destination.ip', ['10.0.0.1'])), {}, { destinationIp: '10.0.0.2' }],
    [
      'header',
      access('ALLOW', when('request.headers[x-a]', ['a'])),
      { headers: { 'x-a': 'a' } },
      { headers: { 'x-a': 'b' } },
    ],
    [
      'header on another line',
      access('ALLOW', when('request.headers[x-a]', ['a'])),
      { rawHeaders: [['x-a', 'a']] },
      {
        rawHeaders: [
          ['x-a', 'a'],
          ['x-a', 'b'],
        ],
      },
    ],
    [
      'form of headers',
      access('ALLOW', when('request.headers[x-a]', ['a,b'])),
      { rawHeaders: [['x-a', 'a,b']] },
      { rawHeaders: undefined, headers: { 'x-a': 'a,b' } },
    ],
    [
      'claim',
      access('ALLOW', when('request.auth.claims[role]', ['dev'])),
      { claims: { role: 'dev' } },
      { claims: { role: 'ops' } },
    ],
    [
      'subject',
      access('ALLOW', source({ requestPrincipals: ['i/alice'] })),
      { claims: { iss: 'i', sub: 'alice' } },
      { claims: { iss: 'i', sub: 'bob' } },
    ],
    ['server name', access('ALLOW', when('connection.sni', ['a.shop'])), { sni: 'a.shop' }, { sni: 'b.shop' }],
    [
      'metadata',
      istio('ALLOW', when('experimental.envoy.filters.f[k]', ['v'])),
      { metadata: { 'envoy.filters.f': { k: 'v' } } },
      { metadata: { 'envoy.filters.f': { k: 'w' } } },
    ],
    ['query', access('ALLOW', { condition: '"x" in request.query' }), { path: '/a?x' }, { path: '/a?y' }],
    [
      'workload by labels',
      { spec: { selector: { matchLabels: { app: 'orders' } }, action: 'ALLOW', rules: [{}] } },
      {},
      { destinationLabels: { app: 'carts' } },
    ],
    ['workload by principal', access('ALLOW', {}), {}, { destinationPrincipal: OTHER }],
    [
      'workload by context',
      access('ALLOW', {}),
      { contextExtensions: { namespace: 'shop' } },
      { contextExtensions: { namespace: 'other' } },
    ],
  ];

describe('an answer that was given to the same bytes', () => {
  it.each(pairs)('is not given when the %s is another', (_, policy, allowed, denied) => {
    const world = testService(snapshotOf(policiesYaml([policy])));
    const reasons = (ask: Ask): string => {
      world.check(ask);
      return world.records.at(-1)!.decision.allowed ? 'allowed' : 'denied';
    };
    for (let i = 0; i < 4; i++) expect(reasons(allowed)).toBe('allowed');
    expect(world.service.cache.statistics.foundElsewhere).toBe(2);
    expect(reasons({ ...allowed, ...denied } as Ask)).toBe('denied');
    expect(reasons(allowed)).toBe('allowed');
    for (let i = 0; i < 3; i++) expect(reasons({ ...allowed, ...denied } as Ask)).toBe('denied');
    expect(reasons(allowed)).toBe('allowed');
  });

  it('is given whatever the headers are that nothing reads', () => {
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/a'] }))])));
    for (let i = 0; i < 5; i++) world.check({ path: '/a', headers: { 'x-request-id': String(i) } });
    expect(world.service.cache.statistics.foundElsewhere).toBe(3);
  });

  it('is not given where a header of the request has to go, or the request is refused as a whole', () => {
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', {})])), {
      limits: { maxHeaders: 3, maxHeaderBytes: 1000 },
    });
    const answers = new Map<string, Buffer>();
    const asks: Readonly<Record<string, Ask>> = {
      plain: { headers: { a: '1' } },
      mark: { headers: { 'x-envoy-auth-failure-mode-allowed': 'true' } },
      underscore: { headers: { x_a: '1' } },
      large: { headers: { a: 'x'.repeat(2000) } },
      many: { headers: { a: '1', b: '1', c: '1', d: '1' } },
      contradicting: { headers: { ':path': '/other' } },
    };
    for (let round = 0; round < 4; round++)
      for (const [name, ask] of Object.entries(asks)) {
        const answer = Buffer.from(world.check(ask)!.subarray(0, -22));
        expect(answer.equals(answers.get(name) ?? answer)).toBe(true);
        answers.set(name, answer);
      }
    expect(answers.get('mark')!.equals(answers.get('plain')!)).toBe(false);
    expect(['large', 'many', 'contradicting'].map((name) => answers.get(name)!.equals(answers.get('plain')!))).toEqual([
      false,
      false,
      false,
    ]);
    expect(world.errors).toEqual([]);
  });

  it('is gone with the snapshot, at its time, and when the clock is set back', () => {
    const allow = snapshotOf(policiesYaml([access('ALLOW', {})]));
    const deny = snapshotOf(policiesYaml([access('DENY', {})]));
    const world = testService(allow);
    const foundAt = (nowMs: number): boolean => {
      const before = world.service.cache.statistics.foundElsewhere;
      world.nowMs = nowMs;
      world.check({});
      return world.service.cache.statistics.foundElsewhere > before;
    };
    const start = world.nowMs;
    expect([0, 0, 0].map((ms) => foundAt(start + ms))).toEqual([false, false, true]);
    expect([foundAt(start - 1), foundAt(start + 60_000)]).toEqual([false, false]);
    world.snapshot = deny;
    for (let i = 0; i < 3; i++) {
      foundAt(start);
      expect(world.records.at(-1)!.decision.allowed).toBe(false);
    }
  });

  it('is never looked for where a condition may read any header', () => {
    expect(rawReads([{ kind: 'headers' }, { kind: 'path' }])).toBeNull();
  });
});
