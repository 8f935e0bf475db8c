import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NativeTransport } from '../../src/transport/native/transport.ts';
import type { Listener, ListenOptions, TransportLog } from '../../src/transport/transport.ts';
import { writeCertificateFiles } from '../transport/support/certificate-files.ts';
import { createAuthority } from './support/certificates.ts';
import { startEnvoy, type Envoy } from './support/envoy.ts';
import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { startUpstream, type Upstream } from './support/upstream.ts';

// Two cores that run Envoy and other tests besides can take their time.
jest.setTimeout(60_000);

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

/** CheckResponse with `status {}` and `ok_response {}`. */
const ALLOWED = Buffer.from('0a001a00', 'hex');
/** CheckResponse with `status {code: 7}` and `denied_response {status {code: 403}}`. */
const DENIED = Buffer.from('0a02080712050a03089303', 'hex');
/** The same, behind an unknown field (15) of 100,000 bytes. */
const LARGE_DENIAL = Buffer.concat([Buffer.from([0x7a, 0xa0, 0x8d, 0x06]), Buffer.alloc(100_000), DENIED]);

const has = (message: Uint8Array, text: string): boolean =>
  Buffer.from(message.buffer, message.byteOffset, message.length).includes(text);

let envoy: Envoy;
let upstream: Upstream;
const listeners: Listener[] = [];
const logged: string[] = [];
/** Length of each CheckRequest. */
const lengths: number[] = [];
let removeDirectory: () => Promise<void>;

const log: TransportLog = (level, message) => {
  if (level === 'error' || level === 'warn') logged.push(message);
};

async function answer(message: Uint8Array): Promise<Uint8Array> {
  lengths.push(message.length);
  if (has(message, '/slow')) await new Promise((resolve) => setTimeout(resolve, 1_000));
  if (has(message, '/large-denial')) return LARGE_DENIAL;
  return has(message, '/denied') ? DENIED : ALLOWED;
}

async function listen(options: Partial<ListenOptions>): Promise<string> {
  const listener = await new NativeTransport(log).listen(
    {
      address: '127.0.0.1:0',
      tls: null,
      maxMessageBytes: 64 * 1024 * 1024,
      maxConcurrentStreams: 10_000,
      maxConnectionAgeSeconds: 0,
      reflection: false,
      ...options,
    },
    { unary: new Map([[CHECK, answer]]), serverStream: new Map(), answersAnyPeer: new Set() },
  );
  listeners.push(listener);
  return listener.address;
}

beforeAll(async () => {
  const directory = await temporaryDirectory();
  removeDirectory = () => directory.remove();
  const authority = createAuthority('mesh');
  const files = await writeCertificateFiles(directory.path, {
    ...authority.issue({ dnsNames: ['localhost'] }),
    clientCa: authority.certificate,
  });
  const client = 'spiffe://cluster.local/ns/edge/sa/gateway';
  const tls = { authority: authority.certificate, certificate: authority.issue({ uris: [client] }) };
  upstream = await startUpstream();
  const service = (name: string) => ({
    name,
    service: name,
    extAuthz: { requestBody: { maxBytes: 16 * 1024 * 1024 } },
  });
  envoy = await startEnvoy({
    upstream: upstream.ports,
    services: {
      plaintext: { address: await listen({}) },
      mtls: { address: await listen({ tls: { ...files, allowedClients: [client] } }), tls },
      unix: { address: await listen({ address: `unix:${directory.path}/s` }) },
      young: { address: await listen({ maxConnectionAgeSeconds: 0.2 }) },
    },
    listeners: [
      service('plaintext'),
      service('mtls'),
      service('unix'),
      service('young'),
      { name: 'hasty', service: 'plaintext', extAuthz: { timeoutMs: 100 } },
    ],
  });
});

afterAll(async () => {
  await envoy.stop();
  await Promise.all(listeners.map((listener) => listener.drain(1_000)));
  await upstream.stop();
  await removeDirectory();
});

const statusOf = async (listener: string, path: string, body?: string): Promise<number> =>
  (
    await sendHttp1(envoy.target(listener), {
      path,
      ...(body !== undefined && { method: 'POST', body }),
    })
  ).status;

describe('the real Envoy over the native transport', () => {
  it.each(['plaintext', 'mtls', 'unix'])('asks and is answered (%s)', async (listener) => {
    const connection = await openHttp1(envoy.target(listener));
    for (let i = 0; i < 200; i++) {
      const path = i % 3 === 0 ? '/denied' : `/allowed/${String(i)}`;
      expect((await connection.send({ path })).status).toBe(i % 3 === 0 ? 403 : 200);
    }
    connection.close();
    expect(await envoy.extAuthzCounter(listener, 'error')).toBe(0);
  });

  it.each(['plaintext', 'mtls'])('asks for many at once (%s)', async (listener) => {
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, i) => statusOf(listener, i % 2 === 0 ? '/denied' : '/allowed')),
    );
    expect(statuses).toEqual(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 403 : 200)));
  });

  it.each(['plaintext', 'mtls'])('sends large bodies and gets large answers (%s)', async (listener) => {
    const before = lengths.length;
    const bodies = await Promise.all(
      [1, 2, 3].map((mib) => statusOf(listener, '/allowed', 'x'.repeat(mib * 1024 * 1024))),
    );
    expect(bodies).toEqual([200, 200, 200]);
    expect(Math.max(...lengths.slice(before))).toBeGreaterThan(3 * 1024 * 1024);
    expect(await statusOf(listener, '/large-denial')).toBe(403);
  });

  it('gives up calls that take too long, and asks on', async () => {
    const slow = await Promise.all(Array.from({ length: 50 }, () => statusOf('hasty', '/slow')));
    expect(new Set(slow)).toEqual(new Set([503]));
    expect(await statusOf('hasty', '/allowed')).toBe(200);
    expect(await statusOf('hasty', '/denied')).toBe(403);
  });

  it('loses no request while its connections are asked to leave again and again', async () => {
    const connection = await openHttp1(envoy.target('young'));
    const end = performance.now() + 2_000;
    const statuses = new Set<number>();
    while (performance.now() < end) statuses.add((await connection.send({ path: '/allowed' })).status);
    connection.close();
    expect(statuses).toEqual(new Set([200]));
    expect(await envoy.extAuthzCounter('young', 'error')).toBe(0);
  });

  it('gave nobody a reason to complain', () => {
    expect(logged).toEqual([]);
  });
});
