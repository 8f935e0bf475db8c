import { connect } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TransportState } from '../../../src/telemetry/transport-state.ts';
import type { Listener, UnaryHandler } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { call, frame, PING } from '../native/support/frames.ts';
import { RawClient } from '../native/support/raw-client.ts';
import { writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, GUARD, openListener } from '../support/listening.ts';
import type { Setup, TransportUnderTest } from '../support/listening.ts';

const NOTHING = new Uint8Array();
const METHOD = '/test.Bytes/Method';
const WATCH = '/grpc.health.v1.Health/Watch';
/** RFC 9113 §7. */
const CANCEL = 8;

/** What a transport tells about itself. */
export function describeCounts(transport: TransportUnderTest): void {
  describe('counts', () => {
    const cleanup = new Cleanup();
    afterEach(() => cleanup.run());

    async function open(setup: Setup = {}) {
      const { listener } = cleanup.listener(await openListener(transport, setup));
      return { listener, address: listener.address };
    }

    const nonZero = (counts: Readonly<Record<string, number>>) =>
      Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));

    /** Waits for it, since a peer may know of an end before the server has worked through it. */
    async function expectCounts(listener: Listener, expected: Partial<TransportState>): Promise<void> {
      const look = (): Partial<TransportState> => {
        const counts = listener.counts();
        const { callsAnswered, connectionFaults } = counts;
        const told = { ...counts, callsAnswered: nonZero(callsAnswered), connectionFaults: nonZero(connectionFaults) };
        return Object.fromEntries(Object.keys(expected).map((key) => [key, told[key as keyof TransportState]]));
      };
      await waitUntil('the counts', () => isDeepStrictEqual(look(), expected), {
        because: () => JSON.stringify(look()),
      });
      expect(look()).toEqual(expected);
    }

    it('begin at nothing, under all of their names', async () => {
      const { listener } = await open();
      const counts = listener.counts();
      expect(Object.keys(counts.callsAnswered)).toHaveLength(17);
      expect(Object.keys(counts.connectionFaults).length).toBeGreaterThan(5);
      const { callsAnswered, connectionFaults, ...numbers } = counts;
      for (const record of [numbers, callsAnswered, connectionFaults]) {
        expect(new Set(Object.values(record))).toEqual(new Set([0]));
      }
    });

    it('tell connections that are open from all that there were', async () => {
      const { listener, address } = await open();
      const sessions = [await connectHttp2(address), await connectHttp2(address), await connectHttp2(address)];
      for (const session of sessions) cleanup.session(session);
      await expectCounts(listener, { connectionsOpen: 3, connectionsAccepted: 3 });
      sessions[0]!.destroy();
      await expectCounts(listener, { connectionsOpen: 2, connectionsAccepted: 3, connectionFaults: {} });
      await listener.drain(1_000);
      await expectCounts(listener, { connectionsOpen: 0, connectionsAccepted: 3, connectionFaults: {} });
    });

    it('tell how calls were answered, whoever answered them', async () => {
      const answers: UnaryHandler[] = [
        () => ({ code: 5, message: 'no such thing' }),
        () => null,
        () => Promise.reject(new Error('expected')),
        () => Promise.resolve(new Uint8Array(100)),
        () => new Promise<Uint8Array>(() => undefined),
      ];
      const { listener, address } = await open({
        maxMessageBytes: 1_000,
        unary: Object.fromEntries(answers.map((answer, i) => [`${METHOD}${i}`, answer])),
      });
      const session = cleanup.session(await connectHttp2(address));
      for (let i = 0; i < 4; i++) await callHttp2(session, `${METHOD}${i}`, NOTHING);
      await callHttp2(session, `${METHOD}4`, NOTHING, { 'grpc-timeout': '20m' });
      await callHttp2(session, ECHO, NOTHING);
      await callHttp2(session, ECHO, Buffer.alloc(2_000));
      await callHttp2(session, '/no/method', NOTHING);
      await callHttp2(session, ECHO, NOTHING, { ':method': 'PUT' });
      await callHttp2(session, ECHO, NOTHING, { 'content-type': 'text/plain' });
      await expectCounts(listener, {
        callsStarted: 10,
        callsInFlight: 0,
        callsAnswered: {
          OK: 2,
          NOT_FOUND: 1,
          INVALID_ARGUMENT: 1,
          INTERNAL: 1,
          DEADLINE_EXCEEDED: 1,
          RESOURCE_EXHAUSTED: 1,
          UNIMPLEMENTED: 1,
          UNKNOWN: 2,
        },
        callsCancelled: 0,
        callsRefused: 0,
        callsLost: 0,
      });
    });

    it('tell calls in flight, those that the peer gave up, and those that ended with their connection', async () => {
      const waiting: (() => void)[] = [];
      const slow: UnaryHandler = (message) => new Promise((resolve) => waiting.push(() => resolve(message)));
      const { listener, address } = await open({ unary: { [METHOD]: slow } });
      const session = cleanup.session(await connectHttp2(address));
      const request = () => {
        const stream = session.request({ ':method': 'POST', ':path': METHOD, 'content-type': 'application/grpc' });
        stream.on('error', () => undefined).resume();
        stream.end(Buffer.alloc(5));
        return stream;
      };
      const first = request();
      request();
      request();
      await waitUntil('the calls', () => waiting.length === 3);
      await expectCounts(listener, { callsStarted: 3, callsInFlight: 3 });
      first.close(CANCEL);
      await expectCounts(listener, { callsInFlight: 2, callsCancelled: 1 });
      waiting[1]!();
      await expectCounts(listener, { callsInFlight: 1, callsAnswered: { OK: 1 } });
      session.destroy();
      await expectCounts(listener, { callsInFlight: 0, callsCancelled: 1, callsLost: 1, callsStarted: 3 });
      // The late answers change nothing.
      for (const answer of waiting) answer();
      await new Promise((resolve) => setImmediate(resolve));
      await expectCounts(listener, { callsInFlight: 0, callsCancelled: 1, callsLost: 1, callsAnswered: { OK: 1 } });
    });

    it('tell streams of the server in flight until they end', async () => {
      const { listener, address } = await open();
      const client = cleanup.client(openClient({ address }));
      const watches = [client.stream(WATCH, NOTHING), client.stream(WATCH, NOTHING)];
      await waitUntil('the first status', () => watches.every(({ messages }) => messages.length === 1));
      await expectCounts(listener, { callsStarted: 2, callsInFlight: 2, callsAnswered: {} });
      watches[0]!.cancel();
      await expectCounts(listener, { callsInFlight: 1, callsCancelled: 1 });
      await listener.drain(5_000);
      await expectCounts(listener, { callsInFlight: 0, callsCancelled: 1, callsAnswered: { UNAVAILABLE: 1 } });
    });

    it('tell what is held for a peer that takes no answers', async () => {
      const { listener, address } = await open({ unary: { [METHOD]: () => new Uint8Array(4 * 1024 * 1024) } });
      const client = await RawClient.open(address, Buffer.from('00047fffffff', 'hex'));
      cleanup.add(() => client.destroy());
      client.send(frame(8, 0, 0, Buffer.from('70000000', 'hex')));
      await client.settle();
      client.socket.pause();
      const session = cleanup.session(await connectHttp2(address));
      for (let i = 0; i < 4; i++) client.send(call(2 * i + 1, METHOD));
      await waitUntil('bytes that are held', () => listener.counts().bytesHeld > 1024 * 1024);
      client.socket.resume();
      await expectCounts(listener, { bytesHeld: 0, callsAnswered: { OK: 4 } });
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    });

    it.each([
      ['protocol', (client: RawClient) => client.send(frame(4, 0, 1))],
      ['flow_control', (client: RawClient) => client.send(frame(8, 0, 0, Buffer.from('7fffffff', 'hex')))],
      [
        'flood',
        (client: RawClient) => {
          client.socket.pause();
          void client.flood(() => frame(PING, 0, 0, Buffer.alloc(8)), 50_000);
        },
      ],
    ])('tell the fault %s, once', async (fault, misbehave) => {
      const { listener, address } = await open();
      const client = await RawClient.open(address);
      cleanup.add(() => client.destroy());
      await client.settle();
      misbehave(client);
      await expectCounts(listener, { connectionFaults: { [fault]: 1 } });
      client.socket.resume();
      await expectCounts(listener, { connectionsOpen: 0, connectionFaults: { [fault]: 1 } });
    });

    it('tell connections above their number, which are closed', async () => {
      const { listener, address } = await open({ maxConnections: 2 });
      const sessions = [await connectHttp2(address), await connectHttp2(address)];
      for (const session of sessions) cleanup.session(session);
      const third = connect(Number(address.split(':')[1]), '127.0.0.1');
      await new Promise((resolve) =>
        third
          .resume()
          .on('error', () => undefined)
          .once('close', resolve),
      );
      await expectCounts(listener, {
        connectionsOpen: 2,
        connectionsAccepted: 3,
        connectionFaults: { too_many_connections: 1 },
      });
      expect(await callHttp2(sessions[0]!, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    });

    it('tell handshakes that failed, and peers that are not on the list', async () => {
      const authority = createAuthority('mesh');
      const path = await cleanup.directory();
      const server = authority.issue({ dnsNames: ['localhost'] });
      const files = await writeCertificateFiles(path, { ...server, clientCa: authority.certificate });
      const { listener, address } = await open({ tls: { ...files, allowedClients: ['spiffe://td/a'] } });
      const trusted = { authority: authority.certificate };

      // A probe of the port is no fault.
      const probe = connect(Number(address.split(':')[1]), '127.0.0.1', () => probe.end());
      await new Promise((resolve) => probe.resume().once('close', resolve));
      await expectCounts(listener, { connectionsOpen: 0, connectionsAccepted: 1, connectionFaults: {} });

      const plain = connect(Number(address.split(':')[1]), '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\n\r\n'));
      await new Promise((resolve) =>
        plain
          .resume()
          .on('error', () => undefined)
          .once('close', resolve),
      );
      await expectCounts(listener, { connectionFaults: { handshake: 1 }, connectionsNotAllowed: 0 });

      const stranger = authority.issue({ uris: ['spiffe://td/b'] });
      const client = cleanup.client(openClient({ address, tls: { ...trusted, certificate: stranger } }));
      expect(await client.unary(ECHO, NOTHING)).toMatchObject({ code: 7 });
      expect(await client.unary(GUARD, NOTHING)).toMatchObject({ code: 0 });
      await expectCounts(listener, {
        connectionFaults: { handshake: 1 },
        connectionsNotAllowed: 1,
        callsAnswered: { OK: 1, PERMISSION_DENIED: 1 },
      });
    });
  });
}
