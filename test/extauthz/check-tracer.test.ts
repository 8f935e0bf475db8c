import { describe, expect, it } from '@jest/globals';
import type { CallTrace } from '../../src/attributes/trace-context.ts';
import { DecisionLog } from '../../src/audit/decision-log.ts';
import { RecordedFields } from '../../src/audit/recorded-fields.ts';
import { CheckTracer } from '../../src/extauthz/check-tracer.ts';
import type { TracerOptions } from '../../src/extauthz/check-tracer.ts';
import { checkRecorder, OUTCOMES } from '../../src/extauthz/record.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { RuleHitCounter } from '../../src/telemetry/rule-hits.ts';
import { FACT_NAMES } from '../../src/telemetry/span.ts';
import type { Span } from '../../src/telemetry/span.ts';
import { atOnce, checkRequest, NOW_MS, snapshotOf, testService } from './support/engine.ts';
import type { Ask } from './support/engine.ts';
import { access, operation, policiesYaml } from './support/yaml.ts';

const SNAPSHOT = snapshotOf(policiesYaml([access('ALLOW', { name: 'a', ...operation({ paths: ['/a'] }) })]));
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OTHER = '80f198ee56343ba864fe8b2a57d3eff7';
const PARENT = '00f067aa0ba902b7';

function world(options: Partial<TracerOptions> = {}, required = false) {
  const spans: Span[] = [];
  let limited = 0;
  const tracer = new CheckTracer({
    spans: { add: (span) => spans.push(span), limit: () => (limited += 1) },
    ratio: 0,
    maxPerSecond: 100,
    ...options,
  });
  const metrics = new Metrics(OUTCOMES);
  const record = checkRecorder({
    counters: { metrics, rules: new RuleHitCounter() },
    tracer,
    log: new DecisionLog({
      denials: true,
      allowSample: 1,
      required,
      stream: 's',
      // Never has room.
      outlets: required
        ? [
            {
              counts: null as never,
              hasRoom: () => false,
              take: () => undefined,
              lose: () => undefined,
              close: () => Promise.resolve(),
            },
          ]
        : [],
    }),
    fields: new RecordedFields({ headers: [], claims: [] }),
    onError: (error) => {
      throw error;
    },
  });
  const service = testService(SNAPSHOT, { record });
  return {
    spans,
    metrics,
    service,
    limited: () => limited,
    /** `trace`: headers of the call itself. */
    ask: (ask: Ask, trace: CallTrace | null = null): void => {
      atOnce(service.service.check(checkRequest(ask), { deadlineMs: Infinity, peerAllowed: true, trace }));
    },
  };
}

const attributesOf = (span: Span | undefined) =>
  Object.fromEntries(FACT_NAMES.map((name, i) => [name, span?.facts.attributes[i]]));
const traceparent = (flags: string, traceId = TRACE): string => `00-${traceId}-${PARENT}-${flags}`;

