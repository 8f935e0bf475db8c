import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { spiffeId, type LeafOptions } from './support/certificates.ts';
import { callGrpc } from './support/grpc-client.ts';
import { sendHttp1 } from './support/http1-client.ts';
import { sendHttp2 } from './support/http2-client.ts';
import { certificateOf, clientOf, clientWith, serverTls, type TrustDomain } from './support/identities.ts';
import { accessPolicy, authorizationPolicy, documents, yamlOf } from './support/policies.ts';
import type { ClientTls, Target } from './support/target.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Who calls: what a certificate proves, in two trust domains, and what proves nothing. */
const routes = [
  // All of them are the one workload; policies tell them apart by path.
  { prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } },
];

const GATEWAY = 'cluster.local/ns/edge/sa/gateway';

const groups = [
  { name: 'operators', spiffeIds: ['cluster.local/ns/ops/sa/alice'], groups: ['robots'] },
  { name: 'robots', spiffeIds: ['partner.example/ns/web/*'] },
].map(({ name, ...spec }) =>
  yamlOf({
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: { name, namespace: 'shop' },
    spec,
  }),
);

const policies = {
  'identity.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        // gRPC paths too: the same callers are asked over every protocol.
        rule('gateway', { principals: [GATEWAY] }, ['/gateway', '/shop.Orders/Get']),
        rule('edge-namespace', { namespaces: ['edge'] }, ['/edge']),
        rule('gateway-account', { serviceAccounts: ['edge/gateway'] }, ['/account']),
        rule('partner', { trustDomains: ['partner.example'] }, ['/partner']),
        rule('ours', { trustDomains: ['cluster.local'] }, ['/ours']),
        rule('any-principal', { principals: ['*'] }, ['/anyone']),
        rule('operators', { groups: ['operators'] }, ['/operators']),
        rule('not-gateway', { notPrincipals: [GATEWAY] }, ['/not-gateway']),
        {
          name: 'server-name',
          to: [{ operation: { paths: ['/sni'] } }],
          when: [{ key: 'connection.sni', values: ['orders.shop.example'] }],
        },
        { name: 'open', to: [{ operation: { paths: ['/open*', '/shop.Catalog/*'] } }] },
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [rule('banned', { principals: ['cluster.local/ns/edge/sa/banned'] }, ['/open*', '/shop.Catalog/*'])],
    }),
    // Istio's kind beside ours: it means what it means there.
    authorizationPolicy({
      name: 'istio-orders',
      app: 'orders',
      rules: [rule(undefined, { principals: [GATEWAY] }, ['/istio'])],
    }),
  ),
  'groups.yaml': documents(...groups),
};

function rule(name: string | undefined, source: object, paths: readonly string[]): Record<string, unknown> {
  return { ...(name === undefined ? {} : { name }), from: [{ source }], to: [{ operation: { paths } }] };
}

let world: World<'portcullis' | 'waypoint'>;

