import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { identify } from '../../src/identity/identify.ts';
import { readCertificate } from '../../src/lib/x509/certificate.ts';
import { spiffeId, type LeafOptions } from './support/certificates.ts';
import { valuesOf, type HeaderLine } from './support/headers.ts';
import { sendHttp1 } from './support/http1-client.ts';
import { certificateOf, clientOf, clientWith, serverTls } from './support/identities.ts';
import { accessPolicy, documents } from './support/policies.ts';
import type { ClientTls } from './support/target.ts';
import { seenIn } from './support/upstream.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

const HOP = spiffeId('cluster.local', 'mesh', 'waypoint');
const WEB = spiffeId('cluster.local', 'shop', 'web');
const EVIL = spiffeId('cluster.local', 'evil', 'x');

const allowed = (name: string, id: string, path: string): Record<string, unknown> => ({
  name,
  from: [{ source: { principals: [id.replace('spiffe://', '')] } }],
  to: [{ operation: { paths: [path] } }],
});
const policies = {
  'policies.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        allowed('hop', HOP, '/hop'),
        allowed('web', WEB, '/web'),
        { name: 'open', to: [{ operation: { paths: ['/open'] } }] },
      ],
    }),
  ),
};

type ServiceName = 'depth-0' | 'depth-1' | 'depth-2' | 'marked' | 'always';
const serviceWith = (xfcc: object): { policies: typeof policies; config: Record<string, unknown> } => ({
  policies,
  config: { identity: { xfcc: { enabled: true, ...xfcc } } },
});
const serviceAt = (depth: number): ReturnType<typeof serviceWith> => serviceWith({ trustedPeers: [HOP], depth });

let world: World<ServiceName>;

