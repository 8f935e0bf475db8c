import { once } from 'node:events';
import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TlsOptions } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { mountSecret, writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';
import { callHttp2, connectHttp2, connectHttp2Over } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { TestListener, TransportUnderTest } from '../support/listening.ts';

const POLL_MS = 20;
const NOTHING = new Uint8Array();

/** Certificate files that change while calls are answered. */
export function describeRotation(transport: TransportUnderTest): void {
  const oldCa = createAuthority('old');
  const newCa = createAuthority('new');
  const client = oldCa.issue({ uris: ['spiffe://td/ns/a/sa/b'] });
  const oldSet = { ...oldCa.issue({ dnsNames: ['localhost'] }), clientCa: oldCa.certificate };
  const newSet = { ...newCa.issue({ dnsNames: ['localhost'] }), clientCa: oldCa.certificate };

  describe('certificate rotation', () => {
    const cleanup = new Cleanup();
    let directory: string;

    beforeEach(async () => {
      const path = await cleanup.directory();
      directory = path;
    });
    afterEach(() => cleanup.run());

    const open = async (tls: TlsOptions): Promise<TestListener> =>
      cleanup.listener(await openListener(transport, { tls, certificatePollMs: POLL_MS }));

    /** Whom a new connection finds. */
    async function servedBy({ listener }: TestListener): Promise<string> {
      const socket = connectTls(options(listener.address));
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const issuer = socket.getPeerX509Certificate()!.issuer;
      socket.destroy();
      return issuer;
    }

    const options = (address: string): ConnectionOptions => ({
      host: '127.0.0.1',
      port: Number(address.split(':')[1]),
      servername: 'localhost',
      ca: [oldCa.certificate, newCa.certificate],
      cert: client.certificate,
      key: client.key,
      ALPNProtocols: ['h2'],
    });

    const wasLogged = ({ entries }: TestListener, message: string): boolean =>
      entries.some((entry) => entry.message === message);
    const RELOADED = 'certificates reloaded';
    const NOT_RELOADED = 'certificates not reloaded, the last good ones stay';

    it('serves new files to new connections and keeps those that are open', async () => {
      const opened = await open(await writeCertificateFiles(directory, oldSet));
      const session = cleanup.session(
        await connectHttp2(opened.listener.address, { authority: oldCa.certificate, certificate: client }),
      );
      expect(await servedBy(opened)).toBe('CN=old');

      await writeCertificateFiles(directory, newSet);
      await waitUntil('the new certificate', async () => (await servedBy(opened)) === 'CN=new');
      expect(wasLogged(opened, RELOADED)).toBe(true);
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    });

    it('notices a secret that Kubernetes swaps', async () => {
      const opened = await open(await mountSecret(directory, 'v1', oldSet));
      expect(await servedBy(opened)).toBe('CN=old');
      await mountSecret(directory, 'v2', newSet);
      await waitUntil('the new certificate', async () => (await servedBy(opened)) === 'CN=new');
      expect(wasLogged(opened, RELOADED)).toBe(true);
    });

    it('notices a directory that is swapped as a whole', async () => {
      const [v1, v2] = [await cleanup.directory(), await cleanup.directory()];
      await writeCertificateFiles(v1, oldSet);
      await writeCertificateFiles(v2, newSet);
      const current = join(directory, 'current');
      await symlink(v1, current);
      const opened = await open({
        certFile: join(current, 'tls.crt'),
        keyFile: join(current, 'tls.key'),
        clientCaFile: join(current, 'ca.crt'),
        allowedClients: [],
      });
      await symlink(v2, `${current}.new`);
      await rename(`${current}.new`, current);
      await waitUntil('the new certificate', async () => (await servedBy(opened)) === 'CN=new');
      expect(wasLogged(opened, RELOADED)).toBe(true);
    });

    it('keeps the last good pair while only half of a new one is there', async () => {
      const tls = await writeCertificateFiles(directory, oldSet);
      const opened = await open(tls);
      await writeFile(tls.certFile, newSet.certificate);
      await waitUntil('the problem in the log', () => wasLogged(opened, NOT_RELOADED));
      await sleep(10 * POLL_MS);
      expect(await servedBy(opened)).toBe('CN=old');
      // Each look finds the same problem, and says so once.
      expect(opened.entries.filter(({ message }) => message === NOT_RELOADED)).toHaveLength(1);
      await writeFile(tls.keyFile, newSet.key);
      await waitUntil('the new certificate', async () => (await servedBy(opened)) === 'CN=new');
    });

    it.each([
      ['an empty certificate', 'certFile', ''],
      ['a certificate that is cut off', 'certFile', newSet.certificate.slice(0, -40)],
      ['a key that is none', 'keyFile', 'no key'],
      // Without a CA, Node would trust every public authority.
      ['an empty CA file', 'clientCaFile', ''],
      ['a CA file that is cut off', 'clientCaFile', oldCa.certificate + newCa.certificate.slice(0, -40)],
    ] as const)('keeps the last good files in place of %s', async (_what, which, content) => {
      const tls = await writeCertificateFiles(directory, oldSet);
      const opened = await open(tls);
      await writeFile(tls[which]!, content);
      await waitUntil('the problem in the log', () => wasLogged(opened, NOT_RELOADED));
      expect(await servedBy(opened)).toBe('CN=old');
      expect(opened.entries.every(({ fields }) => !JSON.stringify(fields).includes('PRIVATE'))).toBe(true);
    });

    it('keeps the last good files when they vanish, and takes them when they are back', async () => {
      const tls = await writeCertificateFiles(directory, oldSet);
      const opened = await open(tls);
      await rm(tls.certFile);
      await waitUntil('the problem in the log', () => wasLogged(opened, NOT_RELOADED));
      expect(await servedBy(opened)).toBe('CN=old');
      await writeCertificateFiles(directory, newSet);
      await waitUntil('the new certificate', async () => (await servedBy(opened)) === 'CN=new');
    });

    it('lets nobody in whom only the old CA file trusted, not even by a session of before', async () => {
      const tls = await writeCertificateFiles(directory, oldSet);
      const opened = await open(tls);
      const knock = async (session?: Buffer): Promise<{ session: Buffer; closed: boolean; reused: boolean }> => {
        const socket = connectTls({ ...options(opened.listener.address), ...(session && { session }) });
        let latest: Buffer = Buffer.alloc(0);
        socket.on('session', (ticket: Buffer) => (latest = ticket));
        socket.on('error', () => undefined).resume();
        const closed = once(socket, 'close').then(() => true);
        await Promise.race([once(socket, 'secureConnect'), closed]);
        const outcome = await Promise.race([
          closed,
          new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 200)),
        ]);
        const reused = socket.isSessionReused();
        socket.destroy();
        return { session: latest, closed: outcome, reused };
      };
      const before = await knock();
      expect(before.closed).toBe(false);
      expect(await knock(before.session)).toMatchObject({ closed: false, reused: true });

      await writeFile(tls.clientCaFile!, newCa.certificate);
      await waitUntil('the reload', () => wasLogged(opened, RELOADED));
      expect(await knock(before.session)).toMatchObject({ closed: true });
      expect(await knock()).toMatchObject({ closed: true });
    });

    it('knows the client of a resumed session', async () => {
      const tls = await writeCertificateFiles(directory, oldSet);
      const opened = await open({ ...tls, allowedClients: ['spiffe://td/ns/a/sa/b'] });
      const tickets: Buffer[] = [];
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        for (const resume of [false, true]) {
          const socket = connectTls({
            ...options(opened.listener.address),
            maxVersion,
            ...(resume && { session: tickets[tickets.length - 1]! }),
          });
          socket.on('session', (ticket: Buffer) => tickets.push(ticket));
          await once(socket, 'secureConnect');
          const session = cleanup.session(connectHttp2Over(socket));
          expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
          expect(socket.isSessionReused()).toBe(resume);
        }
      }
    });
  });
}
