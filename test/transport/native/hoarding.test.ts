import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CONNECTION_BYTES, FREE_STREAMS } from '../../../src/transport/native/bounds.ts';
import { ErrorCode, MAX_FRAME_BYTES } from '../../../src/transport/native/frame.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { Cleanup } from '../support/cleanup.ts';
import {
  ACK,
  call,
  DATA,
  END_STREAM,
  frame,
  headers,
  HEADERS,
  message,
  PREFACE,
  requestBlock,
  setting,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from './support/frames.ts';
import { RawClient } from './support/raw-client.ts';
import { ServerProcess } from './support/server.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const MAX_HELD_BYTES = 8 * MIB;
/** What is not counted: the engine's own, and what connections cost that are open. */
const NOISE_BYTES = 8 * MIB;

const ECHO = '/test/Echo';
const HELD = '/test/Held';
const LARGE = '/test/Large';

const clientStream = (i: number): number => 2 * i + 1;

/** Thousands of frames, on a machine that may have other things to do. */
jest.setTimeout(60_000);

/** What one connection may have at most is tested in hostile.test.ts; here it is what all of them have together. */
describe('gRPC floods: peers that hoard', () => {
  const cleanup = new Cleanup();
  let server: ServerProcess;
  let before: number;

  beforeAll(async () => {
    server = await ServerProcess.start(MAX_HELD_BYTES);
    const client = await open();
    for (let i = 0; i < 300; i++) client.send(call(clientStream(i), ECHO, Buffer.alloc(1_000)));
    await client.settle();
    await cleanup.run();
    await server.memory();
    before = (await server.memory()).left;
  });
  afterAll(() => server.stop());

  async function expectGivenBack(): Promise<void> {
    await cleanup.run();
    await server.answerHeld();
    expect(server.lives).toBe(true);
    expect((await server.log()).filter((line) => line.startsWith('error'))).toEqual([]);
    await waitUntil('all to be given back', async () => (await server.counts()).bytesHeld === 0);
  }
  afterEach(expectGivenBack);

  async function open(settings?: Uint8Array): Promise<RawClient> {
    const client = await RawClient.open(server.address, settings);
    cleanup.add(() => client.destroy());
    return client;
  }

  const closedForMemory = async (): Promise<number> => (await server.counts()).connectionFaults['memory']!;

  /** After what they did: the bound held, some of them had to go for it, and another is served that needs memory itself. */
  async function expectBounded(clients: readonly RawClient[], neededBytes = 100 * KIB): Promise<void> {
    for (const client of clients) if (client.goaway() === null) await client.settle();
    expect((await server.counts()).bytesHeld).toBeLessThanOrEqual(MAX_HELD_BYTES);
    expect((await server.memory()).left - before).toBeLessThan(MAX_HELD_BYTES + NOISE_BYTES);
    const codes = new Set(clients.map((client) => client.goaway()).filter((code) => code !== null));
    expect(codes).toEqual(new Set([ErrorCode.enhanceYourCalm]));
    expect(await closedForMemory()).toBeGreaterThan(0);
    const other = await open();
    const body = message(Buffer.alloc(neededBytes));
    other.send(headers(1, requestBlock(ECHO)));
    for (let at = 0; at < body.length; at += 10 * KIB) {
      other.send(frame(DATA, at + 10 * KIB >= body.length ? END_STREAM : 0, 1, body.subarray(at, at + 10 * KIB)));
      // The windows are opened when it is read.
      await other.settle();
    }
    await waitUntil('the answer', () => other.of(HEADERS, 1).length > 0);
    expect(other.goaway()).toBeNull();
  }

  it('connections with all that a connection may have', async () => {
    // As many fields as the table takes, and streams that are remembered because we have reset them.
    const fields = Array.from({ length: 120 }, (_, i) => Buffer.from([0x40, 1, 0x61 + (i % 26), 1, 0x30 + (i % 60)]));
    const full = Buffer.concat([requestBlock(ECHO), ...fields]);
    const clients: RawClient[] = [];
    for (let i = 0; i < 200; i++) {
      const client = await open();
      client.send(headers(1, full), headers(3, requestBlock(ECHO, { connection: 'close' })));
      for (let k = 2; k <= FREE_STREAMS; k++) client.send(headers(clientStream(k), requestBlock(ECHO)));
      clients.push(client);
    }
    for (const client of clients) await client.settle();
    expect(await server.counts()).toMatchObject({ connectionsOpen: clients.length, bytesHeld: 0 });
    const taken = (await server.memory()).left - before;
    expect(taken).toBeLessThan(clients.length * CONNECTION_BYTES);
    // Or they were not what they should be.
    expect(taken).toBeGreaterThan((clients.length * CONNECTION_BYTES) / 4);
  });

  it('the beginnings of frames', async () => {
    const header = frame(DATA, 0, 1, Buffer.alloc(MAX_FRAME_BYTES)).subarray(0, 9);
    const clients = await Promise.all(Array.from({ length: 700 }, () => RawClient.connect(server.address)));
    for (const client of clients) {
      cleanup.add(() => client.destroy());
      // Nothing can be sent any more behind what has begun.
      client.send(PREFACE, frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0), header);
    }
    await waitUntil('some of them to be closed', () => clients.some((client) => client.goaway() !== null));
    // Of so many that hold a frame each, none holds more than who needs two.
    const closed = clients.filter((client) => client.goaway() !== null);
    await expectBounded(closed, 12 * KIB);
  });

  it('calls that wait, each of which keeps all that came with it', async () => {
    const client = await open();
    for (let i = 0; i < 400 && client.goaway() === null; i++) {
      const parts = [call(clientStream(5 * i), HELD, Buffer.of(1))];
      for (let k = 1; k < 4; k++) parts.push(call(clientStream(5 * i + k), ECHO, Buffer.alloc(15 * KIB)));
      client.send(...parts);
      await client.settle();
    }
    await expectBounded([client]);
  });

  it('calls that wait, of connections that have gone', async () => {
    const faultsBefore = await closedForMemory();
    const comeAndGo = async (): Promise<void> => {
      const client = await open();
      const parts = [call(1, HELD, Buffer.of(1))];
      for (let k = 1; k < 4; k++) parts.push(call(clientStream(k), ECHO, Buffer.alloc(15 * KIB)));
      client.send(...parts);
      await client.settle();
      client.destroy();
      await client.waitClosed();
    };
    for (let i = 0; i < 40 && (await closedForMemory()) === faultsBefore; i++) {
      await Promise.all(Array.from({ length: 10 }, comeAndGo));
    }
    expect(await closedForMemory()).toBeGreaterThan(faultsBefore);
    expect((await server.memory()).left - before).toBeLessThan(MAX_HELD_BYTES + NOISE_BYTES);
  });

  it('calls that they open and never end', async () => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 20; i++) {
      const client = await open();
      await client.flood((k) => headers(clientStream(k), requestBlock(ECHO)), 1_000);
      clients.push(client);
    }
    await expectBounded(clients);
  });

  it('messages that they never end', async () => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 20; i++) {
      const client = await open();
      const start = Buffer.concat([Buffer.of(0), uint32(MIB), Buffer.alloc(10_000)]);
      await client.flood(
        (k) => Buffer.concat([headers(clientStream(k), requestBlock(ECHO)), frame(DATA, 0, clientStream(k), start)]),
        60,
        20,
      );
      clients.push(client);
    }
    await expectBounded(clients);
  });

  it('answers for which they open no window', async () => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 10; i++) {
      const client = await open(setting(4, 0));
      await client.flood((k) => call(clientStream(k), LARGE), 6);
      clients.push(client);
    }
    await expectBounded(clients);
  });

  it('answers that they do not read', async () => {
    const faultsBefore = await closedForMemory();
    for (let i = 0; i < 30; i++) {
      const client = await open(setting(4, 0x7fffffff));
      client.send(frame(WINDOW_UPDATE, 0, 0, uint32(0x70000000)));
      await client.settle();
      client.socket.pause();
      for (let k = 0; k < 60; k++) client.send(call(clientStream(k), LARGE));
    }
    await waitUntil('some of them to be closed', async () => (await closedForMemory()) > faultsBefore);
    expect((await server.counts()).bytesHeld).toBeLessThanOrEqual(MAX_HELD_BYTES);
    // Of each, what its socket still has to send, below what is counted, and a slab.
    expect((await server.memory()).left - before).toBeLessThan(MAX_HELD_BYTES + 2 * NOISE_BYTES);
  });
});
