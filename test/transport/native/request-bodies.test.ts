import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MALFORMED } from '../../../src/transport/native/call-plan.ts';
import { MESSAGE_TOO_LARGE, TOO_MUCH_AT_ONCE } from '../../../src/transport/native/call-status.ts';
import { INITIAL_WINDOW_BYTES } from '../../../src/transport/native/frame.ts';
import { MemoryBudget } from '../../../src/transport/native/memory-budget.ts';
import type { MemoryAccount } from '../../../src/transport/native/memory-budget.ts';
import { RequestBodies } from '../../../src/transport/native/request-bodies.ts';
import { Stream } from '../../../src/transport/native/stream.ts';
import { named, PARAMETERS } from '../../property/runs.ts';
import { message } from './support/frames.ts';
import { endlessMemory } from './support/memory.ts';

const BUDGET = 64 * 1024 * 1024;
const MAX_UNFINISHED = 200_000;

/** A peer that sends several messages at once, as far as its windows let it. */
class Peer {
  readonly #bodies: RequestBodies;
  readonly streams: Stream[] = [];
  readonly #windows = new Map<number, number>();
  readonly #unsent = new Map<number, Buffer>();
  sentBytes = 0;
  readonly received = new Map<number, Buffer>();

  constructor(memory: MemoryAccount, maxUnfinished: number, messages: readonly Buffer[]) {
    this.#bodies = new RequestBodies(BUDGET, maxUnfinished, memory, (id, bytes) => {
      this.#windows.set(id, this.#windows.get(id)! + bytes);
    });
    messages.forEach((content, i) => {
      const stream = new Stream(2 * i + 1, MALFORMED, 0);
      this.streams.push(stream);
      this.#windows.set(stream.id, INITIAL_WINDOW_BYTES);
      this.#unsent.set(stream.id, message(content));
    });
  }

  /** False when its window or its message is at an end. */
  send(stream: Stream, most: number): boolean {
    const unsent = this.#unsent.get(stream.id);
    const bytes = Math.min(most, unsent?.length ?? 0, this.#windows.get(stream.id)!);
    if (unsent === undefined || bytes === 0) return false;
    const problem = this.#bodies.push(stream, unsent, 0, bytes);
    if (problem !== null) throw new Error(problem.message);
    this.sentBytes += bytes;
    stream.windowUsed += bytes;
    this.#windows.set(stream.id, this.#windows.get(stream.id)! - bytes);
    if (bytes < unsent.length) {
      this.#unsent.set(stream.id, unsent.subarray(bytes));
      this.#bodies.letContinue(stream);
    } else {
      this.#unsent.delete(stream.id);
      this.received.set(stream.id, Buffer.from(this.#bodies.end(stream) as Uint8Array));
    }
    return true;
  }

  giveUp(stream: Stream): void {
    this.#unsent.delete(stream.id);
    this.#bodies.drop(stream);
  }
}

describe(named('messages in pieces'), () => {
  it('come together whatever their pieces, all of them, also above the bound, and give back what they took', () => {
    const step = fc.record({ stream: fc.nat(), most: fc.integer({ min: 1, max: 16_384 }), giveUp: fc.nat(40) });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(40), fc.nat(400_000)), { minLength: 1, maxLength: 8 }),
        fc.array(step, { maxLength: 200 }),
        (lengths, steps) => {
          const memory = endlessMemory();
          const messages = lengths.map((length, i) => Buffer.alloc(length, i + 1));
          const peer = new Peer(memory, MAX_UNFINISHED, messages);
          const gone = new Set<Stream>();
          for (const { stream, most, giveUp } of steps) {
            const one = peer.streams[stream % peer.streams.length]!;
            if (giveUp === 0) {
              gone.add(one);
              peer.giveUp(one);
            } else peer.send(one, most);
          }
          // One after the other, as long as any of them may go on: none is held for ever.
          while (peer.streams.some((stream) => peer.send(stream, 16_384)));
          for (const [i, stream] of peer.streams.entries()) {
            const received = peer.received.get(stream.id);
            expect(received !== undefined || gone.has(stream)).toBe(true);
            if (received !== undefined) expect(received.equals(messages[i]!)).toBe(true);
          }
          expect(memory.heldBytes).toBe(0);
        },
      ),
      PARAMETERS,
    );
  });

  it('above the bound are held back, but for the oldest', () => {
    const memory = endlessMemory();
    const messages = Array.from({ length: 5 }, () => Buffer.alloc(1_000_000));
    const peer = new Peer(memory, MAX_UNFINISHED, messages);
    const [oldest, ...others] = peer.streams as [Stream, ...Stream[]];
    peer.send(oldest, 10);
    while (others.some((stream) => peer.send(stream, 16_384)));
    expect(peer.received.size).toBe(0);
    // Each may be one window above what it was granted while there was room.
    expect(peer.sentBytes).toBeLessThan(MAX_UNFINISHED + others.length * INITIAL_WINDOW_BYTES);
    while (peer.streams.some((stream) => peer.send(stream, 16_384)));
    expect(peer.received.size).toBe(5);
    expect(memory.heldBytes).toBe(0);
  });

  it('of all connections together end above the last bound', () => {
    const memory = new MemoryBudget(100_000).open(() => undefined);
    const bodies = new RequestBodies(BUDGET, BUDGET, memory, () => undefined);
    const push = (id: number) => bodies.push(new Stream(id, MALFORMED, 0), message(Buffer.alloc(60_000)), 0, 60_000);
    expect([push(1), push(3)]).toEqual([null, TOO_MUCH_AT_ONCE]);
    expect(memory.heldBytes).toBeLessThanOrEqual(60_000);
  });

  it('are refused by what they announce', () => {
    const bodies = new RequestBodies(1_000, BUDGET, endlessMemory(), () => undefined);
    const push = (length: number) => bodies.push(new Stream(1, MALFORMED, 0), message(Buffer.alloc(length)), 0, 5);
    expect([push(1_000), push(1_001)]).toEqual([null, MESSAGE_TOO_LARGE]);
  });
});
