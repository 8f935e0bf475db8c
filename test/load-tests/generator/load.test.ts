import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { LARGEST_STREAM_ID } from '../../../src/transport/native/frame.ts';
import { StatusCode } from '../../../src/transport/status.ts';
import { Cleanup } from '../../transport/support/cleanup.ts';
import { ALLOW, asksForAllowed, byPath, DENY, load, request, serve, TRANSPORTS } from './support.ts';

/** Wider than any window before it is opened, and than many frames. */
const LARGE_BYTES = 300_000;

describe.each(TRANSPORTS)('load on $name', (transport) => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  it('counts what was allowed and what was denied', async () => {
    const figures = await load(await serve(cleanup, transport, byPath));
    expect(figures.answers).toBeGreaterThan(0);
    expect(figures.allowed + figures.denied).toBe(figures.answers);
    // The requests take turns, so that both kinds come as often, but for those in flight.
    expect(Math.abs(figures.allowed - figures.denied)).toBeLessThanOrEqual(8);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0, newConnections: 0 });
    expect(figures.latencyUs.max).toBeGreaterThanOrEqual(figures.latencyUs.p50);
  });

  it('speaks over a Unix socket', async () => {
    const address = `unix:${join(await cleanup.directory(), 's')}`;
    const figures = await load(await serve(cleanup, transport, byPath, { address }));
    expect(figures.answers).toBeGreaterThan(0);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
  });

  it('finds every wrong answer, and tells the first', async () => {
    const figures = await load(await serve(cleanup, transport, () => ALLOW));
    expect(figures.denied).toBe(0);
    expect(figures.wrong).toBeGreaterThan(0);
    expect(Math.abs(2 * figures.wrong - figures.answers)).toBeLessThanOrEqual(16);
    expect(figures.wrongOnes.length).toBeLessThanOrEqual(5);
    expect(figures.wrongOnes[0]).toEqual({ request: 1, expected: 'deny', code: 0 });
  });

  it('takes bytes that are no CheckResponse for a wrong answer', async () => {
    const address = await serve(cleanup, transport, () => Buffer.from([0x0a, 0x05]));
    const figures = await load(address, { requests: [request(false)] });
    expect(figures.wrong).toBe(figures.answers);
    expect(figures.wrongOnes[0]).toMatchObject({ code: -1 });
  });

  it('takes a gRPC status for an error, and no answer', async () => {
    const address = await serve(cleanup, transport, () => ({ code: StatusCode.unavailable, message: 'not now' }));
    const figures = await load(address);
    expect(figures.answers).toBe(0);
    expect(figures.errors).toEqual({ 'grpc-status 14': figures.errorCount });
    expect(figures.errorCount).toBeGreaterThan(0);
  });

  it('sends and takes messages that are wider than the windows', async () => {
    const seen: number[] = [];
    // `http_response` (3) of so many bytes that nobody reads, behind the status.
    const filling = Buffer.concat([Buffer.from([0x1a, 0xe0, 0xa7, 0x12]), Buffer.alloc(LARGE_BYTES)]);
    const address = await serve(cleanup, transport, (message) => {
      seen.push(message.length);
      return Buffer.concat([asksForAllowed(message) ? ALLOW : DENY, filling]);
    });
    const filled = { 'x-large': 'x'.repeat(LARGE_BYTES) };
    const requests = [request(true, filled), request(false, filled)];
    const figures = await load(address, { requests, inFlight: 4, windowBytes: 20_000, leastCalls: 20 });
    expect(figures.answers).toBeGreaterThan(0);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
    expect(new Set(seen)).toEqual(new Set(requests.map(({ bytes }) => bytes.length)));
  });

  it('goes on over new connections when the server asks the old ones to leave', async () => {
    const address = await serve(cleanup, transport, byPath, { maxConnectionAgeSeconds: 0.1, random: () => 0.5 });
    const figures = await load(address, { durationMs: 1000 });
    expect(figures.newConnections).toBeGreaterThan(0);
    expect(figures.answers).toBeGreaterThan(0);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
  });

  it('opens a new connection when it has no stream numbers left', async () => {
    const firstStreamId = LARGEST_STREAM_ID - 2 * 20;
    const figures = await load(await serve(cleanup, transport, byPath), { firstStreamId });
    expect(figures.newConnections).toBeGreaterThan(0);
    expect(figures.answers).toBeGreaterThan(20);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
  });

  it('has no more calls in flight than the server lets it have', async () => {
    let running = 0;
    let most = 0;
    const address = await serve(
      cleanup,
      transport,
      async (message) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return asksForAllowed(message) ? ALLOW : DENY;
      },
      { maxConcurrentStreams: 3 },
    );
    const figures = await load(address, { connections: 1, inFlight: 32 });
    expect(figures.answers).toBeGreaterThan(0);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
    expect(most).toBe(3);
  });

  it('counts a call that is never answered as an error', async () => {
    const address = await serve(cleanup, transport, () => new Promise<never>(() => undefined));
    const figures = await load(address, { durationMs: 200, leastCalls: 0, patienceMs: 50 });
    expect(figures.answers).toBe(0);
    expect(figures.errors).toEqual({ 'no answer': 8 });
  });

  it('tells when there is nobody', async () => {
    const address = await serve(cleanup, transport, byPath);
    await cleanup.run();
    const figures = await load(address, { durationMs: 200, leastCalls: 0 });
    expect(figures.answers).toBe(0);
    expect(Object.keys(figures.errors)).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('measures from when a request was due, also for those that could not be sent in time', async () => {
    let heldMs = 0;
    let calls = 0;
    const address = await serve(cleanup, transport, (message) => {
      if (++calls === 100) {
        // Both sides stand still, as they do on a machine that is busy with something else.
        const startedMs = performance.now();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
        heldMs = performance.now() - startedMs;
      }
      return asksForAllowed(message) ? ALLOW : DENY;
    });
    const figures = await load(address, { perSecond: 1000, inFlight: 1000, durationMs: 1000, leastCalls: 500 });
    expect(heldMs).toBeGreaterThan(0);
    expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
    // Some three hundred were due meanwhile, each of which waited for what was left of it.
    expect(figures.latencyUs.max / 1000).toBeGreaterThanOrEqual(heldMs * 0.9);
    expect(figures.latencyUs.p99 / 1000).toBeGreaterThanOrEqual(heldMs / 2);
    expect(figures.latestMs).toBeGreaterThanOrEqual(heldMs / 2);
  });

  it('keeps to its rate, by chance or evenly', async () => {
    const address = await serve(cleanup, transport, byPath);
    for (const arrivals of ['even', 'poisson'] as const) {
      const figures = await load(address, { perSecond: 500, inFlight: 500, durationMs: 500, arrivals });
      // However long it really took.
      const due = figures.seconds * 500;
      expect(figures.answers / due).toBeGreaterThan(arrivals === 'even' ? 0.98 : 0.7);
      expect(figures.answers / due).toBeLessThan(arrivals === 'even' ? 1.02 : 1.3);
      expect(figures).toMatchObject({ wrong: 0, errorCount: 0 });
    }
  });
});
