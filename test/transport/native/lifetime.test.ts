import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  LEAVE_GRACE_MS,
  LEAVE_NOTICE_TIMEOUT_MS,
  MAX_CONNECTION_IDLE_MS,
} from '../../../src/transport/limits.ts';
import {
  LINGER_MS,
  PREFACE_TIMEOUT_MS,
  SETTINGS_TIMEOUT_MS,
  WRITE_STALL_MS,
} from '../../../src/transport/native/bounds.ts';
import { ErrorCode } from '../../../src/transport/native/frame.ts';
import { NativeTransport } from '../../../src/transport/native/transport.ts';
import { Cleanup } from '../support/cleanup.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';
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
  PING,
  PREFACE,
  requestBlock,
  RST_STREAM,
  setting,
  SETTINGS,
} from './support/frames.ts';
import { RawClient } from './support/raw-client.ts';

const transport: TransportUnderTest = { name: 'native', create: (log, options) => new NativeTransport(log, options) };
const NOTHING = new Uint8Array();
const NEVER = '/test.Bytes/Never';
const LARGE = '/test.Bytes/Large';

/** Time for frames to go there and back on the loopback interface. */
const exchange = (): Promise<void> => sleep(30);

/** The timers of the server are ours to turn; those inside Node, which move the bytes, are not. */
describe('a connection', () => {
  const cleanup = new Cleanup();

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
  });
  afterEach(async () => {
    jest.useRealTimers();
    await cleanup.run();
  });

  async function open(maxConnectionAgeSeconds = 0): Promise<string> {
    const unary = {
      [NEVER]: () => new Promise<Uint8Array>(() => undefined),
      [LARGE]: () => new Uint8Array(4 * 1024 * 1024),
    };
    const { listener } = cleanup.listener(
      await openListener(transport, { unary, maxConnectionAgeSeconds, random: () => 0.5 }),
    );
    return listener.address;
  }

  async function raw(address: string): Promise<RawClient> {
    const client = await RawClient.open(address);
    cleanup.add(() => client.destroy());
    await exchange();
    return client;
  }

  async function advance(timeMs: number): Promise<void> {
    jest.advanceTimersByTime(timeMs);
    await exchange();
  }

  it.each([
    ['says nothing', NOTHING],
    ['says half of its preface', PREFACE.subarray(0, 12)],
    ['says its preface and no SETTINGS', PREFACE],
  ])('of a peer that %s is closed after a while', async (_what, bytes) => {
    const address = await open();
    const socket: Socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    cleanup.add(() => socket.destroy());
    let closed = false;
    socket.on('error', () => undefined).resume();
    socket.on('close', () => (closed = true));
    await once(socket, 'connect');
    socket.write(bytes);
    await exchange();
    await advance(PREFACE_TIMEOUT_MS - 1);
    expect(closed).toBe(false);
    await advance(1);
    expect(closed).toBe(true);
  });

  it('whose peer does not acknowledge our SETTINGS is closed after a while', async () => {
    const client = await RawClient.connect(await open());
    cleanup.add(() => client.destroy());
    client.send(PREFACE, frame(SETTINGS, 0, 0));
    await exchange();
    await advance(SETTINGS_TIMEOUT_MS - 1);
    expect(client.goaway()).toBeNull();
    await advance(1);
    expect(client.goaway()).toBe(ErrorCode.settingsTimeout);
    await advance(LINGER_MS);
    expect(client.closed).toBe(true);
  });

  it.each([
    ['the rest of its request', headers(1, requestBlock(ECHO))],
    ['a window for its answer', Buffer.concat([frame(SETTINGS, 0, 0, setting(4, 0)), call(1, ECHO, Buffer.of(1))])],
    [
      'a window for an answer of plain HTTP',
      Buffer.concat([
        frame(SETTINGS, 0, 0, setting(4, 0)),
        headers(1, requestBlock(ECHO, { ':method': 'GET' }), END_HEADERS | END_STREAM),
      ]),
    ],
  ])('resets a call that waits for %s from one look to the next', async (_what, bytes) => {
    const client = await raw(await open());
    client.send(bytes);
    await exchange();
    const answerPings = async (): Promise<void> => {
      for (const { flags, payload } of client.of(PING)) if (flags === 0) client.send(frame(PING, ACK, 0, payload));
      await exchange();
    };
    await advance(KEEPALIVE_INTERVAL_MS);
    await answerPings();
    expect(client.of(RST_STREAM)).toEqual([]);
    await advance(KEEPALIVE_INTERVAL_MS);
    expect(await client.resetCode(1)).toBe(ErrorCode.cancel);
    await answerPings();
    // Others go on, and a call whose handler takes its time is nobody's fault.
    client.send(frame(SETTINGS, 0, 0, setting(4, 65_535)), call(3, NEVER));
    for (let i = 0; i < 3; i++) {
      await advance(KEEPALIVE_INTERVAL_MS);
      await answerPings();
    }
    expect(client.of(RST_STREAM)).toHaveLength(1);
    client.send(call(5, ECHO));
    await exchange();
    expect(await client.grpcStatus(5)).toBe(0);
  });

  it('is dropped when its peer does not answer a ping in time', async () => {
    const client = await raw(await open());
    await advance(KEEPALIVE_INTERVAL_MS);
    expect(client.of(PING)).toHaveLength(1);
    await advance(KEEPALIVE_TIMEOUT_MS - 1);
    expect(client.closed).toBe(false);
    await advance(1);
    expect(client.closed).toBe(true);
  });

  it('is dropped when its peer has vanished, also with a stream that is open', async () => {
    const client = await raw(await open());
    client.send(call(1, '/grpc.health.v1.Health/Watch'));
    await exchange();
    expect(client.of(HEADERS)).toHaveLength(1);
    // The look that finds the call asks nothing.
    await advance(KEEPALIVE_INTERVAL_MS);
    await advance(KEEPALIVE_INTERVAL_MS);
    expect(client.closed).toBe(false);
    await advance(KEEPALIVE_TIMEOUT_MS);
    expect(client.closed).toBe(true);
  });

  it('with a stream that is open is never idle', async () => {
    const client = await raw(await open());
    client.send(call(1, '/grpc.health.v1.Health/Watch'));
    for (
      let waitedMs = 0;
      waitedMs <= MAX_CONNECTION_IDLE_MS + KEEPALIVE_INTERVAL_MS;
      waitedMs += KEEPALIVE_INTERVAL_MS
    ) {
      await advance(KEEPALIVE_INTERVAL_MS);
      for (const { flags, payload } of client.of(PING).slice(-1))
        if (flags === 0) client.send(frame(PING, ACK, 0, payload));
      await exchange();
    }
    expect(client.of(GOAWAY)).toEqual([]);
    expect(client.closed).toBe(false);
  }, 30_000);

  it('stays when its peer answers with what was asked, and with that only', async () => {
    const client = await raw(await open());
    await advance(KEEPALIVE_INTERVAL_MS);
    client.send(frame(PING, ACK, 0, client.of(PING)[0]!.payload));
    await exchange();
    await advance(KEEPALIVE_TIMEOUT_MS);
    expect(client.closed).toBe(false);
    await advance(KEEPALIVE_INTERVAL_MS - KEEPALIVE_TIMEOUT_MS);
    client.send(frame(PING, ACK, 0, Buffer.alloc(8)));
    await exchange();
    await advance(KEEPALIVE_TIMEOUT_MS);
    expect(client.closed).toBe(true);
  });

  it.each([
    ['frame', frame(HEADERS, 0, 1, requestBlock(ECHO)).subarray(0, 20)],
    ['header block', frame(HEADERS, 0, 1, requestBlock(ECHO))],
  ])('on which the rest of a %s does not come is dropped, whatever else its peer answers', async (_what, bytes) => {
    const client = await raw(await open());
    client.send(bytes);
    await exchange();
    await advance(KEEPALIVE_INTERVAL_MS);
    expect(client.closed).toBe(false);
    jest.advanceTimersByTime(KEEPALIVE_TIMEOUT_MS - 1);
    expect(client.closed).toBe(false);
    await advance(KEEPALIVE_INTERVAL_MS);
    expect(client.closed).toBe(true);
  });

  it('stays while a header block comes piece by piece', async () => {
    const client = await raw(await open());
    client.send(frame(HEADERS, 0x01, 1, requestBlock(ECHO).subarray(0, 5)));
    for (let i = 0; i < 3; i++) {
      await exchange();
      client.send(call(0, ECHO).subarray(0, 0), frame(CONTINUATION, 0, 1));
      await exchange();
      jest.advanceTimersByTime(KEEPALIVE_INTERVAL_MS / 4);
    }
    client.send(frame(CONTINUATION, 0x04, 1, requestBlock(ECHO).subarray(5)));
    await exchange();
    expect(await client.grpcStatus(1)).toBe(12);
  });

  it('stays while its peer answers, and is asked to leave when nobody has called for long', async () => {
    const session = cleanup.session(await connectHttp2(await open()));
    let leaving = false;
    session.on('goaway', () => (leaving = true));
    const wait = async (timeMs: number): Promise<void> => {
      for (let waitedMs = 0; waitedMs < timeMs; waitedMs += KEEPALIVE_INTERVAL_MS) await advance(KEEPALIVE_INTERVAL_MS);
    };
    await exchange();
    await wait(MAX_CONNECTION_IDLE_MS / 2);
    expect(await callHttp2(session, ECHO, NOTHING)).toMatchObject({ grpcStatus: 0 });
    // The look that finds the call, and after it the whole time once more.
    await wait(MAX_CONNECTION_IDLE_MS);
    expect(leaving).toBe(false);
    const closed = once(session, 'close');
    await wait(KEEPALIVE_INTERVAL_MS);
    await closed;
    expect(leaving).toBe(true);
  });

  it('that is old says goodbye twice, takes calls in between, and waits for those that it has taken', async () => {
    const client = await raw(await open(1));
    client.send(call(1, NEVER));
    await exchange();
    await advance(1_000);
    const lastIds = (): number[] => client.of(GOAWAY).map(({ payload }) => payload.readUInt32BE());
    expect(lastIds()).toEqual([0x7fffffff]);
    client.send(call(3, ECHO));
    await exchange();
    expect(client.answer(3).ended).toBe(true);
    await advance(LEAVE_NOTICE_TIMEOUT_MS);
    expect(lastIds()).toEqual([0x7fffffff, 3]);
    // What comes now was not taken, and nobody is told so a third time.
    client.send(call(5, ECHO), frame(DATA, 0, 5, Buffer.alloc(10)));
    await exchange();
    expect(client.answer(5)).toMatchObject({ ended: false, fields: {} });
    expect(client.closed).toBe(false);
    await advance(LEAVE_GRACE_MS);
    expect(client.closed).toBe(true);
  });

  it('whose peer broke the protocol is closed on, also when the peer keeps its side open', async () => {
    const client = await raw(await open());
    client.socket.allowHalfOpen = true;
    client.send(frame(SETTINGS, 0, 1));
    await exchange();
    expect(client.goaway()).toBe(1);
    client.send(call(1, ECHO));
    await exchange();
    expect(client.of(HEADERS)).toEqual([]);
    await advance(LINGER_MS);
    expect(client.socket.readableEnded || client.closed).toBe(true);
  });

  it('whose peer takes no answers is dropped after a while', async () => {
    const address = await open();
    const client = await RawClient.connect(address);
    cleanup.add(() => client.destroy());
    // A window of 2^31-1 for the streams and nearly that for the connection.
    client.send(PREFACE, frame(SETTINGS, 0, 0, Buffer.from('00047fffffff', 'hex')));
    client.send(frame(8, 0, 0, Buffer.from('70000000', 'hex')));
    await exchange();
    client.socket.pause();
    for (let i = 0; i < 10; i++) client.send(call(2 * i + 1, LARGE));
    await sleep(200);
    const ended = once(client.socket, 'close');
    await advance(WRITE_STALL_MS);
    client.socket.resume();
    await ended;
    expect(client.closed).toBe(true);
  });
});
