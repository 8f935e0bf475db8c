/**
 * Peers that mean harm, one after the other. Each ends by itself: when the service has closed on it, or when it has held its
 * connection for long enough. That each is answered as it should be is tested elsewhere (test/transport/native/hostile.test.ts);
 * here they only must not disturb anybody.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  call,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  headers,
  PING,
  PREFACE,
  requestBlock,
  RST_STREAM,
  setting,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from '../../test/transport/native/support/frames.ts';
import { RawClient } from '../../test/transport/native/support/raw-client.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
/** Those that wait, and do nothing, hold their connection for so long. */
const HELD_MS = 3_000;
/** Far more than any peer is allowed. */
const FLOOD = 300_000;
const BLOCK = requestBlock(CHECK);
const stream = (i: number): number => 2 * i + 1;

export type Attack = (address: string, message: Buffer) => Promise<RawClient>;

function flood(part: (i: number, message: Buffer) => Uint8Array, settings?: Uint8Array): Attack {
  return async (address, message) => {
    const client = await RawClient.open(address, settings);
    await client.flood((i) => part(i, message), FLOOD);
    await untilToldOff(client);
    return client;
  };
}

/** All may have been sent before the service has read it. */
async function untilToldOff(client: RawClient): Promise<void> {
  const endMs = performance.now() + HELD_MS;
  while (client.goaway() === null && !client.closed && performance.now() < endMs) await sleep(20);
}

async function held(address: string, ...bytes: readonly Uint8Array[]): Promise<RawClient> {
  const client = await RawClient.connect(address);
  client.send(...bytes);
  await sleep(HELD_MS);
  return client;
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'rapid reset': flood((i) => Buffer.concat([headers(stream(i), BLOCK), frame(RST_STREAM, 0, stream(i), uint32(8))])),
  MadeYouReset: flood((i, message) =>
    Buffer.concat([call(stream(i), CHECK, message), frame(WINDOW_UPDATE, 0, stream(i), uint32(0))]),
  ),
  'CONTINUATION flood': async (address) => {
    const client = await RawClient.open(address);
    client.send(frame(HEADERS, 0, 1, BLOCK));
    await client.flood(() => frame(CONTINUATION, 0, 1, Buffer.alloc(1_000, 0x82)), FLOOD);
    await untilToldOff(client);
    return client;
  },
  'SETTINGS flood': flood((i) => frame(SETTINGS, 0, 0, setting(4, 1_000 + (i % 2)))),
  'PING flood': flood(() => frame(PING, 0, 0, Buffer.alloc(8))),
  'WINDOW_UPDATE flood': flood(() => frame(WINDOW_UPDATE, 0, 0, uint32(1))),
  'half-open preface': (address) => held(address, PREFACE.subarray(0, 10)),
  silence: (address) => held(address),
  'never reading': async (address, message) => {
    const client = await RawClient.open(address, setting(4, 0x7fffffff));
    client.socket.pause();
    client.send(frame(WINDOW_UPDATE, 0, 0, uint32(0x70000000)));
    for (let i = 0; i < FLOOD / 30 && client.send(call(stream(i), CHECK, message)); i++);
    await sleep(HELD_MS);
    return client;
  },
  'no window': async (address, message) => {
    const client = await RawClient.open(address, setting(4, 0));
    await client.flood((i) => call(stream(i), CHECK, message), 1_000);
    await sleep(HELD_MS);
    return client;
  },
  garbage: (address) => held(address, randomBytes(50_000)),
  'garbage behind the preface': (address) => held(address, PREFACE, frame(SETTINGS, 0, 0), randomBytes(50_000)),
  'HTTP/1.1': (address) => held(address, Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')),
  'oversized frame': (address) =>
    held(address, PREFACE, frame(SETTINGS, 0, 0), Buffer.from('ffffff000000000001', 'hex')),
  'oversized header block': async (address) => {
    const client = await RawClient.open(address);
    const block = requestBlock(CHECK, { a: 'x'.repeat(60_000) });
    client.send(frame(HEADERS, END_STREAM, 1, block.subarray(0, 16_000)));
    for (let at = 16_000; at < block.length; at += 16_000)
      client.send(
        frame(CONTINUATION, at + 16_000 >= block.length ? END_HEADERS : 0, 1, block.subarray(at, at + 16_000)),
      );
    await client.settle();
    return client;
  },
  'oversized message': async (address) => {
    const client = await RawClient.open(address);
    const start = frame(DATA, 0, 1, Buffer.concat([Buffer.of(0), uint32(0xffffffff), Buffer.alloc(1_000)]));
    client.send(headers(1, BLOCK), start);
    await client.settle();
    return client;
  },
  'no protobuf': async (address) => {
    const client = await RawClient.open(address);
    for (let i = 0; i < 200; i++) client.send(call(stream(i), CHECK, randomBytes(500)));
    await client.settle();
    return client;
  },
  'messages begun and never ended': async (address) => {
    const client = await RawClient.open(address);
    const start = Buffer.concat([Buffer.of(0), uint32(1_000_000), Buffer.alloc(100)]);
    await client.flood((i) => Buffer.concat([headers(stream(i), BLOCK), frame(DATA, 0, stream(i), start)]), 1_000);
    await sleep(HELD_MS);
    return client;
  },
};
