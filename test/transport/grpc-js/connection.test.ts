import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { GrpcJsTransport } from '../../../src/transport/grpc-js/transport.ts';
import { KEEPALIVE_INTERVAL_MS, KEEPALIVE_TIMEOUT_MS, MAX_CONNECTION_IDLE_MS } from '../../../src/transport/limits.ts';
import { Cleanup } from '../support/cleanup.ts';
import { callHttp2, connectHttp2 } from '../support/http2-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';

const transport: TransportUnderTest = { name: 'grpc-js', create: (log, options) => new GrpcJsTransport(log, options) };
const NOTHING = new Uint8Array();

/** Time for frames to go there and back on the loopback interface. */
const exchange = (): Promise<void> => sleep(30);

/** The timers of the server are ours to turn; those inside Node, which move the bytes, are not. */
describe('a connection without calls', () => {
  const cleanup = new Cleanup();

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
  });
  afterEach(async () => {
    jest.useRealTimers();
    await cleanup.run();
  });

  it('is dropped when its peer does not answer a ping in time', async () => {
    const { listener } = cleanup.listener(await openListener(transport));
    const socket = connect(Number(listener.address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => undefined).resume();
    let closed = false;
    socket.on('close', () => (closed = true));
    // The client's preface with empty SETTINGS (RFC 9113 §3.4); after it, silence.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
    await exchange();
    jest.advanceTimersByTime(KEEPALIVE_INTERVAL_MS);
    await exchange();
    jest.advanceTimersByTime(KEEPALIVE_TIMEOUT_MS - 1);
    await exchange();
    expect(closed).toBe(false);
    jest.advanceTimersByTime(1);
    await exchange();
    expect(closed).toBe(true);
  });

  it('stays while its peer answers, and is asked to leave when nobody has called for long', async () => {
    const { listener } = cleanup.listener(await openListener(transport));
    const session = cleanup.session(await connectHttp2(listener.address));
    let leaving = false;
    session.on('goaway', () => (leaving = true));
    const wait = async (timeMs: number): Promise<void> => {
      for (let waitedMs = 0; waitedMs < timeMs; waitedMs += KEEPALIVE_INTERVAL_MS) {
        jest.advanceTimersByTime(KEEPALIVE_INTERVAL_MS);
        await exchange();
      }
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
});
