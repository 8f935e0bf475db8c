import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CallContext, TlsOptions } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import type { Certificate, LeafOptions } from '../../e2e/support/certificates.ts';
import { writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import { ECHO, GUARD, openListener } from '../support/listening.ts';
import type { Setup, TransportUnderTest } from '../support/listening.ts';

const OK = 0;
const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;

const NOTHING = new Uint8Array();
const HEALTH_CHECK = '/grpc.health.v1.Health/Check';

const GATEWAY = 'spiffe://td/ns/edge/sa/gateway';

/** Who is let in, and as whom. */
export function describeTls(transport: TransportUnderTest): void {
  const authority = createAuthority('mesh');
  const stranger = createAuthority('stranger');
  const server = authority.issue({ dnsNames: ['localhost'] });

  describe('TLS', () => {
    const cleanup = new Cleanup();
    let files: TlsOptions;

    beforeEach(async () => {
      const path = await cleanup.directory();
      files = await writeCertificateFiles(path, { ...server, clientCa: authority.certificate });
    });
    afterEach(() => cleanup.run());

    async function open(tls: Partial<TlsOptions> = {}, setup: Setup = {}) {
      const opened = cleanup.listener(await openListener(transport, { ...setup, tls: { ...files, ...tls } }));
      const { address } = opened.listener;
      const as = (certificate?: Certificate, path = ECHO) =>
        cleanup
          .client(
            openClient({ address, tls: { authority: authority.certificate, ...(certificate && { certificate }) } }),
          )
          .unary(path, NOTHING, { timeoutMs: 3_000 });
      return { ...opened, address, as };
    }

    it('proves who the server is, and asks the client for nothing without a CA file', async () => {
      const { as } = await open({ clientCaFile: null });
      expect(await as()).toMatchObject({ code: OK });
    });

    it('does not answer plaintext', async () => {
      const { address } = await open({ clientCaFile: null });
      const client = cleanup.client(openClient({ address }));
      expect(await client.unary(ECHO, NOTHING, { timeoutMs: 1_000 })).not.toMatchObject({ code: OK });
    });

    it('serves TLS on a Unix socket', async () => {
      const path = await cleanup.directory();
      const { as } = await open({ clientCaFile: null }, { address: `unix:${path}/s` });
      expect(await as()).toMatchObject({ code: OK });
    });

    it.each([[['http/1.1']], [undefined]])('closes on a peer that offers %j instead of HTTP/2', async (protocols) => {
      const { address } = await open({ clientCaFile: null });
      const socket = connectTls({
        host: '127.0.0.1',
        port: Number(address.split(':')[1]),
        servername: 'localhost',
        ca: authority.certificate,
        ...(protocols && { ALPNProtocols: protocols }),
      });
      socket.on('error', () => undefined).resume();
      const closed = new Promise((resolve) => socket.once('close', () => resolve('closed')));
      expect(await closed).toBe('closed');
    });

    it('takes no TLS older than 1.2 and no cipher without forward secrecy', async () => {
      const { address } = await open({ clientCaFile: null });
      const offer = async (options: object): Promise<string | undefined> => {
        const socket = connectTls({
          host: '127.0.0.1',
          port: Number(address.split(':')[1]),
          servername: 'localhost',
          ca: authority.certificate,
          ALPNProtocols: ['h2'],
          ...options,
        });
        const outcome = await Promise.race([
          once(socket, 'secureConnect').then(() => 'taken'),
          once(socket, 'error').then(
            () => 'refused',
            () => 'refused',
          ),
        ]).catch(() => 'refused');
        socket.destroy();
        return outcome;
      };
      expect(await offer({ maxVersion: 'TLSv1.2' })).toBe('taken');
      expect(await offer({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })).toBe('refused');
      expect(await offer({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })).toBe('refused');
    });

    it('lets in whom the CA has signed, and gives the handler the certificate', async () => {
      const contexts: CallContext[] = [];
      const { as } = await open(
        {},
        { unary: { '/test.Bytes/Method': (message, context) => (contexts.push(context), message) } },
      );
      const certificate = authority.issue({ uris: [GATEWAY] });
      expect(await as(certificate, '/test.Bytes/Method')).toMatchObject({ code: OK });
      const [context] = contexts;
      expect(context!.peerAllowed).toBe(true);
      expect(Buffer.from(context!.peerCertificate!)).toEqual(new X509Certificate(certificate.certificate).raw);
    });

    it('turns away clients without a certificate, and with one of another CA', async () => {
      const { as } = await open();
      expect(await as()).toMatchObject({ code: UNAVAILABLE });
      expect(await as(stranger.issue({ uris: [GATEWAY] }))).toMatchObject({ code: UNAVAILABLE });
      expect(await as(authority.issue({ uris: [GATEWAY] }))).toMatchObject({ code: OK });
    });

    const allowed: [pattern: string, names: LeafOptions][] = [
      [GATEWAY, { uris: [GATEWAY] }],
      ['spiffe://td/ns/edge/*', { uris: [GATEWAY] }],
      ['spiffe://td/*', { uris: [GATEWAY], dnsNames: ['gateway.example.com'] }],
      ['dns:gateway.example.com', { dnsNames: ['GATEWAY.example.com'] }],
      ['dns:*.example.com', { dnsNames: ['other.test', 'gateway.example.com'] }],
    ];
    it.each(allowed)('%s is a client with the names %j', async (pattern, names) => {
      const { as } = await open({ allowedClients: ['dns:nobody.test', pattern] });
      const certificate = authority.issue(names);
      expect(await as(certificate)).toMatchObject({ code: OK });
      expect((await as(certificate, GUARD)).message?.toString()).toBe('allowed');
    });

    const nearMisses: [pattern: string, names: LeafOptions][] = [
      [GATEWAY, { uris: [`${GATEWAY}2`] }],
      [GATEWAY, { uris: [`${GATEWAY}/`] }],
      [GATEWAY, { uris: ['spiffe://TD/ns/edge/sa/gateway'] }],
      [GATEWAY, { uris: [`${GATEWAY}\0.evil`] }],
      [GATEWAY, { uris: [GATEWAY, 'spiffe://td/ns/shop/sa/cart'] }],
      [GATEWAY, { dnsNames: [GATEWAY] }],
      [GATEWAY, { commonName: GATEWAY }],
      [GATEWAY, { dnsNames: [`x, URI:${GATEWAY}`] }],
      ['spiffe://td/ns/edge/*', { uris: ['spiffe://td/ns/edge2/sa/gateway'] }],
      ['spiffe://td/ns/edge/*', { uris: ['spiffe://td/ns/edge/../shop/sa/cart'] }],
      ['spiffe://td/ns/edge/*', { uris: ['spiffe://td/ns/edge/'] }],
      ['spiffe://td/*', { uris: ['spiffe://td.evil/ns/edge/sa/gateway'] }],
      ['dns:*.example.com', { dnsNames: ['example.com'] }],
      ['dns:*.example.com', { dnsNames: ['a.b.example.com'] }],
      ['dns:*.example.com', { dnsNames: ['*.example.com'] }],
      ['dns:*.example.com', { dnsNames: ['evil.test\0.example.com'] }],
      ['dns:gateway.example.com', { dnsNames: ['gateway.example.com.evil.test'] }],
      ['dns:gateway.example.com', { uris: ['dns:gateway.example.com'] }],
      ['dns:gateway.example.com', { commonName: 'gateway.example.com' }],
    ];
    it.each(nearMisses)('%s is not a client with the names %j', async (pattern, names) => {
      const { as, entries } = await open({ allowedClients: [pattern] });
      const certificate = authority.issue(names);
      expect(await as(certificate)).toMatchObject({ code: PERMISSION_DENIED, details: 'peer not allowed' });
      expect((await as(certificate, GUARD)).message?.toString()).toBe('denied');
      expect(entries).toContainEqual(expect.objectContaining({ level: 'warn' }));
    });

    it('answers a client that is not on the list nothing but what answers anybody', async () => {
      const { as } = await open({ allowedClients: [GATEWAY] }, { reflection: true });
      const certificate = authority.issue({ uris: ['spiffe://td/ns/shop/sa/cart'] });
      for (const path of [HEALTH_CHECK, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', '/no/method']) {
        expect(await as(certificate, path)).toMatchObject({ code: PERMISSION_DENIED });
      }
      expect(await as(certificate, GUARD)).toMatchObject({ code: OK });
    });

    it.each([
      'spiffe://*',
      'spiffe://td*',
      'spiffe://',
      'spiffe://td/*/sa/gateway',
      '*',
      'dns:*',
      'dns:a.*.com',
      'dns:',
      'gateway.example.com',
      'email:a@b',
    ])('refuses to start with the pattern %s', async (pattern) => {
      await expect(open({ allowedClients: [pattern] })).rejects.toMatchObject({ code: 'bad-allowed-client' });
    });

    it('refuses to start with an allow-list but no CA', async () => {
      await expect(open({ clientCaFile: null, allowedClients: [GATEWAY] })).rejects.toMatchObject({
        code: 'bad-allowed-client',
      });
    });

    it('refuses to start with files that cannot be used, and says which', async () => {
      await expect(open({ certFile: '/no/such.crt' })).rejects.toMatchObject({
        name: 'ListenError',
        code: 'bad-certificate-files',
        message: 'cannot read `/no/such.crt`: ENOENT',
      });
    });
  });
}
