import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_FRAME_BYTES } from '../../../src/transport/native/frame.ts';
import { NativeTransport } from '../../../src/transport/native/transport.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { named, PARAMETERS, TIMEOUT_MS } from '../../property/runs.ts';
import { Cleanup } from '../support/cleanup.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { Setup, TransportUnderTest } from '../support/listening.ts';
import {
  call,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  headers,
  HEADERS,
  message,
  PADDED,
  requestBlock,
  RST_STREAM,
  setting,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from './support/frames.ts';
import { blockOf, ReferenceTable } from './support/hpack-reference.ts';
import { RawClient } from './support/raw-client.ts';

const transport: TransportUnderTest = { name: 'native', create: (log, options) => new NativeTransport(log, options) };
const METHOD = '/test.Bytes/Method';
const INITIAL_WINDOW_SIZE = 4;
const HEADER_TABLE_SIZE = 1;

/** Places in the static table (RFC 7541 Appendix A), from 0. */
const METHOD_POST = 2;
const PATH = 3;
const SCHEME_HTTP = 5;
const CONTENT_TYPE = 30;

describe('a connection', () => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  async function open(setup: Setup = {}, settings?: Uint8Array) {
    const opened = cleanup.listener(await openListener(transport, setup));
    const client = await RawClient.open(opened.listener.address, settings);
    cleanup.add(() => client.destroy());
    return { ...opened, client };
  }

  /** The message of an answer. */
  async function answerOf(client: RawClient, streamId: number): Promise<Buffer> {
    expect(await client.grpcStatus(streamId)).toBe(0);
    return client.answer(streamId).data.subarray(5);
  }

  it('gives the same answer however a call is cut into frames', async () => {
    const { client } = await open();
    const block = requestBlock(ECHO);
    const content = Buffer.from('content');
    const body = message(content);
    const padded = (payload: Uint8Array): Buffer => Buffer.concat([Buffer.of(3), payload, Buffer.alloc(3)]);
    const priority = Buffer.concat([uint32(0), Buffer.of(1)]);
    client.send(
      headers(1, block),
      frame(DATA, END_STREAM, 1, body),
      // One byte of data a frame, and the end in a frame of its own.
      headers(3, block),
      ...[...body].map((byte) => frame(DATA, 0, 3, Buffer.of(byte))),
      frame(DATA, END_STREAM, 3),
      // Padding, priority, and a header block in three.
      frame(HEADERS, PADDED | 0x20, 5, padded(Buffer.concat([priority, block.subarray(0, 9)]))),
      frame(CONTINUATION, 0, 5, block.subarray(9, 20)),
      frame(CONTINUATION, END_HEADERS, 5, block.subarray(20)),
      frame(DATA, PADDED, 5, padded(body.subarray(0, 3))),
      frame(DATA, PADDED | END_STREAM, 5, padded(body.subarray(3))),
      // Trailers end it.
      headers(7, block),
      frame(DATA, 0, 7, body),
      headers(7, Buffer.from('400178017a', 'hex'), END_HEADERS | END_STREAM),
      // Padding alone, and all of the message in one padded frame.
      headers(9, block),
      frame(DATA, PADDED | END_STREAM, 9, padded(body)),
    );
    for (const id of [1, 3, 5, 7, 9]) expect(await answerOf(client, id)).toEqual(content);
    expect(client.of(RST_STREAM)).toEqual([]);
  });

  it('gives handlers a message that stays theirs', async () => {
    const kept: Uint8Array[] = [];
    const { client } = await open({ unary: { [METHOD]: (content) => (kept.push(content), Buffer.of(1)) } });
    for (let i = 0; i < 100; i++) client.send(call(2 * i + 1, METHOD, Buffer.alloc(2_000, i)));
    await answerOf(client, 199);
    expect(kept.map((content) => new Set(content))).toEqual(Array.from({ length: 100 }, (_, i) => new Set([i])));
  });

  it('sends no more than the windows of stream and connection let it, and the rest when they open', async () => {
    const content = Buffer.alloc(200_000, 0x61);
    const { client } = await open({ unary: { [METHOD]: () => content } }, setting(INITIAL_WINDOW_SIZE, 10));
    const sent = (): number => client.of(DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    client.send(call(1, METHOD));
    await client.settle();
    expect(sent()).toBe(10);
    client.send(frame(WINDOW_UPDATE, 0, 1, uint32(1)));
    await client.settle();
    expect(sent()).toBe(11);
    // §6.9.2: the window of an open stream moves with the setting, also below zero.
    client.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 0)), frame(WINDOW_UPDATE, 0, 1, uint32(10)));
    await client.settle();
    expect(sent()).toBe(11);
    client.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 1_000_000)));
    await client.settle();
    expect(sent()).toBe(65_535);
    client.send(frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000)));
    expect(await answerOf(client, 1)).toEqual(content);
    expect(Math.max(...client.of(DATA).map(({ payload }) => payload.length))).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  });

  it('shares the window of the connection among all that wait for it', async () => {
    const content = Buffer.alloc(50_000, 0x61);
    const { client } = await open({ unary: { [METHOD]: () => content } });
    for (let i = 0; i < 10; i++) client.send(call(2 * i + 1, METHOD));
    await client.settle();
    for (let i = 0; i < 50; i++) client.send(frame(WINDOW_UPDATE, 0, 0, uint32(10_000)));
    for (let i = 0; i < 10; i++) expect(await answerOf(client, 2 * i + 1)).toEqual(content);
  });

  it('forgets an answer whose call was reset while it waited', async () => {
    const { client } = await open({ unary: { [METHOD]: () => Buffer.alloc(100_000) } });
    client.send(call(1, METHOD), call(3, METHOD));
    await client.settle();
    client.send(frame(RST_STREAM, 0, 1, uint32(8)), frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000)));
    client.send(frame(WINDOW_UPDATE, 0, 3, uint32(1_000_000)));
    expect(await answerOf(client, 3)).toHaveLength(100_000);
    expect(client.answer(1).ended).toBe(false);
  });

  it('tells a peer with a smaller table once that it uses none (RFC 7541 §4.2)', async () => {
    const { client } = await open({}, setting(HEADER_TABLE_SIZE, 0));
    client.send(call(1, ECHO), call(3, ECHO));
    await answerOf(client, 3);
    const blocks = client.of(HEADERS).map(({ payload }) => payload[0]);
    expect(blocks[0]).toBe(0x20);
    expect(blocks.filter((first) => first === 0x20)).toHaveLength(1);
  });

  it('speaks with a peer whose table is empty from the beginning', async () => {
    const { listener } = cleanup.listener(await openListener(transport));
    const session = cleanup.session(await connectHttp2(listener.address));
    session.settings({ headerTableSize: 0 });
    for (let i = 0; i < 3; i++) expect(await callHttp2(session, ECHO, Buffer.of(i))).toMatchObject({ grpcStatus: 0 });
  });

  it('answers what came in one read with one write', async () => {
    const { client } = await open();
    await client.settle();
    let writes = 0;
    client.socket.on('data', () => writes++);
    client.send(...Array.from({ length: 50 }, (_, i) => call(2 * i + 1, ECHO)));
    await answerOf(client, 99);
    // The kernel may deliver what we sent in more than one read, but not one by one.
    expect(writes).toBeLessThan(10);
  });

  it('keeps what a slow peer has not taken apart from what others are sent meanwhile', async () => {
    const { client, listener } = await open({}, setting(INITIAL_WINDOW_SIZE, 0x7fffffff));
    const other = await RawClient.open(listener.address, setting(INITIAL_WINDOW_SIZE, 0x7fffffff));
    cleanup.add(() => other.destroy());
    for (const one of [client, other]) one.send(frame(WINDOW_UPDATE, 0, 0, uint32(0x70000000)));
    await client.settle();
    client.socket.pause();
    const calls = 1_500;
    for (let i = 0; i < calls; i++) client.send(call(2 * i + 1, ECHO, Buffer.alloc(8_000, i % 251)));
    for (let i = 0; i < calls; i++) {
      other.send(call(2 * i + 1, ECHO, Buffer.alloc(8_000, 0xff)));
      if (i % 50 === 49) await other.settle();
    }
    client.socket.resume();
    await waitUntil('all answers', () => client.of(HEADERS).length === 2 * calls);
    const fills = client.of(DATA).map(({ payload }) => new Set(payload.subarray(5)));
    expect(fills).toEqual(Array.from({ length: calls }, (_, i) => new Set([i % 251])));
    await waitUntil('all answers', () => other.of(HEADERS).length === 2 * calls);
    expect(other.of(DATA).every(({ payload }) => payload.subarray(5).every((byte) => byte === 0xff))).toBe(true);
  }, 30_000);

  it('does not mix up header blocks that are the same bytes and mean something else by then', async () => {
    const seen: string[] = [];
    const note = (name: string) => (content: Uint8Array) => (seen.push(name), content);
    const { client } = await open({ unary: { '/test/A': note('A'), '/test/B': note('B') } });
    const literal = (path: string): Buffer =>
      Buffer.concat([
        Buffer.from([0x83, 0x86, 0x44, path.length]),
        Buffer.from(path),
        Buffer.from([0x0f, 0x10, 16]),
        Buffer.from('application/grpc'),
      ]);
    const newest = Buffer.concat([Buffer.from([0x83, 0x86, 0xbe, 0x0f, 0x10, 16]), Buffer.from('application/grpc')]);
    const blocks = [literal('/test/A'), newest, newest, literal('/test/B'), newest, newest, literal('/test/A'), newest];
    client.send(
      ...blocks.flatMap((block, i) => [
        headers(2 * i + 1, block),
        frame(DATA, END_STREAM, 2 * i + 1, message(Buffer.of(1))),
      ]),
    );
    await answerOf(client, 2 * blocks.length - 1);
    expect(seen).toEqual(['A', 'A', 'A', 'B', 'B', 'B', 'A', 'A']);
  });

  it('lets pass what Envoy lets pass: spaces around a value that nobody reads', async () => {
    const { client } = await open();
    client.send(
      headers(1, requestBlock(ECHO, { tracestate: ' a=b\t' })),
      frame(DATA, END_STREAM, 1, message(Buffer.of(1))),
    );
    expect(await answerOf(client, 1)).toEqual(Buffer.of(1));
  });

  it.each([
    ['0n', 4],
    ['0S', 4],
    ['5', 13],
    ['123456789S', 13],
    ['-1S', 13],
    ['1s', 13],
    ['1500000u', 0],
  ])('takes `grpc-timeout: %s` for status %d', async (timeout, status) => {
    const { client } = await open();
    client.send(
      headers(1, requestBlock(ECHO, { 'grpc-timeout': timeout })),
      frame(DATA, END_STREAM, 1, message(Buffer.of(1))),
    );
    expect(await client.grpcStatus(1)).toBe(status);
  });

  it('writes a status message so that it can be read as it was', async () => {
    const { listener } = cleanup.listener(
      await openListener(transport, { unary: { [METHOD]: () => ({ code: 5, message: '50% \u00e9\n' }) } }),
    );
    const session = cleanup.session(await connectHttp2(listener.address));
    expect((await callHttp2(session, METHOD, Buffer.of(1))).grpcMessage).toBe('50%25 %C3%A9%0A');
  });
});

