import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { DECISION_ID_NAME, FACT_NAMES, SPAN_NAME } from '../../src/telemetry/span.ts';
import type { Span } from '../../src/telemetry/span.ts';
import { SpanEncoder } from '../../src/telemetry/span-encoder.ts';
import { readTraceRequest } from './support/trace-request.ts';

const ORIGIN = { resource: { 'service.name': 'portcullis', 'host.name': 'höst' }, version: '1.2.3' };

type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

/** What the SDK would have made of it. */
function sdkSpan(span: Span): ReadableSpan {
  const { attributes, error } = span.facts;
  const context = (spanId: string, isRemote: boolean) => ({ traceId: span.traceId, spanId, traceFlags: 1, isRemote });
  const time = (ms: number): [number, number] => {
    const nanos = BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms - Math.floor(ms)) * 1e6));
    return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
  };
  return {
    name: SPAN_NAME,
    kind: SpanKind.SERVER,
    spanContext: () => context(span.spanId, false),
    parentSpanContext: span.parentSpanId === null ? undefined : context(span.parentSpanId, true),
    startTime: time(span.startMs),
    endTime: time(span.endMs),
    status: error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    attributes: {
      'rpc.system': 'grpc',
      'rpc.service': 'envoy.service.auth.v3.Authorization',
      'rpc.method': 'Check',
      ...Object.fromEntries(FACT_NAMES.flatMap((name, i) => (attributes[i] === null ? [] : [[name, attributes[i]!]]))),
      [DECISION_ID_NAME]: span.decisionId,
    },
    links: [],
    events: [],
    duration: [0, 0],
    ended: true,
    resource: resourceFromAttributes(ORIGIN.resource),
    instrumentationScope: { name: 'portcullis', version: ORIGIN.version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  } as ReadableSpan;
}

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const spans = fc.array(
  fc.record({
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: fc.option(hex(16)),
    startMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    endMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    decisionId: text,
    facts: fc.record({
      error: fc.option(text),
      attributes: fc.tuple(
        ...FACT_NAMES.map((name) => (name === 'portcullis.cached' ? fc.boolean() : fc.option(text))),
      ),
    }),
  }),
  { maxLength: 20 },
);

describe('encoded spans', () => {
  it("are what OpenTelemetry's serializer makes of the same", () => {
    const encoder = new SpanEncoder(ORIGIN);
    fc.assert(
      fc.property(spans, (batch) => {
        const theirs = ProtobufTraceSerializer.serializeRequest(batch.map(sdkSpan))!;
        expect(readTraceRequest(encoder.encode(batch))).toEqual(readTraceRequest(theirs));
      }),
    );
  });

  it('are bounded in what they say, and grow with their number', () => {
    const span: Span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: null,
      startMs: 1.5,
      endMs: 2,
      decisionId: 'd'.repeat(5000),
      facts: { error: 'e'.repeat(5000), attributes: FACT_NAMES.map(() => '\u{20ac}'.repeat(5000)) },
    };
    const read = readTraceRequest(new SpanEncoder(ORIGIN).encode(Array<Span>(100).fill(span)));
    expect(read).toHaveLength(100);
    expect(read[99]).toMatchObject({
      startNanos: 1_500_000n,
      status: { message: 'e'.repeat(1024) },
      attributes: { 'portcullis.reason': '\u{20ac}'.repeat(1024) },
    });
  });

  it('are the same whether their facts were encoded before, or are more than are kept', () => {
    const one = (attribute: string): Span => ({
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: 'c'.repeat(16),
      startMs: 1,
      endMs: 2,
      decisionId: 'd',
      facts: { error: null, attributes: [attribute] },
    });
    const spans = Array.from({ length: 9000 }, (_, i) => one(i % 2 === 0 ? 'allow' : 'deny'));
    const encoder = new SpanEncoder(ORIGIN);
    encoder.encode(spans);
    // The last are known, the first are not any more.
    const read = readTraceRequest(encoder.encode([...spans.slice(0, 50), ...spans.slice(-50)]));
    expect(read).toHaveLength(100);
    expect(new Set(read.map(({ attributes }, i) => `${i % 2} ${String(attributes['portcullis.decision'])}`))).toEqual(
      new Set(['0 allow', '1 deny']),
    );
  });
});