describe('a check', () => {
  it.each<[string, Ask['headers'], Record<string, string> | null, string | null]>([
    ['in a trace that is recorded', { traceparent: traceparent('01') }, null, TRACE],
    ['in one that is not', { traceparent: traceparent('00') }, null, null],
    ['in none', {}, null, null],
    ['in a trace of B3', { b3: `${TRACE}-${PARENT}-1` }, null, TRACE],
    ['in one of B3 that is not recorded', { b3: `${TRACE}-${PARENT}-0` }, null, null],
    ['in several headers of B3', { 'x-b3-traceid': TRACE, 'x-b3-spanid': PARENT, 'x-b3-sampled': '1' }, null, TRACE],
    ['in a trace with an id of 64 bits', { b3: `${PARENT}-${PARENT}-1` }, null, `${'0'.repeat(16)}${PARENT}`],
    ['in a trace of a malformed header', { traceparent: `${traceparent('01')} ` }, null, null],
    ['of a call in a trace', {}, { traceparent: traceparent('01') }, TRACE],
    [
      'of a call in another trace',
      { traceparent: traceparent('01', OTHER) },
      { traceparent: traceparent('01') },
      TRACE,
    ],
    ['of a call that is not recorded', { traceparent: traceparent('01') }, { traceparent: traceparent('00') }, null],
    ['of a call whose header came twice', { traceparent: traceparent('01') }, { traceparent: '' }, TRACE],
  ])('%s is traced accordingly', (_, headers, call, expected) => {
    const { ask, spans } = world();
    ask({ path: '/a', headers: headers ?? {} }, call === null ? null : new Map(Object.entries(call)));
    expect(spans.map(({ traceId }) => traceId)).toEqual(expected === null ? [] : [expected]);
    if (expected !== null) expect(spans[0]?.parentSpanId).toBe(PARENT);
  });

  it('says what was decided, and nothing of the request', () => {
    const { ask, spans } = world();
    const headers = { traceparent: traceparent('01'), authorization: 'Bearer s3cret', cookie: 's3cret' };
    ask({ path: '/a?token=s3cret', headers });
    ask({ path: '/b?token=s3cret', headers });
    ask({ path: '/a?token=s3cret', headers });
    expect(spans.map(attributesOf)).toMatchObject([
      {
        'portcullis.decision': 'allow',
        'portcullis.reason': 'allow_rule',
        'portcullis.policy': 'shop/p0',
        'portcullis.rule': 'a',
        'portcullis.workload': 'shop/orders',
        'portcullis.revision': SNAPSHOT.revision,
        'portcullis.cached': false,
      },
      { 'portcullis.decision': 'deny', 'portcullis.reason': 'no_rule_matched', 'portcullis.policy': null },
      { 'portcullis.cached': true },
    ]);
    expect(spans.map(({ facts }) => facts.error)).toEqual([null, null, null]);
    expect(spans[0]).toMatchObject({ endMs: NOW_MS });
    expect(spans[0]!.startMs).toBeLessThanOrEqual(NOW_MS);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3);
    expect(JSON.stringify(spans)).not.toContain('s3cret');
  });

  it('that could not be recorded is an error of the service, and by no rule', () => {
    const { ask, spans } = world({}, true);
    ask({ path: '/a', headers: { traceparent: traceparent('01') } });
    expect(spans).toMatchObject([{ facts: { error: 'audit_unavailable' } }]);
    expect(attributesOf(spans[0])).toMatchObject({ 'portcullis.decision': 'deny', 'portcullis.rule': null });
  });

  it('that nobody has said anything of is traced by chance', () => {
    let next = 0;
    const { ask, spans } = world({ ratio: 0.5, random: () => [0.2, 0.5, 0.7, 0.49][next++ % 4]! });
    for (let i = 0; i < 4; i++) ask({ path: '/a' });
    ask({ path: '/a', headers: { b3: `${TRACE}-${PARENT}` } });
    // Chance has no say here.
    ask({ path: '/a', headers: { traceparent: traceparent('00') } });
    expect(spans.map(({ traceId, parentSpanId }) => [traceId === TRACE, parentSpanId])).toEqual([
      [false, null],
      [false, null],
      [true, PARENT],
    ]);
    expect(spans[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spans[0]?.traceId).not.toBe(spans[1]?.traceId);
  });

  it('is traced only so often in a second, whatever clients ask for', () => {
    const { ask, spans, limited, service } = world({ maxPerSecond: 3 });
    for (let i = 0; i < 5; i++) ask({ path: '/a', headers: { traceparent: traceparent('01') } });
    expect([spans.length, limited()]).toEqual([3, 2]);
    service.nowMs += 1000;
    ask({ path: '/a', headers: { traceparent: traceparent('01') } });
    expect([spans.length, limited()]).toEqual([4, 2]);
  });

  it('is named beside how long it took, where it is traced', () => {
    const { ask, spans, metrics } = world();
    ask({ path: '/a', headers: { traceparent: traceparent('01') } });
    ask({ path: '/a' });
    const exemplars = metrics.read().durations.allow.exemplars.filter((each) => each !== null);
    expect(exemplars).toMatchObject([{ traceId: TRACE, spanId: spans[0]?.spanId }]);
  });
});
