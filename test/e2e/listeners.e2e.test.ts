import { connect } from 'node:tls';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { createAuthority, spiffeId, type Certificate } from './support/certificates.ts';
import { callGrpc } from './support/grpc-client.ts';
import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { sendHttp2 } from './support/http2-client.ts';
import { accessPolicy, documents } from './support/policies.ts';
import { temporaryDirectory, type TemporaryDirectory } from './support/temporary-directory.ts';
import { waitUntil } from './support/wait.ts';
import { startWorld, type World, type WorldService } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** The ways in which Envoy reaches the service. */
const authority = createAuthority('root of the control plane');
const proxy = authority.issue({ uris: [spiffeId('cluster.local', 'shop', 'orders')] });
const stranger = authority.issue({ uris: [spiffeId('cluster.local', 'shop', 'stranger')] });

const policies = {
  'policies.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [{ name: 'open', to: [{ operation: { paths: ['/open', '/shop.Catalog/*'] } }] }],
    }),
  ),
};

const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

const names = ['tcp', 'unix', 'tls', 'mtls', 'allow-list'] as const;

let files: TemporaryDirectory;
let world: World<(typeof names)[number]>;

function newServerCertificate(): Certificate {
  return authority.issue({
    uris: [spiffeId('cluster.local', 'portcullis-system', 'portcullis')],
    addresses: ['127.0.0.1'],
  });
}

async function writeServerCertificate(certificate: Certificate): Promise<void> {
  await writeFile(join(files.path, 'tls.key'), certificate.key);
  await writeFile(join(files.path, 'tls.crt'), certificate.certificate);
}

beforeAll(async () => {
  files = await temporaryDirectory();
  await writeFile(join(files.path, 'ca.crt'), authority.certificate);
  await writeServerCertificate(newServerCertificate());
  const tls = { certFile: join(files.path, 'tls.crt'), keyFile: join(files.path, 'tls.key') };
  const mtls = { ...tls, clientCaFile: join(files.path, 'ca.crt') };
  const allowedClients = ['spiffe://cluster.local/ns/shop/sa/orders'];
  const services: Record<(typeof names)[number], WorldService> = {
    tcp: { policies },
    unix: { policies, listen: 'unix' },
    tls: { policies, config: { tls }, clientTls: { authority: authority.certificate } },
    mtls: { policies, config: { tls: mtls }, clientTls: { authority: authority.certificate, certificate: proxy } },
    'allow-list': {
      policies,
      config: { tls: { ...mtls, allowedClients } },
      clientTls: { authority: authority.certificate, certificate: stranger },
    },
  };
  world = await startWorld({
    services,
    listeners: names.flatMap((name) => [
      { name, service: name, routes },
      { name: `${name}-failing-open`, service: name, routes, extAuthz: { failureModeAllow: true } },
    ]),
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
  await files.remove();
});

describe.each(['tcp', 'unix', 'tls', 'mtls'] as const)('over %s', (name) => {
  it('decides for HTTP/1.1, HTTP/2 and gRPC', async () => {
    const target = world.envoy.target(name);
    expect(await sendHttp1(target, { path: '/open' })).toMatchObject({ status: 200 });
    expect(await sendHttp1(target, { path: '/shut' })).toMatchObject({ status: 403 });
    expect(await sendHttp2(target, { path: '/open' })).toMatchObject({ status: 200 });
    expect(await callGrpc(target, { path: '/shop.Catalog/Get' })).toMatchObject({ code: 0 });
    expect(await callGrpc(target, { path: '/shop.Orders/Get' })).toMatchObject({ code: 7 });
    expect(await world.envoy.extAuthzCounter(name, 'error')).toBe(0);
  });
});

describe('a proxy that is not on the allow-list', () => {
  it.each(['allow-list', 'allow-list-failing-open'])(
    'is answered with denials, not with errors (%s)',
    async (listener) => {
      const before = world.upstream.seen().length;
      expect(
        await sendHttp1(world.envoy.target(listener), { path: '/open', headers: [['x-case', listener]] }),
      ).toMatchObject({
        status: 403,
      });
      expect(await world.envoy.accessLogOf(listener)).toMatchObject({ metadata: { reason: 'peer_not_allowed' } });
      expect(await world.envoy.extAuthzCounter(listener, 'error')).toBe(0);
      expect(world.upstream.seen().length).toBe(before);
    },
  );
});

describe('a certificate that is renewed', () => {
  it('is shown to new connections, and drops none that is open', async () => {
    const connection = await openHttp1(world.envoy.target('tls'));
    const renewed = newServerCertificate();
    const wanted = new X509Certificate(renewed.certificate).fingerprint256;
    expect(await shownBy(world.services.tls.address)).not.toBe(wanted);
    await writeServerCertificate(renewed);
    const statuses = new Set<number>();
    await waitUntil('the renewed certificate', async () => {
      statuses.add((await connection.send({ path: '/open' })).status);
      return (await shownBy(world.services.tls.address)) === wanted;
    });
    statuses.add((await connection.send({ path: '/open' })).status);
    connection.close();
    expect([...statuses]).toEqual([200]);
    expect(await world.envoy.extAuthzCounter('tls', 'error')).toBe(0);
  }, 30_000);
});

/** Fingerprint of the certificate that a listener shows now. */
function shownBy(address: string): Promise<string> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port),
      ca: authority.certificate,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      resolve(fingerprint256);
    });
  });
}