describe(named('a connection'), () => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  const streamId = fc.constantFrom(0, 1, 1, 3, 3, 5, 7, 9, 2);
  const payload = fc.oneof(
    fc.constant(Buffer.from(requestBlock(ECHO))),
    fc.constant(Buffer.from(requestBlock(METHOD))),
    fc.constant(message(Buffer.from('x'))),
    fc.constantFrom(uint32(0), uint32(1), uint32(0x7fffffff), setting(4, 0), setting(4, 100_000), setting(1, 0)),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  );
  const someFrame = fc.tuple(
    fc.constantFrom(0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10),
    fc.constantFrom(0, 1, 4, 5, 5, 8, 0x20, 0x2d),
    streamId,
    payload,
  );

  it(
    'finds the method of each block, however blocks repeat while the table changes',
    async () => {
      const paths = ['/test/A', '/test/B', '/test/C'] as const;
      const step = fc.record({
        /** A new size of the table, mostly none. */
        size: fc.constantFrom(-1, -1, -1, -1, -1, 0, 40, 90, 4_096),
        form: fc.constantFrom('add' as const, 'indexed' as const, 'indexed' as const, 'without' as const),
        path: fc.nat(2),
        entry: fc.nat(3),
      });
      const seen: string[] = [];
      const unary = Object.fromEntries(
        paths.map((path) => [path, (content: Uint8Array) => (seen.push(path), content)]),
      );
      const { listener } = cleanup.listener(await openListener(transport, { unary }));
      let indexed = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
          const table = new ReferenceTable();
          const client = await RawClient.open(listener.address);
          const expected: string[] = [];
          const firstEntry = table.all.length;
          const known = (entry: number) => ({ form: 'indexed' as const, entry, named: true, name: '', value: '' });
          steps.forEach(({ size, form, path, entry }, i) => {
            const entries = table.all.length - firstEntry;
            const isIndexed = form === 'indexed' && entries > 0 && size === -1;
            if (isIndexed) indexed++;
            const literal = form === 'indexed' ? 'add' : form;
            const { bytes, fields } = blockOf(
              {
                sizes: size === -1 ? [] : [size],
                fields: [
                  known(METHOD_POST),
                  known(SCHEME_HTTP),
                  isIndexed
                    ? known(firstEntry + (entry % entries))
                    : { form: literal, entry: PATH, named: true, name: '', value: paths[path]! },
                  { form: 'without', entry: CONTENT_TYPE, named: true, name: '', value: 'application/grpc' },
                ],
              },
              table,
            );
            expected.push(new Map(fields).get(':path')!);
            client.send(headers(2 * i + 1, bytes), frame(DATA, END_STREAM, 2 * i + 1, message(Buffer.of(1))));
          });
          seen.length = 0;
          await client.settle();
          expect(seen).toEqual(expected);
          client.destroy();
        }),
        PARAMETERS,
      );
      expect(indexed).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'is served or ended by whatever frames its peer sends, and none of them is a failure of ours',
    async () => {
      const { listener, entries } = cleanup.listener(
        await openListener(transport, {
          unary: { [METHOD]: (content) => new Promise((resolve) => setImmediate(() => resolve(content))) },
        }),
      );
      const honest = cleanup.session(await connectHttp2(listener.address));
      let served = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(someFrame, { maxLength: 25 }), async (frames) => {
          const client = await RawClient.open(listener.address);
          client.send(...frames.map((one) => frame(...one)));
          // Either it still talks, or it has said why not.
          await client.settle();
          if (!client.closed) served++;
          else expect(client.goaway()).not.toBe(2);
          client.destroy();
        }),
        PARAMETERS,
      );
      expect(served).toBeGreaterThan(0);
      expect(entries.filter(({ level }) => level === 'error')).toEqual([]);
      expect(await callHttp2(honest, ECHO, Buffer.of(1))).toMatchObject({ grpcStatus: 0 });
    },
    TIMEOUT_MS,
  );
});