beforeAll(async () => {
  const tls = serverTls('shop', 'orders');
  world = await startWorld({
    services: {
      portcullis: { policies },
      waypoint: {
        policies,
        config: { identity: { xfcc: { enabled: true, trustedPeers: ['spiffe://cluster.local/ns/mesh/sa/waypoint'] } } },
      },
    },
    listeners: [
      { name: 'mtls', service: 'portcullis', tls, routes },
      { name: 'optional', service: 'portcullis', tls: { ...tls, requireClientCertificate: false }, routes },
      { name: 'plaintext', service: 'portcullis', routes },
      // What Envoy sends when nobody configured it: the first name only.
      { name: 'first-name', service: 'portcullis', tls, routes, extAuthz: { includePeerCertificate: false } },
      {
        name: 'plain-istio',
        service: 'portcullis',
        tls,
        routes,
        extAuthz: {
          includePeerCertificate: false,
          includeTlsSession: false,
          encodeRawHeaders: false,
          validateMutations: false,
          metadataNamespaces: [],
        },
      },
      {
        name: 'waypoint',
        service: 'waypoint',
        tls,
        routes,
        // The hop before wrote the header, and this Envoy hands it on.
        http: { forwardClientCertificate: 'ALWAYS_FORWARD_ONLY' },
      },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const holder = (options: LeafOptions, trustDomain: TrustDomain = 'cluster.local'): ClientTls =>
  clientWith(certificateOf(trustDomain, options));

async function statusOf(listener: string, tls: ClientTls | undefined, path: string): Promise<number> {
  return (await sendHttp1(world.envoy.target(listener, tls), { path })).status;
}

const gateway = clientOf('edge', 'gateway');
const impostor = clientOf('edge', 'gateway', 'partner.example');

describe.each<[string, (target: Target) => Promise<boolean>]>([
  ['HTTP/1.1', async (target) => (await sendHttp1(target, { path: '/gateway' })).status === 200],
  ['HTTP/2', async (target) => (await sendHttp2(target, { path: '/gateway' })).status === 200],
  ['gRPC', async (target) => (await callGrpc(target, { path: '/shop.Orders/Get' })).code === 0],
])('over %s', (_protocol, passes) => {
  it('passes the principal that a rule names', async () => {
    expect(await passes(world.envoy.target('mtls', gateway))).toBe(true);
  });

  it('does not pass the same namespace and account of another trust domain', async () => {
    expect(await passes(world.envoy.target('mtls', impostor))).toBe(false);
  });

  it('does not pass a caller without a certificate', async () => {
    expect(await passes(world.envoy.target('optional', clientWith(null)))).toBe(false);
    expect(await passes(world.envoy.target('plaintext'))).toBe(false);
  });
});

describe('names that look like a principal and are none', () => {
  it.each<[string, LeafOptions]>([
    ['a longer path', { uris: [`spiffe://${GATEWAY}/more`] }],
    ['a trailing slash', { uris: [`spiffe://${GATEWAY}/`] }],
    ['an upper-case trust domain', { uris: ['spiffe://CLUSTER.LOCAL/ns/edge/sa/gateway'] }],
    ['a port', { uris: ['spiffe://cluster.local:80/ns/edge/sa/gateway'] }],
    ['a query', { uris: [`spiffe://${GATEWAY}?a`] }],
    ['a fragment', { uris: [`spiffe://${GATEWAY}#a`] }],
    ['an escape', { uris: ['spiffe://cluster.local/ns/edge/sa/g%61teway'] }],
    ['an empty segment', { uris: ['spiffe://cluster.local/ns//edge/sa/gateway'] }],
    ['another scheme', { uris: [`https://${GATEWAY}`] }],
    ['no scheme', { uris: [GATEWAY] }],
    ['a DNS name', { dnsNames: [GATEWAY] }],
    ['a DNS name with the scheme', { dnsNames: [`spiffe://${GATEWAY}`] }],
    ['a subject', { commonName: `spiffe://${GATEWAY}` }],
    ['a DNS name beside another identity', { uris: [spiffeId('cluster.local', 'web', 'robot')], dnsNames: [GATEWAY] }],
  ])('%s', async (_what, options) => {
    for (const path of ['/gateway', '/account', '/edge']) {
      expect([path, await statusOf('mtls', holder(options), path)]).toEqual([path, 403]);
      // Of the first name alone nobody can tell whether it was a URI.
      if (options.dnsNames?.[0] !== `spiffe://${GATEWAY}`) {
        expect([path, await statusOf('first-name', holder(options), path)]).toEqual([path, 403]);
      }
    }
  });
});

describe('parts of a SPIFFE ID', () => {
  it.each<[string, ClientTls, string, number]>([
    ['namespace', clientOf('edge', 'other'), '/edge', 200],
    ['another namespace', clientOf('edges', 'other'), '/edge', 403],
    ['service account', gateway, '/account', 200],
    ['another service account', clientOf('edge', 'gateway2'), '/account', 403],
    ['trust domain of the partner', impostor, '/partner', 200],
    ['trust domain of ours for the partner', gateway, '/partner', 403],
    ['trust domain of ours', gateway, '/ours', 200],
    ['trust domain of the partner for ours', impostor, '/ours', 403],
    ['any principal', impostor, '/anyone', 200],
    ['a caller that notPrincipals excludes', gateway, '/not-gateway', 403],
    ['a caller that it does not exclude', clientOf('edge', 'other'), '/not-gateway', 200],
    ['Istio kind, the principal', gateway, '/istio', 200],
    ['Istio kind, another trust domain', impostor, '/istio', 403],
  ])('%s', async (_what, client, path, status) => {
    expect(await statusOf('mtls', client, path)).toBe(status);
  });

  it('any principal is nobody without a certificate', async () => {
    expect(await statusOf('plaintext', undefined, '/anyone')).toBe(403);
    expect(await statusOf('optional', clientWith(null), '/anyone')).toBe(403);
  });
});

describe('groups', () => {
  it.each<[string, ClientTls, number]>([
    ['a member', clientOf('ops', 'alice'), 200],
    ['a member of a nested group', clientOf('web', 'robot', 'partner.example'), 200],
    ['the same account of another trust domain', clientOf('ops', 'alice', 'partner.example'), 403],
    ['no member', clientOf('ops', 'bob'), 403],
  ])('%s', async (_what, client, status) => {
    expect(await statusOf('mtls', client, '/operators')).toBe(status);
  });
});

describe('a certificate with more than one URI', () => {
  const both = (first: string, second: string): ClientTls =>
    holder({ uris: [spiffeId('cluster.local', 'edge', first), spiffeId('cluster.local', 'edge', second)] });

  it('is no identity for ALLOW, whichever comes first', async () => {
    expect(await statusOf('mtls', both('gateway', 'other'), '/gateway')).toBe(403);
    expect(await statusOf('mtls', both('other', 'gateway'), '/gateway')).toBe(403);
    expect(await statusOf('mtls', both('gateway', 'other'), '/anyone')).toBe(403);
  });

  it('is each of its names for DENY', async () => {
    expect(await statusOf('mtls', both('other', 'more'), '/open')).toBe(200);
    expect(await statusOf('mtls', both('banned', 'other'), '/open')).toBe(403);
    expect(await statusOf('mtls', both('other', 'banned'), '/open')).toBe(403);
  });

  it('is each of its names in a policy of Istio', async () => {
    expect(await statusOf('mtls', both('gateway', 'other'), '/istio')).toBe(200);
    expect(await statusOf('mtls', both('other', 'gateway'), '/istio')).toBe(200);
  });
});

describe('headers that claim an identity', () => {
  const claim = `By=spiffe://x;Hash=0;URI=spiffe://${GATEWAY}`;

  it.each(['x-forwarded-client-cert', 'X-Forwarded-Client-Cert', 'x-spiffe-id', 'x-envoy-downstream-service-cluster'])(
    '%s proves nothing',
    async (name) => {
      for (const value of [claim, `spiffe://${GATEWAY}`, GATEWAY]) {
        const headers = [[name, value]] as const;
        const plaintext = await sendHttp1(world.envoy.target('plaintext'), { path: '/gateway', headers });
        expect(plaintext.status).toBe(403);
        const other = await sendHttp1(world.envoy.target('mtls', impostor), { path: '/gateway', headers });
        expect(other.status).toBe(403);
      }
    },
  );
});

describe('the server name of the handshake', () => {
  const named = (serverName: string | null): ClientTls =>
    clientWith(certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'edge', 'gateway')] }), serverName);

  it('is what connection.sni reads, in any case of letters', async () => {
    expect(await statusOf('mtls', named('orders.shop.example'), '/sni')).toBe(200);
    expect(await statusOf('mtls', named('Orders.SHOP.example'), '/sni')).toBe(200);
    expect(await statusOf('mtls', named('other.shop.example'), '/sni')).toBe(403);
    expect(await statusOf('mtls', named(null), '/sni')).toBe(403);
  });
});

describe('what plain Istio asks', () => {
  it('is enough for principals with one name', async () => {
    expect(await statusOf('plain-istio', gateway, '/gateway')).toBe(200);
    expect(await statusOf('plain-istio', impostor, '/gateway')).toBe(403);
    expect(await statusOf('plain-istio', clientOf('ops', 'alice'), '/operators')).toBe(200);
    expect(await statusOf('plain-istio', gateway, '/istio')).toBe(200);
    expect(await statusOf('plain-istio', clientOf('edge', 'banned'), '/open')).toBe(403);
  });

  it('has no server name', async () => {
    expect(await statusOf('plain-istio', clientWith(gateway.certificate, 'orders.shop.example'), '/sni')).toBe(403);
  });
});

describe('a hop that may speak for its clients', () => {
  const waypoint = clientOf('mesh', 'waypoint');
  const spokenFor = async (tls: ClientTls, value: string): Promise<number> => {
    const headers = [['x-forwarded-client-cert', value]] as const;
    return (await sendHttp1(world.envoy.target('waypoint', tls), { path: '/gateway', headers })).status;
  };

  it('is believed about one client', async () => {
    expect(await spokenFor(waypoint, `URI=spiffe://${GATEWAY}`)).toBe(200);
    expect(await spokenFor(waypoint, 'URI=spiffe://partner.example/ns/edge/sa/gateway')).toBe(403);
  });

  it('is not when others could have written the header', async () => {
    expect(await spokenFor(impostor, `URI=spiffe://${GATEWAY}`)).toBe(403);
    expect(await spokenFor(clientOf('mesh', 'waypoint', 'partner.example'), `URI=spiffe://${GATEWAY}`)).toBe(403);
    expect(await spokenFor(waypoint, `URI=spiffe://${GATEWAY},URI=spiffe://${GATEWAY}`)).toBe(403);
  });

  it.each([
    'URI',
    'URI="spiffe://',
    `URI=spiffe://${GATEWAY};URI=spiffe://x/ns/a/sa/b`,
    `Subject="URI=spiffe://${GATEWAY}"`,
  ])('is not understood when it says %s', async (value) => {
    expect(await spokenFor(waypoint, value)).toBe(403);
  });
});