beforeAll(async () => {
  const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];
  const marked = [
    {
      prefix: '/',
      contextExtensions: { namespace: 'shop', 'label.app': 'orders', 'portcullis.xfcc': 'overwritten' },
    },
  ];
  const tls = serverTls('shop', 'orders');
  const listener = (name: string, service: ServiceName, mode: 'SANITIZE' | 'SANITIZE_SET' | 'APPEND_FORWARD') => ({
    name,
    service,
    tls,
    routes,
    http: { forwardClientCertificate: mode },
  });
  world = await startWorld({
    services: {
      'depth-0': serviceAt(0),
      'depth-1': serviceAt(1),
      'depth-2': serviceAt(2),
      marked: serviceWith({ trustedPeers: [HOP], trustEmptyPeer: 'marked' }),
      always: serviceWith({ trustEmptyPeer: 'always' }),
    },
    listeners: [
      listener('append, depth 0', 'depth-0', 'APPEND_FORWARD'),
      listener('append, depth 1', 'depth-1', 'APPEND_FORWARD'),
      listener('append, depth 2', 'depth-2', 'APPEND_FORWARD'),
      listener('set', 'depth-0', 'SANITIZE_SET'),
      listener('sanitize', 'depth-0', 'SANITIZE'),
      // As the listener of a waypoint behind its tunnel: no TLS of its own, and the header is there already.
      {
        name: 'waypoint',
        service: 'marked',
        routes: marked,
        http: { forwardClientCertificate: 'ALWAYS_FORWARD_ONLY' },
      },
      { name: 'plaintext', service: 'marked', routes, http: { forwardClientCertificate: 'ALWAYS_FORWARD_ONLY' } },
      {
        name: 'waypoint of Istio',
        service: 'always',
        routes,
        http: { forwardClientCertificate: 'ALWAYS_FORWARD_ONLY' },
      },
      { name: 'default plaintext', service: 'always', routes },
      { ...listener('mtls of marked', 'marked', 'APPEND_FORWARD') },
      {
        ...listener('append without a certificate', 'depth-2', 'APPEND_FORWARD'),
        tls: { ...tls, requireClientCertificate: false },
      },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const hop = clientOf('mesh', 'waypoint');
const stranger = clientOf('evil', 'x');

async function statuses(listener: string, tls: ClientTls | undefined, ...values: readonly string[]): Promise<string> {
  const headers = values.map((value): HeaderLine => ['x-forwarded-client-cert', value]);
  const found: string[] = [];
  for (const path of ['/web', '/hop'])
    if ((await sendHttp1(world.envoy.target(listener, tls), { path, headers })).status === 200) found.push(path);
  return found.join() || 'nobody';
}

describe('a gateway that appends to x-forwarded-client-cert', () => {
  it('is passed to the one for whom the hop in front of it spoke', async () => {
    expect(await statuses('append, depth 2', hop, `URI=${WEB}`)).toBe('/web');
    expect(await statuses('append, depth 2', hop, `By=${HOP};Hash=00;Subject="CN=a\\, \\"b\\"";URI=${WEB}`)).toBe(
      '/web',
    );
  });

  it('has the hop itself in its last element', async () => {
    expect(await statuses('append, depth 1', hop, `URI=${WEB}`)).toBe('/hop');
    expect(await statuses('append, depth 1', hop)).toBe('/hop');
  });

  it('is not passed with a chain of another length than the depth says', async () => {
    expect(await statuses('append, depth 2', hop)).toBe('nobody');
    expect(await statuses('append, depth 0', hop, `URI=${WEB}`)).toBe('nobody');
    expect(await statuses('append, depth 0', hop)).toBe('/hop');
  });

  it('is passed to nobody by what a client put further in front', async () => {
    expect(await statuses('append, depth 2', hop, `URI=${WEB},URI=${EVIL}`)).toBe('nobody');
    expect(await statuses('append, depth 2', hop, `URI=${EVIL},URI=${WEB}`)).toBe('/web');
    expect(await statuses('append, depth 2', hop, `URI=${WEB}`, `URI=${EVIL}`)).toBe('nobody');
  });

  it('does not believe anybody but the hop', async () => {
    for (const listener of ['append, depth 0', 'append, depth 1', 'append, depth 2'])
      expect([listener, await statuses(listener, stranger, `URI=${WEB}`)]).toEqual([listener, 'nobody']);
    expect(await statuses('append without a certificate', clientWith(null), `URI=${WEB}`, `URI=${WEB}`)).toBe('nobody');
  });

  it.each(['URI', `URI="${WEB}`, `Subject="URI=${WEB}`, `URI=${WEB}"`, ',', `URI=;URI=${WEB}`])(
    'is passed to nobody when the hop says %s',
    async (value) => {
      expect(await statuses('append, depth 2', hop, value)).toBe('nobody');
    },
  );

  it('is read with any subject of the hop', async () => {
    for (const commonName of ['Acme, "Inc"; x', 'a\\', '"', `",URI=${WEB}`, `";URI=${WEB};x="`, ' #a=b ']) {
      const odd = clientWith(certificateOf('cluster.local', { uris: [HOP], commonName }));
      expect([commonName, await statuses('append, depth 2', odd, `URI=${WEB}`)]).toEqual([commonName, '/web']);
      expect([commonName, await statuses('append, depth 1', odd, `URI=${EVIL}`)]).toEqual([commonName, '/hop']);
    }
  });
});

describe('a gateway that sets x-forwarded-client-cert anew', () => {
  it('has no other than the hop in it, whatever the hop sent', async () => {
    expect(await statuses('set', hop)).toBe('/hop');
    expect(await statuses('set', hop, `URI=${WEB}`)).toBe('/hop');
    expect(await statuses('set', hop, `URI=${WEB},URI=${EVIL}`, 'x')).toBe('/hop');
    expect(await statuses('set', stranger, `URI=${WEB}`)).toBe('nobody');
  });
});

describe('a gateway that removes x-forwarded-client-cert', () => {
  it('shows the hop alone', async () => {
    expect(await statuses('sanitize', hop, `URI=${WEB}`)).toBe('/hop');
    expect(await statuses('sanitize', stranger, `URI=${WEB}`)).toBe('nobody');
  });
});

describe('a connection without a principal', () => {
  it('is the one in the header where Envoy says that the header is its own work', async () => {
    expect(await statuses('waypoint', undefined, `By=${HOP};URI=${WEB}`)).toBe('/web');
    expect(await statuses('waypoint', undefined, `URI=${WEB},URI=${WEB}`)).toBe('nobody');
    expect(await statuses('waypoint', undefined)).toBe('nobody');
  });

  it('is nobody where Envoy does not say so, and no header says it instead', async () => {
    expect(await statuses('plaintext', undefined, `URI=${WEB}`)).toBe('nobody');
    const headers: readonly HeaderLine[] = [
      ['x-forwarded-client-cert', `URI=${WEB}`],
      ['portcullis.xfcc', 'overwritten'],
    ];
    expect((await sendHttp1(world.envoy.target('plaintext'), { path: '/web', headers })).status).toBe(403);
    expect(await statuses('mtls of marked', stranger, `URI=${WEB}`)).toBe('nobody');
  });

  it('is the one in the header everywhere with `always`, where Envoy lets the header pass', async () => {
    expect(await statuses('waypoint of Istio', undefined, `URI=${WEB}`)).toBe('/web');
    // Envoy removes the header of connections without a client certificate in all modes but ALWAYS_FORWARD_ONLY.
    expect(await statuses('default plaintext', undefined, `URI=${WEB}`)).toBe('nobody');
  });
});

/** What Envoy writes about a client is read by the next: as if this one were a hop that it trusts. */
describe('what Envoy writes of a certificate', () => {
  async function written(options: LeafOptions): Promise<{ readonly value: string; readonly der: Buffer }> {
    const certificate = certificateOf('cluster.local', options);
    const answer = await sendHttp1(world.envoy.target('set', clientWith(certificate)), { path: '/open' });
    const values = valuesOf(seenIn(answer).headers, 'x-forwarded-client-cert');
    expect(values).toHaveLength(1);
    return { value: values[0]!, der: new X509Certificate(certificate.certificate).raw };
  }
  const read = (value: string): ReturnType<typeof identify> =>
    identify(
      { principal: HOP, certificate: '', forwardedClientCert: { form: 'exact', lines: [value] } },
      { enabled: true, trustedPeers: [HOP], depth: 0 },
    );

  it.each<[string, LeafOptions]>([
    ['one URI', { uris: [WEB] }],
    ['several names', { uris: [WEB, EVIL], dnsNames: ['a.example', 'b.example'], commonName: 'web' }],
    ['no URI', { dnsNames: ['a.example'] }],
    ['no name but the subject', { commonName: 'web' }],
    ['a subject with all that is escaped', { uris: [WEB], commonName: ' a,b+c"d\\e<f>g;h=i#j\u00e9 ' }],
    ['a URI with what a query has', { uris: ['https://x.example/?a=b&c=%20#d'] }],
  ])('is the certificate: %s', async (_what, options) => {
    const { value, der } = await written(options);
    const facts = readCertificate(der);
    const peer = read(value);
    expect(peer.names).toEqual([...facts.uris, ...facts.dnsNames, facts.subject].filter((name) => name !== ''));
    expect(peer.uris).toEqual(facts.uris);
    const { sha256, subject, uris, dnsNames } = facts;
    expect(peer.certificate).toMatchObject({ sha256, subject, uris, dnsNames });
  });

  it.each<[string, LeafOptions]>([
    ['a DNS name with a pair', { dnsNames: [`x;URI=${WEB}`] }],
    ['a DNS name with an element', { dnsNames: [`x,URI=${WEB}`] }],
    ['a DNS name with a pair, beside a URI', { uris: [EVIL], dnsNames: [`x;URI=${WEB}`] }],
    ['a URI with a pair', { uris: [`${EVIL};URI=${WEB}`] }],
    ['a URI with an element', { uris: [`${EVIL},URI=${WEB}`] }],
    ['a URI with a quote', { uris: [`${EVIL}";URI=${WEB}`] }],
    ['a subject with a pair', { uris: [EVIL], commonName: `";URI=${WEB};x="` }],
    ['a subject with an element', { uris: [EVIL], commonName: `",URI=${WEB};x="` }],
  ])('makes nobody of who is not: %s', async (_what, options) => {
    const { value } = await written(options);
    expect(value).toContain(WEB);
    expect(read(value).spiffeId?.id).not.toBe('cluster.local/ns/shop/sa/web');
  });
});
