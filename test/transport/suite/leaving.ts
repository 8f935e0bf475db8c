import { existsSync } from 'node:fs';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { UnaryHandler } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import type { ClientTls } from '../support/grpc-client.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import type { StreamAnswer } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';
import { openSlowProxy } from '../support/slow-proxy.ts';

const NOTHING = new Uint8Array();
const SLOW = '/test.Bytes/Slow';
const WATCH = '/grpc.health.v1.Health/Watch';
const UNAVAILABLE = 14;
const ONE_WAY_MS = 40;
/** RFC 9113 §7. */
const NO_ERROR = 0;
const LARGEST_STREAM_ID = 2 ** 31 - 1;

/** Connections that end because the server wants it: a drain, and old age. */
export function describeLeaving(transport: TransportUnderTest): void {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  /** A handler that answers when it is told to. */
  function heldBack(): { readonly handler: UnaryHandler; readonly waiting: (() => void)[] } {
    const waiting: (() => void)[] = [];
    return { waiting, handler: (message) => new Promise((resolve) => waiting.push(() => resolve(message))) };
  }

  /**
   * Calls without a pause until the server says that it wants no more. Left out is what the client has not sent any
   * more when it read that: it ends at once, and what the server refuses takes the time of both ways.
   */
  async function callUntilGoaway(session: ClientHttp2Session): Promise<StreamAnswer[]> {
    const calls: Promise<StreamAnswer | null>[] = [];
    let told = false;
    session.on('goaway', () => (told = true));
    while (!told) {
      const start = performance.now();
      const unlessUnsent = (answer: StreamAnswer) => (performance.now() - start < ONE_WAY_MS ? null : answer);
      calls.push(callHttp2(session, ECHO, NOTHING).then(unlessUnsent));
      await sleep(2);
    }
    return (await Promise.all(calls)).filter((answer) => answer !== null);
  }

  describe('drain', () => {
    it('answers the call that is in flight, and takes no new connection', async () => {
      const { handler, waiting } = heldBack();
      const { listener } = await openListener(transport, { unary: { [SLOW]: handler } });
      const client = cleanup.client(openClient({ address: listener.address }));
      const call = client.unary(SLOW, Buffer.of(1));
      await waitUntil('the call', () => waiting.length === 1);

      let drained = false;
      const draining = listener.drain(5_000).then(() => (drained = true));
      const late = cleanup.client(openClient({ address: listener.address }));
      expect(await late.unary(ECHO, NOTHING, { timeoutMs: 1_000 })).toMatchObject({ code: UNAVAILABLE });
      expect(drained).toBe(false);
      waiting[0]!();
      expect(await call).toMatchObject({ code: 0, message: Buffer.of(1) });
      await draining;
    });

    it('tears down what has not ended in time', async () => {
      const { handler, waiting } = heldBack();
      const { listener } = await openListener(transport, { unary: { [SLOW]: handler } });
      const call = cleanup.client(openClient({ address: listener.address })).unary(SLOW, NOTHING);
      await waitUntil('the call', () => waiting.length === 1);
      const before = performance.now();
      await listener.drain(300);
      expect(performance.now() - before).toBeLessThan(2_000);
      expect((await call).code).not.toBe(0);
    });

    it('ends soon when nothing is in flight, and may be asked for twice', async () => {
      const { listener } = await openListener(transport);
      await cleanup.client(openClient({ address: listener.address })).unary(ECHO, NOTHING);
      const before = performance.now();
      await Promise.all([listener.drain(10_000), listener.drain(10_000)]);
      expect(performance.now() - before).toBeLessThan(2_000);
    });

    it('does not wait for a peer that never said anything', async () => {
      const { listener } = await openListener(transport);
      const socket = connect(Number(listener.address.split(':')[1]), '127.0.0.1');
      await once(socket, 'connect');
      cleanup.add(() => socket.destroy());
      const before = performance.now();
      await listener.drain(1_000);
      expect(performance.now() - before).toBeLessThan(2_000);
    });

    it('says NOT_SERVING to watchers, then ends their streams', async () => {
      const { listener, health } = await openListener(transport);
      health.setServing();
      const watch = cleanup.client(openClient({ address: listener.address })).stream(WATCH, NOTHING);
      await waitUntil('the first status', () => watch.messages.length === 1);
      health.setNotServing();
      await listener.drain(5_000);
      expect(await watch.ended).toMatchObject({ code: UNAVAILABLE });
      expect(watch.messages).toEqual([Buffer.of(8, 1), Buffer.of(8, 2)]);
    });

    it('removes its Unix socket', async () => {
      const path = await cleanup.directory();
      const { listener } = await openListener(transport, { address: `unix:${path}/s` });
      await listener.drain(1_000);
      expect(existsSync(`${path}/s`)).toBe(false);
    });

    it.each(['plaintext', 'TLS'])(
      'answers every call that crosses its goodbye on a slow network (%s)',
      async (kind) => {
        let clientTls: ClientTls | undefined;
        let tls = null;
        if (kind === 'TLS') {
          const authority = createAuthority('mesh');
          const path = await cleanup.directory();
          const server = authority.issue({ dnsNames: ['localhost'] });
          const files = await writeCertificateFiles(path, { ...server, clientCa: authority.certificate });
          tls = { ...files, clientCaFile: null };
          clientTls = { authority: authority.certificate };
        }
        const { listener } = await openListener(transport, { tls });
        const proxy = await openSlowProxy(listener.address, ONE_WAY_MS);
        cleanup.add(() => proxy.close());
        const session = cleanup.session(await connectHttp2(proxy.address, clientTls));
        const firstGoaway = once(session, 'goaway');
        expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });

        const calling = callUntilGoaway(session);
        await sleep(100);
        const draining = listener.drain(10_000);
        const answers = await calling;
        await draining;
        expect(answers.length).toBeGreaterThan(20);
        expect(answers.filter(({ grpcStatus }) => grpcStatus !== 0)).toEqual([]);
        // RFC 9113 §6.8: no number yet, only "open no more".
        expect(await firstGoaway).toMatchObject([NO_ERROR, LARGEST_STREAM_ID]);
      },
    );
  });

  describe('connection age', () => {
    it('asks a connection to leave when it is old, losing no call, and serves the next one', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { maxConnectionAgeSeconds: 0.3 }));
      const proxy = await openSlowProxy(listener.address, ONE_WAY_MS);
      cleanup.add(() => proxy.close());
      const session = cleanup.session(await connectHttp2(proxy.address));
      const closed = once(session, 'close');
      const answers = await callUntilGoaway(session);
      expect(answers.length).toBeGreaterThan(20);
      expect(answers.filter(({ grpcStatus }) => grpcStatus !== 0)).toEqual([]);
      await closed;
      const next = cleanup.session(await connectHttp2(listener.address));
      expect(await callHttp2(next, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    });

    it('ends the streams that would keep an old connection', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { maxConnectionAgeSeconds: 0.2 }));
      const watch = cleanup.client(openClient({ address: listener.address })).stream(WATCH, NOTHING);
      expect(await watch.ended).toMatchObject({ code: UNAVAILABLE });
    });

    it('draws the age anew for each connection, a tenth to both sides', async () => {
      const draws = [0, 0.5, 1];
      const { listener } = cleanup.listener(
        await openListener(transport, { maxConnectionAgeSeconds: 1, random: () => draws.shift()! }),
      );
      const ages = await Promise.all(
        draws.slice().map(async (_draw, i) => {
          await sleep(i * 20);
          const session = cleanup.session(await connectHttp2(listener.address));
          const start = performance.now();
          await once(session, 'goaway');
          return performance.now() - start;
        }),
      );
      const [youngest, middle, oldest] = ages as [number, number, number];
      expect(youngest).toBeGreaterThan(850);
      expect(middle - youngest).toBeGreaterThan(50);
      expect(oldest - middle).toBeGreaterThan(50);
      expect(draws).toEqual([]);
    });

    it('lets connections be without an age', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { maxConnectionAgeSeconds: 0 }));
      const session = cleanup.session(await connectHttp2(listener.address));
      let told = false;
      session.on('goaway', () => (told = true));
      await sleep(300);
      expect(told).toBe(false);
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    });
  });
}
