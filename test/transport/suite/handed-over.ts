import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { openFrontDoor } from '../../../src/transport/front-door.ts';
import { TLS_HANDSHAKE_TIMEOUT_MS } from '../../../src/transport/limits.ts';
import type { UnaryHandler } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import type { HandedProcessOptions } from '../support/handed-process.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, openTestServer, recordingLog } from '../support/listening.ts';
import type { Setup, TransportUnderTest } from '../support/listening.ts';

const NOTHING = new Uint8Array();
const SLOW = '/test.Bytes/Slow';
const WHO = '/test.Bytes/Who';

/** Connections that somebody else has accepted. */
export function describeHandedOver(transport: TransportUnderTest): void {
  const authority = createAuthority('mesh');
  const files = { ...authority.issue({ dnsNames: ['localhost'] }), clientCa: authority.certificate };
  const client = authority.issue({ uris: ['spiffe://td/ns/a/sa/b'] });

  describe('connections that are handed over', () => {
    const cleanup = new Cleanup();
    afterEach(() => cleanup.run());

    /** Any server of sockets, which gives away what it accepts. */
    async function accept(take: (socket: Socket) => void, pauseOnConnect: boolean): Promise<string> {
      const server = createServer({ pauseOnConnect }, take);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanup.add(() => server.close());
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    async function open(setup: Setup = {}, pauseOnConnect = true) {
      const opened = await openTestServer(transport, setup);
      cleanup.add(() => opened.server.drain(0));
      const sockets: Socket[] = [];
      const take = (socket: Socket): void => {
        sockets.push(socket);
        opened.server.adopt(socket);
      };
      return { ...opened, sockets, address: await accept(take, pauseOnConnect) };
    }

    const mutualTls = async () => writeCertificateFiles(await cleanup.directory(), files);
    const credentials = { authority: authority.certificate, certificate: client };

    it.each([true, false])(
      'are served in plaintext, also when nobody has stopped them (paused: %s)',
      async (paused) => {
        const { address } = await open({}, paused);
        expect(await cleanup.client(openClient({ address })).unary(ECHO, Buffer.of(1))).toMatchObject({ code: 0 });
      },
    );

    it.each([true, false])('are served over mutual TLS, which begins here (paused: %s)', async (paused) => {
      const { address } = await open({ tls: await mutualTls() }, paused);
      const known = cleanup.client(openClient({ address, tls: credentials }));
      expect(await known.unary(ECHO, Buffer.of(1))).toMatchObject({ code: 0, message: Buffer.of(1) });
      const unknown = cleanup.client(openClient({ address, tls: { authority: authority.certificate } }));
      expect(await unknown.unary(ECHO, NOTHING)).toMatchObject({ code: 14 });
    });

    it('have their small writes sent at once', async () => {
      const { address, sockets } = await open();
      const setNoDelay = jest.spyOn(Socket.prototype, 'setNoDelay');
      cleanup.add(() => setNoDelay.mockRestore());
      await cleanup.client(openClient({ address })).unary(ECHO, NOTHING);
      const calls = setNoDelay.mock.calls.filter((_args, i) => setNoDelay.mock.contexts[i] === sockets[0]);
      expect(calls).toEqual([[true]]);
    });

    it('are closed when their TLS does not begin in time', async () => {
      const { address } = await open({ tls: await mutualTls() });
      const setTimeout = jest.spyOn(Socket.prototype, 'setTimeout');
      cleanup.add(() => setTimeout.mockRestore());
      const silent = connect(Number(address.split(':')[1]), '127.0.0.1').resume();
      const closed = once(silent, 'close');
      const timed = await waitUntil('the time to be set', () => {
        const i = setTimeout.mock.calls.findIndex(([timeMs]) => timeMs === TLS_HANDSHAKE_TIMEOUT_MS);
        return setTimeout.mock.contexts[i] as Socket | undefined;
      });
      // The clock inside of Node cannot be turned.
      timed.emit('timeout');
      expect(await closed).toEqual([false]);
    });

    it('are answered before a drain ends, and those that come later are closed', async () => {
      const waiting: (() => void)[] = [];
      const slow: UnaryHandler = (message) => new Promise((resolve) => waiting.push(() => resolve(message)));
      const { address, server, sockets } = await open({ unary: { [SLOW]: slow } });
      const session = cleanup.session(await connectHttp2(address));
      const call = callHttp2(session, SLOW, NOTHING);
      await waitUntil('the call', () => waiting.length === 1);
      let drained = false;
      const draining = server.drain(10_000).then(() => (drained = true));

      const late = connect(Number(address.split(':')[1]), '127.0.0.1');
      await once(late.resume(), 'close');
      expect(sockets).toHaveLength(2);
      expect(drained).toBe(false);
      waiting[0]!();
      expect(await call).toMatchObject({ grpcStatus: 0 });
      await draining;
      expect(sockets.every((socket) => socket.destroyed)).toBe(true);
    });

    it('are torn down with all others when a drain takes too long', async () => {
      const { server, address } = await open({ unary: { [SLOW]: () => new Promise<Uint8Array>(() => undefined) } });
      const session = cleanup.session(await connectHttp2(address));
      const call = callHttp2(session, SLOW, NOTHING);
      await callHttp2(session, ECHO, NOTHING);
      await server.drain(1);
      expect(await call).toMatchObject({ grpcStatus: null });
    });

    it('need not be there for a drain to end', async () => {
      const { server } = await open();
      expect(await Promise.all([server.drain(10_000), server.drain(10_000)])).toEqual([undefined, undefined]);
    });

    describe('to another process', () => {
      async function start(options: HandedProcessOptions): Promise<ChildProcess> {
        const child = fork(new URL('../support/handed-process.ts', import.meta.url), [JSON.stringify(options)], {
          execArgv: ['--disable-warning=ExperimentalWarning'],
        });
        cleanup.add(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill('SIGKILL');
          await once(child, 'exit');
        });
        await once(child, 'message');
        return child;
      }

      it.each([
        ['TCP', 'plaintext'],
        ['TCP', 'mutual TLS'],
        ['Unix', 'plaintext'],
        ['Unix', 'mutual TLS'],
      ])('are served there, and drained (%s, %s)', async (network, security) => {
        const secure = security === 'mutual TLS';
        const child = await start({ transport: transport.name, tls: secure ? await mutualTls() : null });
        const at = { address: network === 'TCP' ? '127.0.0.1:0' : `unix:${await cleanup.directory()}/s` };
        const door = await openFrontDoor(at, recordingLog().log, (socket) => child.send('socket', socket));
        cleanup.add(() => door.close());
        const callers = Array.from({ length: 3 }, () =>
          cleanup.client(openClient({ address: door.address, ...(secure && { tls: credentials }) })),
        );
        const answers = await Promise.all(callers.map((caller) => caller.unary(WHO, NOTHING)));
        const expected = `${child.pid} ${secure ? 'somebody' : 'anybody'}`;
        expect(answers.map(({ message }) => message?.toString())).toEqual([expected, expected, expected]);

        door.close();
        const exited = once(child, 'exit');
        child.send('drain');
        expect(await exited).toEqual([0, null]);
      });
    });
  });
}
