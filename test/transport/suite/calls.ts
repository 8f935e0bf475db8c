import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_HEADER_LIST_BYTES } from '../../../src/transport/limits.ts';
import type { CallContext, StreamHandler } from '../../../src/transport/transport.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { Setup, TransportUnderTest } from '../support/listening.ts';
import { openSlowProxy } from '../support/slow-proxy.ts';

const METHOD = '/test.Bytes/Method';
const NOTHING = new Uint8Array();

const OK = 0;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;

/** RFC 9113 §7. */
const CANCEL = 8;

/** One call from its bytes to its answer. */
export function describeCalls(transport: TransportUnderTest): void {
  describe('calls', () => {
    const cleanup = new Cleanup();
    afterEach(() => cleanup.run());

    async function open(setup: Setup = {}) {
      const opened = cleanup.listener(await openListener(transport, setup));
      const { address } = opened.listener;
      return { ...opened, address, client: cleanup.client(openClient({ address })) };
    }

    it('gives the handler the bytes of the message and the caller the bytes of the answer', async () => {
      const { client } = await open();
      const message = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      expect(await client.unary(ECHO, message)).toMatchObject({ code: OK, message });
    });

    it('passes an empty message and an empty answer', async () => {
      const { client } = await open();
      expect(await client.unary(ECHO, NOTHING)).toMatchObject({ code: OK, message: Buffer.alloc(0) });
    });

    it('answers a view on a larger buffer with the bytes of the view', async () => {
      const { client } = await open({ unary: { [METHOD]: () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3) } });
      expect((await client.unary(METHOD, NOTHING)).message).toEqual(Buffer.of(2, 3));
    });

    it('waits for an answer that is promised', async () => {
      const { client } = await open({ unary: { [METHOD]: (message) => Promise.resolve(message) } });
      expect((await client.unary(METHOD, Buffer.of(7))).message).toEqual(Buffer.of(7));
    });

    it('ends with INVALID_ARGUMENT when the handler says that the bytes are no message', async () => {
      const { client } = await open({ unary: { [METHOD]: () => null } });
      expect(await client.unary(METHOD, Buffer.of(0xff))).toMatchObject({ code: INVALID_ARGUMENT });
    });

    it('ends with the status that the handler gives', async () => {
      const { client } = await open({ unary: { [METHOD]: () => ({ code: 5, message: 'no such thing' }) } });
      expect(await client.unary(METHOD, NOTHING)).toMatchObject({ code: 5, details: 'no such thing' });
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('secret reason');
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret reason'))],
    ])('ends with INTERNAL when the handler %s, and tells the reason to the log only', async (_how, handler) => {
      const { client, entries } = await open({ unary: { [METHOD]: handler } });
      const answer = await client.unary(METHOD, NOTHING);
      expect(answer).toEqual({ code: INTERNAL, details: 'internal error', message: null });
      const [entry] = entries.filter(({ level }) => level === 'error');
      expect(entry).toMatchObject({ message: 'handler failed', fields: { method: METHOD } });
      expect(String(entry?.fields['error'])).toContain('secret reason');
      expect(await client.unary(ECHO, Buffer.of(1))).toMatchObject({ code: OK });
    });

    it('does not know methods that nobody gave it, whatever their path looks like', async () => {
      const { address } = await open();
      const session = cleanup.session(await connectHttp2(address));
      for (const path of [
        '/test.Bytes/Nothing',
        '/',
        '/__proto__',
        '/constructor',
        '/a%0d%0ab',
        `${ECHO}/`,
        `${ECHO}?x`,
        '/\u00e9',
      ]) {
        const answer = await callHttp2(session, path, NOTHING);
        expect(answer).toMatchObject({ grpcStatus: UNIMPLEMENTED, grpcMessage: 'unknown method' });
      }
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: OK });
    });

    it('takes gRPC over POST only', async () => {
      const { address } = await open();
      const session = cleanup.session(await connectHttp2(address));
      expect(await callHttp2(session, ECHO, NOTHING, { ':method': 'PUT' })).toMatchObject({ httpStatus: 405 });
      expect(await callHttp2(session, ECHO, NOTHING, { 'content-type': 'text/plain' })).toMatchObject({
        httpStatus: 415,
      });
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ httpStatus: 200, grpcStatus: OK });
    });

    it('tells the handler when the caller stops waiting', async () => {
      const contexts: CallContext[] = [];
      const { client, address } = await open({
        unary: { [METHOD]: (message, context) => (contexts.push(context), message) },
      });
      const before = Date.now();
      await client.unary(METHOD, NOTHING, { timeoutMs: 5_000 });
      await callHttp2(cleanup.session(await connectHttp2(address)), METHOD, NOTHING);
      expect(contexts[0]!.deadlineMs).toBeGreaterThan(before + 4_000);
      expect(contexts[0]!.deadlineMs).toBeLessThan(Date.now() + 5_100);
      expect(contexts[1]!.deadlineMs).toBe(Infinity);
      expect(contexts[0]).toMatchObject({ peerCertificate: null, peerAllowed: true });
    });

    it('ends a call with DEADLINE_EXCEEDED when its handler takes too long, and drops the late answer', async () => {
      let answerLate: (message: Uint8Array) => void = () => undefined;
      const { address, client } = await open({
        unary: { [METHOD]: () => new Promise<Uint8Array>((resolve) => (answerLate = resolve)) },
      });
      const session = cleanup.session(await connectHttp2(address));
      const answer = await callHttp2(session, METHOD, NOTHING, { 'grpc-timeout': '30m' });
      expect(answer).toMatchObject({ grpcStatus: DEADLINE_EXCEEDED });
      answerLate(Buffer.of(1));
      expect(await client.unary(ECHO, NOTHING)).toMatchObject({ code: OK });
    });

    it.each(['99999999H', '99999999M', '99999999S'])(
      'takes the time %s for a long one, not for one that has passed',
      async (timeout) => {
        const { address } = await open({
          unary: { [METHOD]: (_message, context) => Buffer.from(String(context.deadlineMs > Date.now() + 86_400_000)) },
        });
        const session = cleanup.session(await connectHttp2(address));
        const answer = await callHttp2(session, METHOD, NOTHING, { 'grpc-timeout': timeout });
        expect(answer.grpcStatus).toBe(OK);
        expect(answer.body.subarray(5).toString()).toBe('true');
      },
    );

    it('reads messages that are compressed', async () => {
      const { address } = await open();
      const client = cleanup.client(openClient({ address, gzip: true }));
      const message = Buffer.alloc(100_000, 'compressible ');
      expect(await client.unary(ECHO, message)).toMatchObject({ code: OK, message });
    });

    it('reads a large message, as Envoy sends it with a buffered body', async () => {
      const { client } = await open();
      const message = Buffer.alloc(20 * 1024 * 1024, 0x61);
      const answer = await client.unary(ECHO, message);
      expect(answer.code).toBe(OK);
      expect(answer.message?.equals(message)).toBe(true);
    });

    it('ends a call with RESOURCE_EXHAUSTED above its bound, and keeps the connection', async () => {
      const { address } = await open({ maxMessageBytes: 100_000 });
      const session = cleanup.session(await connectHttp2(address));
      const [atBound, above, after] = [
        await callHttp2(session, ECHO, Buffer.alloc(100_000)),
        await callHttp2(session, ECHO, Buffer.alloc(100_001)),
        await callHttp2(session, ECHO, NOTHING),
      ];
      expect([atBound.grpcStatus, above.grpcStatus, after.grpcStatus]).toEqual([OK, RESOURCE_EXHAUSTED, OK]);
    });

    it('counts what a compressed message holds, not what it takes', async () => {
      const { address } = await open({ maxMessageBytes: 1_000_000 });
      const session = cleanup.session(await connectHttp2(address));
      const bomb = gzipSync(Buffer.alloc(1_000_001));
      const compressed = await new Promise<number | null>((resolve) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': ECHO,
          'content-type': 'application/grpc',
          te: 'trailers',
          'grpc-encoding': 'gzip',
        });
        const status = (headers: Record<string, unknown>): void => {
          if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
        };
        stream
          .on('response', status)
          .on('trailers', status)
          .on('error', () => resolve(null))
          .resume();
        const header = Buffer.alloc(5);
        header.writeUInt8(1, 0);
        header.writeUInt32BE(bomb.length, 1);
        stream.end(Buffer.concat([header, bomb]));
      });
      expect(compressed).toBe(RESOURCE_EXHAUSTED);
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: OK });
    });

    it('answers hundreds of calls that are open at once on one connection', async () => {
      const waiting: (() => void)[] = [];
      const { client } = await open({
        unary: { [METHOD]: (message) => new Promise((resolve) => waiting.push(() => resolve(message))) },
      });
      const calls = Array.from({ length: 500 }, (_, i) => client.unary(METHOD, Buffer.of(i >> 8, i & 0xff)));
      await waitUntil('all calls to be open', () => waiting.length === calls.length);
      for (const answer of waiting.reverse()) answer();
      const answers = await Promise.all(calls);
      expect(answers.map(({ message }) => message!.readUInt16BE())).toEqual(calls.map((_, i) => i));
    });

    it('says how many calls a connection may have open, and keeps to it', async () => {
      let open_ = 0;
      let most = 0;
      const { address } = await open({
        maxConcurrentStreams: 3,
        unary: {
          [METHOD]: async (message) => {
            most = Math.max(most, ++open_);
            await new Promise((resolve) => setTimeout(resolve, 5));
            open_--;
            return message;
          },
        },
      });
      const session = cleanup.session(await connectHttp2(address));
      await waitUntil('the settings', () => session.remoteSettings.maxConcurrentStreams === 3);
      const answers = await Promise.all(Array.from({ length: 20 }, () => callHttp2(session, METHOD, NOTHING)));
      expect(answers.every(({ grpcStatus }) => grpcStatus === OK)).toBe(true);
      expect(most).toBe(3);
    });

    it('reads as many headers as a client can make Envoy pass on, and refuses only the call that has more', async () => {
      const { address } = await open();
      const session = cleanup.session(await connectHttp2(address));
      await waitUntil('the settings', () => session.remoteSettings.maxHeaderListSize === MAX_HEADER_LIST_BYTES);
      expect(await callHttp2(session, ECHO, NOTHING, { tracestate: 'x'.repeat(60 * 1024) })).toMatchObject({
        grpcStatus: OK,
      });
      const tooMany = { tracestate: 'x'.repeat(60_000), baggage: 'x'.repeat(60_000), other: 'x'.repeat(20_000) };
      expect(await callHttp2(session, ECHO, NOTHING, tooMany)).toMatchObject({ grpcStatus: null });
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: OK });
    });

    it('keeps a connection on which thousands of calls are given up', async () => {
      const { address } = await open({ unary: { [METHOD]: () => new Promise<Uint8Array>(() => undefined) } });
      const session = cleanup.session(await connectHttp2(address));
      for (let round = 0; round < 30; round++) {
        await Promise.all(
          Array.from({ length: 100 }, () => {
            const stream = session.request({ ':method': 'POST', ':path': METHOD, 'content-type': 'application/grpc' });
            stream.on('error', () => undefined).resume();
            return new Promise((resolve) => {
              setImmediate(() => stream.close(CANCEL));
              stream.once('close', resolve);
            });
          }),
        );
      }
      expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: OK });
    });

    it('lets a peer that speaks something else not disturb the others', async () => {
      const { address, client } = await open();
      const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      await new Promise((resolve) => socket.once('close', resolve));
      expect(await client.unary(ECHO, NOTHING)).toMatchObject({ code: OK });
    });

    it('is not disturbed by peers that close their side while their calls are open', async () => {
      const waiting: (() => void)[] = [];
      const { address, client } = await open({
        unary: { [METHOD]: (message) => new Promise((resolve) => waiting.push(() => resolve(message))) },
      });
      const proxy = await openSlowProxy(address, 0);
      cleanup.add(() => proxy.close());
      const sessions = await Promise.all(Array.from({ length: 20 }, () => connectHttp2(proxy.address)));
      const calls = sessions.map((session) => callHttp2(cleanup.session(session), METHOD, Buffer.alloc(1_000)));
      await waitUntil('the calls', () => waiting.length === sessions.length);
      // Some answers meet the FIN, some are late.
      for (const answer of waiting.slice(0, 10)) answer();
      proxy.halfClose();
      for (const answer of waiting.slice(10)) setTimeout(answer, 5);
      await Promise.all(calls);
      expect(await client.unary(ECHO, NOTHING)).toMatchObject({ code: OK });
    });

    it('tells a stream handler when the caller has left', async () => {
      const signals: AbortSignal[] = [];
      const handler: StreamHandler = (message, _context, send, signal) => {
        signals.push(signal);
        send(message);
        return undefined;
      };
      const { client } = await open({ serverStream: new Map([[METHOD, handler]]) });
      const call = client.stream(METHOD, Buffer.of(9));
      await waitUntil('the first message', () => call.messages.length === 1);
      expect(call.messages).toEqual([Buffer.of(9)]);
      expect(signals[0]!.aborted).toBe(false);
      call.cancel();
      await waitUntil('the signal', () => signals[0]!.aborted);
    });

    it.each([
      ['INVALID_ARGUMENT when the handler says that the bytes are no message', () => null, INVALID_ARGUMENT],
      ['the status that the handler gives', () => ({ code: 5, message: 'no such thing' }) as const, 5],
      [
        'INTERNAL when the handler throws',
        () => {
          throw new Error('secret reason');
        },
        INTERNAL,
      ],
    ])('ends a stream with %s', async (_what, handler, code) => {
      const { client } = await open({ serverStream: new Map([[METHOD, handler]]) });
      const end = await client.stream(METHOD, NOTHING).ended;
      expect(end.code).toBe(code);
      expect(end.details).not.toContain('secret');
    });
  });
}
