import { afterEach, describe, expect, it } from '@jest/globals';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { Poster } from '../../src/lib/collector.ts';
import { createMetricProducer } from '../../src/telemetry/metric-producer.ts';
import { MetricPush } from '../../src/telemetry/metric-push.ts';
import { CACHE_MISS, Metrics } from '../../src/telemetry/metrics.ts';
import { startOtlpReceiver } from './support/otlp-receiver.ts';
import type { OtlpReceiver } from './support/otlp-receiver.ts';

const SPAN = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const HOUR_MS = 3_600_000;

let receiver: OtlpReceiver | null = null;
afterEach(() => receiver?.close());

async function world(post?: Poster['post']) {
  receiver = await startOtlpReceiver();
  const metrics = new Metrics([{ decision: 'allow', reason: 'allow_rule' }]);
  const errors: unknown[] = [];
  const url = `http://${receiver.address}/v1/metrics`;
  const poster = new Poster({
    url,
    gzip: true,
    timeoutSeconds: 5,
    headersFile: null,
    caFile: null,
    headers: { a: 'b' },
  });
  const push = new MetricPush({
    producer: createMetricProducer(metrics, resourceFromAttributes({ 'service.name': 'gate' })),
    intervalMs: HOUR_MS,
    poster: post === undefined ? poster : { post, close: () => undefined },
    onError: (error) => errors.push(error),
  });
  return { receiver, metrics, push, errors };
}

describe('metrics on their way', () => {
  it('arrive with what was counted, the trace of a check, and the headers that go with them', async () => {
    const { receiver: collector, metrics, push } = await world();
    metrics.recordCheck(0, CACHE_MISS, 0.001);
    await push.push();
    const durations = () => collector.metric('portcullis.check.duration')?.histogram?.dataPoints[0];
    expect(durations()).toMatchObject({ count: 1 });
    expect(durations()?.exemplars ?? []).toEqual([]);
    metrics.recordCheck(0, CACHE_MISS, 0.001, SPAN);
    await push.close(5000);
    expect(durations()).toMatchObject({ count: 2, exemplars: [{ ...SPAN, asDouble: 0.001 }] });
    expect(collector.resource).toEqual({ 'service.name': 'gate' });
    expect(collector.requests).toHaveLength(2);
    expect(collector.requests[0]?.headers).toMatchObject({ a: 'b', 'content-type': 'application/json' });
    expect(push.state).toEqual({ sendings: 2, failures: 0 });
  });

  it('are counted as failed when the collector says no, and the next ones go out all the same', async () => {
    const { receiver: collector, push, errors } = await world();
    collector.status = 503;
    await push.push();
    collector.status = 400;
    await push.push();
    expect(errors).toHaveLength(2);
    collector.status = 200;
    await push.push();
    expect(push.state).toEqual({ sendings: 3, failures: 2 });
    await push.close(5000);
  });

  it('are counted as failed when the collector rejects a part', async () => {
    const answer = { partialSuccess: { rejectedDataPoints: '3', errorMessage: 'too many' } };
    const { push, errors } = await world(() => Promise.resolve(JSON.stringify(answer)));
    await push.push();
    expect(String(errors[0])).toContain('3 points: too many');
    expect(push.state).toEqual({ sendings: 1, failures: 1 });
    await push.close(5000);
  });

  it('do not hold up the end when the collector does not answer', async () => {
    const { receiver: collector, push } = await world();
    collector.status = null;
    await push.close(1);
    expect(push.state).toEqual({ sendings: 1, failures: 1 });
  });
});
