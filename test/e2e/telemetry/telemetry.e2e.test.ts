/** Spans, metrics and exemplars of the real service behind the real Envoy, as a collector gets them. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startOtlpReceiver } from '../../telemetry/support/otlp-receiver.ts';
import type { OtlpReceiver } from '../../telemetry/support/otlp-receiver.ts';
import type { ReadSpan } from '../../telemetry/support/trace-request.ts';
import { sendHttp1 } from '../support/http1-client.ts';
import { accessPolicy } from '../support/policies.ts';
import { waitUntil } from '../support/wait.ts';
import { startWorld, type World } from '../support/world.ts';

jest.setTimeout(30_000);

const CALLER = '00f067aa0ba902b7';
const routes = [
  { prefix: '/', contextExtensions: { namespace: 'shop', serviceAccount: 'orders', 'label.app': 'orders' } },
];
const policies = {
  'orders.yaml': accessPolicy({
    name: 'orders',
    app: 'orders',
    rules: [{ name: 'read', to: [{ operation: { methods: ['GET'], paths: ['/orders'] } }] }],
  }),
};
const config = (collector: string, workers: number) => ({
  workers,
  audit: { allowSample: 1 },
  telemetry: {
    serviceName: 'gate',
    resource: { 'deployment.environment.name': 'test' },
    otlp: { endpoint: `http://${collector}`, intervalSeconds: 1 },
    traces: { enabled: true },
  },
});

let receiver: OtlpReceiver;
let world: World<'one' | 'two'>;
/** Envoys of which one traces and one does not: whose span is the parent then is another's. */
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  world = await startWorld({
    services: {
      one: { policies, config: config(receiver.address, 1) },
      two: { policies, config: config(receiver.address, 2) },
    },
    listeners: [
      { name: 'one', service: 'one', routes },
      { name: 'two', service: 'two', routes },
    ],
    traces: receiver.address,
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
  receiver.close();
});

let traces = 0;
const nextTrace = (): string => (++traces).toString(16).padStart(32, 'a');

async function ask(listener: 'one' | 'two', path: string, headers: readonly [string, string][]): Promise<void> {
  await sendHttp1(world.envoy.target(listener), { path, headers });
}

const checksOf = (traceId: string): ReadSpan[] =>
  receiver.spans.filter((span) => span.name === 'portcullis.check' && span.traceId === traceId);

function checkOf(traceId: string): Promise<ReadSpan> {
  return waitUntil(`the span of the check in ${traceId}`, () => checksOf(traceId)[0], {
    because: () =>
      JSON.stringify(receiver.spans, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  });
}

describe.each(['one', 'two'] as const)('a check of a request in a trace, with %s process(es)', (listener) => {
  it("is a child of Envoy's span for it, and says what was decided", async () => {
    const traceId = nextTrace();
    await ask(listener, '/orders', [['traceparent', `00-${traceId}-${CALLER}-01`]]);
    const check = await checkOf(traceId);
    const ofEnvoy = await waitUntil('the span of Envoy', () =>
      receiver.spans.find(({ spanId }) => spanId === check.parentSpanId),
    );
    expect(ofEnvoy).toMatchObject({ traceId, resource: { 'service.name': 'envoy' } });
    const revision = (await world.services[listener].readiness()).revision;
    expect(check).toMatchObject({
      kind: 2,
      status: { code: 0 },
      resource: { 'service.name': 'gate', 'deployment.environment.name': 'test' },
      attributes: {
        'rpc.method': 'Check',
        'portcullis.decision': 'allow',
        'portcullis.reason': 'allow_rule',
        'portcullis.policy': 'shop/orders',
        'portcullis.rule': 'read',
        'portcullis.workload': 'shop/orders',
        'portcullis.revision': revision,
        'portcullis.cached': false,
      },
    });
    expect(check.endNanos).toBeGreaterThanOrEqual(check.startNanos);
    const record = await waitUntil('the record', () =>
      world.services[listener].log().find((line) => (line as { traceId?: string }).traceId === traceId),
    );
    expect(record).toMatchObject({ spanId: check.spanId, id: check.attributes['portcullis.decision.id'] });
  });

  it('is not traced where the caller does not record', async () => {
    const unrecorded = nextTrace();
    await ask(listener, '/orders', [['traceparent', `00-${unrecorded}-${CALLER}-00`]]);
    const denied = nextTrace();
    await ask(listener, '/secret', [['traceparent', `00-${denied}-${CALLER}-01`]]);
    // That one came later.
    expect(await checkOf(denied)).toMatchObject({
      status: { code: 0 },
      attributes: { 'portcullis.decision': 'deny', 'portcullis.reason': 'no_rule_matched' },
    });
    expect(checksOf(unrecorded)).toEqual([]);
  });
});

describe('metrics', () => {
  it('are sent with what rules decided, all workers together, and the trace of a check', async () => {
    const decided = await waitUntil('rules and exemplars', () => {
      const exemplars = receiver
        .metric('portcullis.check.duration')
        ?.histogram?.dataPoints.flatMap((point) => point.exemplars ?? []);
      const points = receiver.metric('portcullis.policy.rule.decisions')?.sum?.dataPoints ?? [];
      return (exemplars?.length ?? 0) > 0 && points.length > 0 ? { exemplars, points } : null;
    });
    expect(decided.points[0]).toMatchObject({
      attributes: expect.arrayContaining([
        { key: 'policy', value: { stringValue: 'shop/orders' } },
        { key: 'rule', value: { stringValue: 'read' } },
      ]) as unknown,
    });
    expect(checksOf(String(decided.exemplars?.[0]?.['traceId'])).map(({ spanId }) => spanId)).toContain(
      decided.exemplars?.[0]?.['spanId'],
    );
    expect(receiver.resource).toMatchObject({ 'service.name': 'gate', 'deployment.environment.name': 'test' });
    const { body } = await world.services.two.admin('/metrics');
    expect(body).toMatch(
      /portcullis_policy_rule_decisions_total\{kind="AccessPolicy",policy="shop\/orders",rule="read",decision="allow",mode="enforce"\} 2\n/,
    );
  });
});
