import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ErrorCode } from '../../../src/transport/native/frame.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import type { GrpcClient } from '../support/grpc-client.ts';
import {
  ACK,
  call,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  headers,
  HEADERS,
  message,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  requestBlock,
  RST_STREAM,
  setting,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from './support/frames.ts';
import { RawClient } from './support/raw-client.ts';
import { ServerProcess } from './support/server.ts';

const MIB = 1024 * 1024;

/** What an attack may leave behind once its connection has closed: noise of the engine, no growth with the attack. */
const LEFT_BYTES = 8 * MIB;
/** What it may take while it goes on: reading buffers that nobody has collected yet are most of it. */
const PEAK_BYTES = 160 * MIB;

const ECHO = '/test/Echo';
const HELD = '/test/Held';
const LARGE = '/test/Large';
const CALM = ErrorCode.enhanceYourCalm;

const clientStream = (i: number): number => 2 * i + 1;

/** Hundreds of thousands of frames, on a machine that may have other things to do. */
jest.setTimeout(60_000);

describe('gRPC floods: a hostile peer', () => {
  const cleanup = new Cleanup();
  let server: ServerProcess;
  let honest: GrpcClient;
  let honestCalls: Promise<number[]>;
  let attackOver: () => void = () => undefined;
  let before: { left: number; peak: number };

  beforeAll(async () => {
    server = await ServerProcess.start();
    honest = openClient({ address: server.address });
    // The engine's own first costs are nobody's attack.
    for (let i = 0; i < 300; i++) await honest.unary(ECHO, Buffer.alloc(1_000));
  });
  afterAll(async () => {
    honest.close();
    await server.stop();
  });

  async function attack(settings?: Uint8Array): Promise<RawClient> {
    await server.memory();
    before = await server.memory();
    let over = false;
    attackOver = () => (over = true);
    // Others call all the while.
    honestCalls = (async () => {
      const codes: number[] = [];
      do codes.push((await honest.unary(ECHO, Buffer.alloc(500))).code);
      while (!over);
      return codes;
    })();
    return open(settings);
  }

  async function open(settings?: Uint8Array): Promise<RawClient> {
    const client = await RawClient.open(server.address, settings);
    cleanup.add(() => client.destroy());
    return client;
  }

  /** After each: the others were served, the server lives, has logged no failure of its own, and its memory is as before. */
  async function expectNoHarm(): Promise<void> {
    attackOver();
    const codes = await honestCalls;
    await cleanup.run();
    expect(codes.filter((code) => code !== 0)).toEqual([]);
    expect(server.lives).toBe(true);
    expect((await server.log()).filter((line) => line.startsWith('error'))).toEqual([]);
    await server.answerHeld();
    const { peak } = await server.memory();
    expect(peak - before.peak).toBeLessThan(PEAK_BYTES);
    await waitUntil('the memory to be free', async () => (await server.memory()).left - before.left < LEFT_BYTES);
  }
  afterEach(expectNoHarm);

  describe('that floods', () => {
    const endless = 200_000;

    it.each([
      ['PING', () => frame(PING, 0, 0, Buffer.alloc(8))],
      ['acknowledgements of PING', () => frame(PING, ACK, 0, Buffer.alloc(8))],
      ['SETTINGS', () => frame(SETTINGS, 0, 0)],
      ['SETTINGS that move the windows', (i: number) => frame(SETTINGS, 0, 0, setting(4, i % 2))],
      ['acknowledgements of SETTINGS', () => frame(SETTINGS, ACK, 0)],
      ['PRIORITY', (i: number) => frame(PRIORITY, 0, clientStream(i % 1_000), uint32(0, 0).subarray(0, 5))],
      ['WINDOW_UPDATE', () => frame(WINDOW_UPDATE, 0, 0, uint32(1))],
      ['GOAWAY', () => frame(GOAWAY, 0, 0, uint32(0, 0))],
      ['frames of unknown types', () => frame(0xbe, 0, 0, Buffer.alloc(100))],
    ])('%s is told to calm down', async (_what, part) => {
      const client = await attack();
      await client.flood(part, endless);
      expect(await client.goawayCode()).toBe(CALM);
      await client.waitClosed();
    });

    it.each([
      ['empty DATA', frame(DATA, 0, 1)],
      ['DATA of padding', frame(DATA, PADDED, 1, Buffer.of(3, 0, 0, 0))],
    ])('%s is told to calm down', async (_what, part) => {
      const client = await attack();
      client.send(headers(1, requestBlock(ECHO)));
      await client.flood(() => part, endless);
      // Padding runs out of its stream's window before anybody's patience is at an end.
      expect([CALM, ErrorCode.streamClosed, ErrorCode.flowControlError]).toContain(await client.goawayCode());
    });

    it.each([
      ['empty CONTINUATION', Buffer.alloc(0)],
      ['large CONTINUATION', Buffer.alloc(16_384, 0x82)],
    ])('%s is told to calm down before a block is decoded', async (_what, payload) => {
      const client = await attack();
      client.send(frame(HEADERS, 0, 1, requestBlock(ECHO)));
      await client.flood(() => frame(CONTINUATION, 0, 1, payload), endless, 20);
      expect(await client.goawayCode()).toBe(CALM);
    });

    it('with calls that it resets at once (rapid reset) is told to calm down', async () => {
      const client = await attack();
      const block = requestBlock(ECHO);
      const part = (i: number): Buffer =>
        Buffer.concat([headers(clientStream(i), block), frame(RST_STREAM, 0, clientStream(i), uint32(8))]);
      await client.flood(part, 2 * endless);
      expect(await client.goawayCode()).toBe(CALM);
    });

    it('with calls that it resets while their handlers work has no more of them than it may have open', async () => {
      const client = await attack();
      const part = (i: number): Buffer =>
        Buffer.concat([call(clientStream(i), HELD), frame(RST_STREAM, 0, clientStream(i), uint32(8))]);
      await client.flood(part, 5_000);
      await client.settle();
      expect(await server.held()).toBe(1_000);
      await server.answerHeld();
      client.send(call(clientStream(6_000), ECHO));
      expect(await client.grpcStatus(clientStream(6_000))).toBe(0);
    });

    it.each([
      ['windows of nothing', (id: number) => frame(WINDOW_UPDATE, 0, id, uint32(0))],
      ['windows above their bound', (id: number) => frame(WINDOW_UPDATE, 0, id, uint32(0x7fffffff))],
      ['headers behind the end', (id: number) => headers(id, requestBlock(ECHO))],
      ['data behind the end', (id: number) => frame(DATA, 0, id, Buffer.alloc(1))],
    ])('with calls that it makes us reset (MadeYouReset) by %s is told to calm down', async (_what, mistake) => {
      const client = await attack();
      const part = (i: number): Buffer => Buffer.concat([call(clientStream(i), HELD), mistake(clientStream(i))]);
      await client.flood(part, 50_000);
      expect(await client.goawayCode()).toBe(CALM);
      expect(await server.held()).toBeLessThan(1_000);
    });

    it('with malformed calls is told to calm down', async () => {
      const client = await attack();
      const block = requestBlock(ECHO, { 'Upper-Case': 'x' });
      await client.flood((i) => headers(clientStream(i), block, END_HEADERS | END_STREAM), 50_000);
      expect(await client.goawayCode()).toBe(CALM);
    });

    it.each([
      ['empty DATA', frame(DATA, 0, 1)],
      ['DATA', frame(DATA, 0, 1, Buffer.alloc(10))],
      ['headers', headers(1, Buffer.from([0x82]), END_HEADERS | END_STREAM)],
    ])('a call that we have reset with %s is told to calm down', async (_what, part) => {
      const client = await attack();
      client.send(headers(1, requestBlock(ECHO, { connection: 'close' })));
      expect(await client.resetCode(1)).toBe(ErrorCode.protocolError);
      await client.flood(() => part, endless);
      expect(await client.goawayCode()).toBe(CALM);
    });

    it('with data of thousands of calls that were refused long ago is not held for somebody who makes mistakes', async () => {
      const client = await attack();
      await client.flood((i) => call(clientStream(i), HELD), 1_000);
      await client.flood((i) => headers(clientStream(i + 1_000), requestBlock(ECHO)), 5_000);
      await client.settle();
      await client.flood((i) => frame(DATA, END_STREAM, clientStream(i + 1_000), message(Buffer.of(1))), 5_000);
      await client.settle();
      expect(client.goaway()).toBeNull();
      expect(client.of(RST_STREAM)).toHaveLength(5_000);
      expect((await server.memory()).left - before.left).toBeLessThan(4 * MIB);
    });

    it('with more calls than it may have open is refused each of them, and only those', async () => {
      const client = await attack();
      await client.flood((i) => call(clientStream(i), HELD), 3_000);
      await client.settle();
      const refused = client.of(RST_STREAM);
      expect(refused).toHaveLength(2_000);
      expect(new Set(refused.map(({ payload }) => payload.readUInt32BE()))).toEqual(new Set([ErrorCode.refusedStream]));
      await server.answerHeld();
      await waitUntil('the answers', () => client.of(HEADERS).length === 2_000);
    });
  });

  describe('that never reads', () => {
    it('is read from no more, and holds a bounded amount', async () => {
      const client = await attack();
      client.socket.pause();
      const content = Buffer.alloc(8_000);
      let open = true;
      // Its window is wide open, so that only the socket is full.
      client.send(frame(SETTINGS, 0, 0, setting(4, 0x7fffffff)), frame(WINDOW_UPDATE, 0, 0, uint32(0x70000000)));
      for (let i = 0; i < 50_000 && open; i++) {
        if (client.send(call(clientStream(i), ECHO, content))) continue;
        open = await Promise.race([
          new Promise<boolean>((resolve) => client.socket.once('drain', () => resolve(true))),
          new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500)),
        ]);
      }
      // The server has stopped to take calls long before all were sent.
      expect(open).toBe(false);
      expect((await server.memory()).left - before.left).toBeLessThan(16 * MIB);
    });

    it('and opens no window gets its calls held up to their number', async () => {
      const client = await attack(setting(4, 0));
      await client.flood((i) => call(clientStream(i), ECHO, Buffer.alloc(1_000)), 2_000);
      await client.settle();
      expect(client.of(DATA)).toEqual([]);
      expect(client.of(RST_STREAM)).toHaveLength(1_000);
      expect((await server.memory()).left - before.left).toBeLessThan(8 * MIB);
      client.send(frame(SETTINGS, 0, 0, setting(4, 65_535)), frame(WINDOW_UPDATE, 0, 0, uint32(10 * MIB)));
      // A header block before each answer and one behind it.
      await waitUntil('the answers', () => client.of(HEADERS).length === 2_000);
    });

    it('and opens windows by single bytes is told to calm down', async () => {
      const client = await attack(setting(4, 0));
      client.send(call(1, LARGE));
      await client.flood(() => frame(WINDOW_UPDATE, 0, 1, uint32(1)), 100_000);
      expect(await client.goawayCode()).toBe(CALM);
    });
  });

  describe('that sends too much', () => {
    it('of headers, spelled out, loses that call only', async () => {
      const client = await attack();
      const block = requestBlock(ECHO, { a: 'x'.repeat(70_000), b: 'x'.repeat(70_000) });
      client.send(frame(HEADERS, END_STREAM, 1, block.subarray(0, 16_000)));
      for (let at = 16_000; at < block.length; at += 16_000) {
        const last = at + 16_000 >= block.length;
        client.send(frame(CONTINUATION, last ? END_HEADERS : 0, 1, block.subarray(at, at + 16_000)));
      }
      await waitUntil('the answer', () => client.answer(1).ended);
      expect(client.answer(1).fields[':status']).toBe('431');
      client.send(call(3, ECHO));
      expect(await client.grpcStatus(3)).toBe(0);
    });

    it('of headers, by references to one large field (HPACK bomb), is told to calm down', async () => {
      const client = await attack();
      const value = Buffer.alloc(3_000, 0x61);
      const added = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xb9, 0x16]), value]);
      client.send(headers(1, Buffer.concat([requestBlock(ECHO), added]), END_HEADERS | END_STREAM));
      const references = Buffer.alloc(16_000, 0xbe);
      await client.flood((i) => headers(clientStream(i + 1), references, END_HEADERS | END_STREAM), 100, 10);
      expect(await client.goawayCode()).toBe(CALM);
    });

    it('of a message loses that call', async () => {
      const client = await attack();
      client.send(headers(1, requestBlock(ECHO)), frame(DATA, 0, 1, Buffer.concat([Buffer.of(0), uint32(0xffffffff)])));
      client.send(frame(DATA, END_STREAM, 1, Buffer.alloc(1_000)));
      expect(await client.grpcStatus(1)).toBe(8);
      client.send(call(3, ECHO));
      expect(await client.grpcStatus(3)).toBe(0);
    });

    it('than it announced, or less, or twice, loses that call', async () => {
      const client = await attack();
      const send = (id: number, ...bodies: Buffer[]): unknown =>
        client.send(
          headers(id, requestBlock(ECHO)),
          ...bodies.map((body, i) => frame(DATA, i === bodies.length - 1 ? END_STREAM : 0, id, body)),
        );
      send(1, message(Buffer.of(1)), message(Buffer.of(1)));
      send(3, Buffer.concat([message(Buffer.of(1)), message(Buffer.of(1))]));
      send(5, Buffer.concat([Buffer.of(0), uint32(10), Buffer.of(1)]));
      send(7, Buffer.of(0, 0));
      client.send(headers(9, requestBlock(ECHO), END_HEADERS | END_STREAM));
      const statuses = [];
      for (const id of [1, 3, 5, 7, 9]) statuses.push(await client.grpcStatus(id));
      expect(statuses).toEqual([12, 12, 13, 13, 12]);
    });

    it('by announcing large messages and sending little of them, holds what it has sent', async () => {
      const client = await attack();
      const start = Buffer.concat([Buffer.of(0), uint32(30 * MIB), Buffer.alloc(10)]);
      await client.flood(
        (i) => Buffer.concat([headers(clientStream(i), requestBlock(ECHO)), frame(DATA, 0, clientStream(i), start)]),
        1_000,
      );
      await client.settle();
      expect((await server.memory()).left - before.left).toBeLessThan(32 * MIB);
    });

    it('once it is decompressed loses that call', async () => {
      const client = await attack();
      const bomb = gzipSync(Buffer.alloc(40 * MIB));
      client.send(headers(1, requestBlock(ECHO, { 'grpc-encoding': 'gzip' })));
      for (let at = 0, body = message(bomb, 1); at < body.length; at += 16_000) {
        client.send(frame(DATA, at + 16_000 >= body.length ? END_STREAM : 0, 1, body.subarray(at, at + 16_000)));
      }
      expect(await client.grpcStatus(1)).toBe(8);
      client.send(
        headers(3, requestBlock(ECHO, { 'grpc-encoding': 'gzip' })),
        frame(DATA, END_STREAM, 3, message(Buffer.from('no gzip'), 1)),
      );
      expect(await client.grpcStatus(3)).toBe(13);
      client.send(headers(5, requestBlock(ECHO)), frame(DATA, END_STREAM, 5, message(gzipSync('x'), 1)));
      expect(await client.grpcStatus(5)).toBe(13);
      client.send(
        headers(7, requestBlock(ECHO, { 'grpc-encoding': 'snappy' })),
        frame(DATA, END_STREAM, 7, message(Buffer.of(1), 1)),
      );
      expect(await client.grpcStatus(7)).toBe(12);
      expect(client.answer(7).fields['grpc-accept-encoding']).toBe('identity,gzip');
    });

    it('past the window of a stream has that stream reset, past that of the connection is cut off', async () => {
      const client = await attack();
      const piece = Buffer.alloc(16_384);
      client.send(headers(1, requestBlock(ECHO)));
      const start = Buffer.concat([Buffer.of(0), uint32(30 * MIB)]);
      client.send(frame(DATA, 0, 1, start));
      for (let i = 0; i < 3; i++) client.send(frame(DATA, 0, 1, piece));
      await client.settle();
      expect(client.of(RST_STREAM)).toEqual([]);
      expect(client.of(WINDOW_UPDATE, 1).length).toBeGreaterThan(0);
      // The windows of streams that were reset are closed: in all of them together lies a flood.
      client.send(...Array.from({ length: 20 }, (_, i) => headers(clientStream(i + 1), requestBlock(ECHO))));
      client.send(...Array.from({ length: 5 }, () => frame(DATA, PADDED, 3, Buffer.alloc(16_384))));
      expect(await client.resetCode(3)).toBe(ErrorCode.flowControlError);
    });

    it('to a call that is refused is cut off at a bound', async () => {
      const client = await attack();
      client.send(headers(1, requestBlock('/no/method')), frame(DATA, 0, 1, Buffer.alloc(16_000)));
      await client.settle();
      expect(client.answer(1).ended).toBe(false);
      client.send(frame(DATA, 0, 1, Buffer.alloc(16_000)), frame(DATA, 0, 1, Buffer.alloc(16_000)));
      expect(await client.grpcStatus(1)).toBe(12);
      expect(await client.resetCode(1)).toBe(ErrorCode.noError);
      client.send(frame(DATA, 0, 1, Buffer.alloc(100)), call(3, ECHO));
      expect(await client.grpcStatus(3)).toBe(0);
    });
  });

  it.each([
    ['a name in upper case', { 'X-A': '1' }],
    ['a name with a space', { 'x a': '1' }],
    ['a name with a colon', { 'x:a': '1' }],
    ['a name above ASCII', { 'x-\u00e9': '1' }],
    ['an empty name', { '': '1' }],
    ['a value with a line break', { 'x-a': '1\r\nx-b: 2' }],
    ['a value with NUL', { 'x-a': '\0' }],
    ['an unknown pseudo-header', { ':other': '1' }],
    ['a pseudo-header of responses', { ':status': '200' }],
    ['no path', { ':path': null }],
    ['no scheme', { ':scheme': null }],
    ['an empty path', { ':path': '' }],
    ['a header of HTTP/1', { connection: 'close' }],
    ['a transfer-encoding', { 'transfer-encoding': 'chunked' }],
    ['a te that is not trailers', { te: 'gzip' }],
    ['a length that is none', { 'content-length': 'x' }],
    ['a length that is another', { 'content-length': '7' }],
  ] as [string, Record<string, string | null>][])(
    'that sends %s has its stream reset, and no handler sees it',
    async (_what, changes) => {
      const client = await attack();
      client.send(
        headers(1, requestBlock(HELD, changes)),
        frame(DATA, END_STREAM, 1, message(Buffer.of(1))),
        call(3, ECHO),
      );
      expect(await client.resetCode(1)).toBe(ErrorCode.protocolError);
      expect(await client.grpcStatus(3)).toBe(0);
      expect(await server.held()).toBe(0);
    },
  );

  it('that never ends its preface is closed on', async () => {
    await attack();
    const slow = await RawClient.connect(server.address);
    cleanup.add(() => slow.destroy());
    slow.send(PREFACE.subarray(0, 10));
    const wrong = await RawClient.connect(server.address);
    wrong.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX'));
    expect(await wrong.goawayCode()).toBe(ErrorCode.protocolError);
    // The time that it may take is turned in lifetime.test.ts.
    expect(slow.closed).toBe(false);
  });
});
