/** More checks than can be decided, from peers that do not wait for answers. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openClient } from '../transport/support/grpc-client.ts';
import type { GrpcClient } from '../transport/support/grpc-client.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  HEADERS,
  frame,
  message,
  requestBlock,
} from '../transport/native/support/frames.ts';
import { RawClient } from '../transport/native/support/raw-client.ts';
import { checkRequest } from './support/engine.ts';
import type { Ask } from './support/engine.ts';
import { CHECK, MAX_WAITING } from './support/flooded.ts';
import type { Seen } from './support/flooded.ts';
import { decodeCheckResponse } from './support/messages.ts';

// Two cores that run other tests besides can take their time.
jest.setTimeout(120_000);

const MIB = 1024 * 1024;
/** Noise of the engine, no growth with the flood. */
const LEFT_BYTES = 16 * MIB;
/** Reading buffers that nobody has collected yet are most of it. */
const PEAK_BYTES = 200 * MIB;
const FLOODERS = 4;
const CHECKS_EACH = 5_000;

let child: ChildProcess;
let address: string;
let honest: GrpcClient;

beforeAll(async () => {
  child = fork(new URL('./support/flooded-process.ts', import.meta.url), {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
  });
  [address] = (await once(child, 'message')) as [string];
  honest = openClient({ address });
});

afterAll(async () => {
  honest.close();
  const exited = once(child, 'exit');
  child.kill();
  await exited;
});

async function seen(): Promise<Seen> {
  const answer = once(child, 'message');
  child.send('tell');
  const [told] = (await answer) as [Seen];
  return told;
}

/** What an honest caller gets: `health`, or the HTTP status of a check. */
async function calls(): Promise<unknown[]> {
  const health = await honest.unary('/grpc.health.v1.Health/Check', Buffer.alloc(0));
  const check = await honest.unary(CHECK, checkRequest({ path: '/kept' }));
  const { okResponse, deniedResponse } = decodeCheckResponse(check.message ?? Buffer.alloc(0));
  return [health.code, health.message?.toString('hex'), check.code, okResponse !== undefined, deniedResponse];
}

const GOOD = [0, '0801', 0, true, undefined];

/** Floods with checks, of which each is new, while an honest caller goes on calling; gives what that one got. */
async function flood(of: (i: number) => Ask, changes: Readonly<Record<string, string>> = {}): Promise<unknown[][]> {
  let over = false;
  const honestly = (async () => {
    const got: unknown[][] = [];
    do got.push(await calls());
    while (!over);
    return got;
  })();
  const block = requestBlock(CHECK, changes);
  const clients = await Promise.all(Array.from({ length: FLOODERS }, () => RawClient.open(address)));
  await Promise.all(
    clients.map(async (client, n) => {
      const part = (i: number): Uint8Array => {
        const content = message(checkRequest(of(n * CHECKS_EACH + i)));
        const id = 2 * i + 1;
        return Buffer.concat([frame(HEADERS, END_HEADERS, id, block), frame(DATA, END_STREAM, id, content)]);
      };
      await client.flood(part, CHECKS_EACH);
      await client.settle();
      expect(client.goaway()).toBeNull();
    }),
  );
  over = true;
  const got = await honestly;
  for (const client of clients) client.destroy();
  return got;
}

async function expectBounded(before: Seen): Promise<Seen> {
  const after = await seen();
  expect(after.left - before.left).toBeLessThan(LEFT_BYTES);
  expect(after.peak - before.peak).toBeLessThan(PEAK_BYTES);
  return after;
}

describe('a flood', () => {
  beforeAll(async () => {
    // Kept by its bytes from the second time on.
    for (let i = 0; i < 5; i++) await calls();
    // The engine's own first costs are nobody's flood.
    await flood((i) => ({ path: `/warm/${i}` }));
  });

  it('of checks that nobody has asked before is refused, and nobody else feels it', async () => {
    const before = await seen();
    const got = await flood((i) => ({ path: `/new/${i}`, headers: { 'x-filler': 'a'.repeat(500) } }));
    expect(got.filter((one) => JSON.stringify(one) !== JSON.stringify(GOOD))).toEqual([]);
    const { load, reasons } = await expectBounded(before);
    const { undecided, unread } = load.refused;
    expect(undecided + unread).toBe(reasons['overloaded']);
    expect(reasons['overloaded']! - before.reasons['overloaded']!).toBeGreaterThan(CHECKS_EACH);
    expect(load.waiting).toBe(0);
  });

  it('of tokens that take for ever to verify leaves so many waiting, and those no longer than they wait', async () => {
    const before = await seen();
    const token = (i: number): Ask => ({ path: '/kept', headers: { authorization: `Bearer ${i}` } });
    const got = await flood(token, { 'grpc-timeout': '300m' });
    expect(got.filter((one) => JSON.stringify(one) !== JSON.stringify(GOOD))).toEqual([]);
    const { load, mostWaiting, reasons } = await expectBounded(before);
    expect(mostWaiting).toBeGreaterThan(0);
    expect(mostWaiting).toBeLessThanOrEqual(MAX_WAITING);
    expect(reasons['identity_unavailable']).toBeGreaterThan(0);
    // All that waited were let go, with an answer or with their connection.
    let { waiting } = load;
    while (waiting > 0) ({ waiting } = (await seen()).load);
    expect(await calls()).toEqual(GOOD);
  });
});
