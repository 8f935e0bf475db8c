import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Lost } from '../../src/lib/collector.ts';
import type { Span } from '../../src/telemetry/span.ts';
import { SpanQueue } from '../../src/telemetry/span-queue.ts';
import type { SpanQueueOptions } from '../../src/telemetry/span-queue.ts';

const SPAN: Span = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: null,
  startMs: 1,
  endMs: 2,
  decisionId: 'd-1',
  facts: { error: null, attributes: [] },
};

function world(send: SpanQueueOptions['send'], options: Partial<SpanQueueOptions> = {}) {
  const errors: unknown[] = [];
  const queue = new SpanQueue({
    maxQueue: 1000,
    send,
    onError: (error) => errors.push(error),
    retryMs: [1],
    ...options,
  });
  const add = (times: number): void => {
    for (let i = 0; i < times; i++) queue.add(SPAN);
  };
  return { queue, add, errors };
}

afterEach(() => {
  jest.useRealTimers();
});

describe('spans on their way', () => {
  it('go out in batches, one after the other, the last ones at the end', async () => {
    const sizes: number[] = [];
    let underWay = 0;
    const { queue, add } = world(async (batch) => {
      expect(++underWay).toBe(1);
      await new Promise(setImmediate);
      sizes.push(batch.length);
      underWay -= 1;
      return 0;
    });
    add(1000);
    add(3);
    expect(sizes).toEqual([]);
    await queue.close(10_000);
    expect(sizes).toEqual([512, 488]);
    // Three found no room.
    expect(queue.counts).toEqual({ sent: 1000, dropped: 3, limited: 0, sendings: 2, failures: 0, queued: 0 });
  });

  it('wait a second for others', async () => {
    jest.useFakeTimers();
    const send = jest.fn<SpanQueueOptions['send']>(() => Promise.resolve(0));
    const { add } = world(send);
    add(2);
    await jest.advanceTimersByTimeAsync(999);
    expect(send).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(2);
    expect(send).toHaveBeenCalledTimes(1);
    expect(send).toHaveBeenCalledWith([SPAN, SPAN]);
  });

  it('are tried again, and given up after that', async () => {
    let attempts = 0;
    const { queue, add, errors } = world(() => Promise.reject(new Error(`no ${++attempts}`)));
    add(2);
    await queue.close(10_000);
    expect(errors).toHaveLength(2);
    expect(queue.counts).toMatchObject({ sent: 0, dropped: 2, sendings: 2, failures: 2 });
  });

  it('are not tried again where the collector refuses them', async () => {
    const { queue, add } = world(() => Promise.reject(new Lost('400')));
    add(2);
    await queue.close(10_000);
    expect(queue.counts).toMatchObject({ dropped: 2, sendings: 1, failures: 1 });
  });

  it('count as dropped as far as the collector took only a part', async () => {
    const { queue, add } = world(() => Promise.resolve(1));
    add(5);
    await queue.close(10_000);
    expect(queue.counts).toMatchObject({ sent: 4, dropped: 1 });
  });

  it('are dropped at the end when the collector does not answer', async () => {
    const { queue, add } = world(() => new Promise(() => undefined));
    add(600);
    await queue.close(1);
    expect(queue.counts).toMatchObject({ sent: 0, dropped: 600, queued: 0 });
  });
});
