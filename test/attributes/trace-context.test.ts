import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isSampledFlag, traceContextOf, TRACEPARENT_FLAG_AT } from '../../src/attributes/trace-context.ts';

const A = '4bf92f3577b34da6a3ce929d0e0e4736';
const B = '80f198ee56343ba864fe8b2a57d3eff7';
const PARENT = '00f067aa0ba902b7';

type Headers = Readonly<Record<string, string>>;

const contextOf = (headers: Headers) => traceContextOf((name) => headers[name] ?? null);
const of = (headers: Headers): string | null => contextOf(headers)?.traceId ?? null;

describe('the trace of a request', () => {
  it.each([
    [{ traceparent: `00-${A}-${PARENT}-01` }, A],
    [{ traceparent: `01-${A}-${PARENT}-01-what-comes-later` }, A],
    [{ b3: `${B}-${PARENT}-1` }, B],
    [{ b3: `${B}-${PARENT}-d-${PARENT}` }, B],
    [{ b3: `${B}-${PARENT}` }, B],
    [{ b3: `463ac35c9f6413ad-${PARENT}-0` }, '463ac35c9f6413ad'],
    [{ 'x-b3-traceid': B }, B],
    [{ 'x-b3-traceid': '463ac35c9f6413ad' }, '463ac35c9f6413ad'],
    [{ traceparent: `00-${A}-${PARENT}-01`, b3: `${B}-${PARENT}-1` }, A],
    [{ traceparent: 'nonsense', b3: `${B}-${PARENT}-1` }, B],
    [{ b3: '0', 'x-b3-traceid': B }, B],
  ])('of %j is %s', (headers, expected) => {
    expect(of(headers)).toBe(expected);
  });

  it.each([
    {},
    { traceparent: '' },
    { traceparent: `00-${A}-${PARENT}` },
    { traceparent: `00-${A}-${PARENT}-01-more` },
    { traceparent: `01-${A}-${PARENT}-01.more` },
    { traceparent: `ff-${A}-${PARENT}-01` },
    { traceparent: `00-${A.toUpperCase()}-${PARENT}-01` },
    { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` },
    { traceparent: `00-${A}-${'0'.repeat(16)}-01` },
    { traceparent: ` 00-${A}-${PARENT}-01` },
    { traceparent: `00-${A}-${PARENT}-01\n` },
    { traceparent: `01-${A}-${PARENT}-01-${'x'.repeat(1000)}` },
    { b3: '1' },
    { b3: B },
    { b3: `${B}-${PARENT}-2` },
    { b3: `${'0'.repeat(32)}-${PARENT}-1` },
    { 'x-b3-traceid': `${B}00` },
    { 'x-b3-traceid': '0'.repeat(16) },
    { 'x-b3-traceid': 'g'.repeat(32) },
  ])('is none in %j', (headers) => {
    expect(of(headers)).toBeNull();
  });
});

describe('whether the caller records', () => {
  it.each([
    [{ traceparent: `00-${A}-${PARENT}-01` }, { traceId: A, spanId: PARENT, sampled: true }],
    [{ traceparent: `00-${A}-${PARENT}-00` }, { traceId: A, spanId: PARENT, sampled: false }],
    // https://www.w3.org/TR/trace-context-2/#random-trace-id-flag, and flags to come.
    [{ traceparent: `00-${A}-${PARENT}-02` }, { traceId: A, spanId: PARENT, sampled: false }],
    [{ traceparent: `00-${A}-${PARENT}-ff` }, { traceId: A, spanId: PARENT, sampled: true }],
    [{ b3: `${B}-${PARENT}-1` }, { traceId: B, spanId: PARENT, sampled: true }],
    [{ b3: `${B}-${PARENT}-d` }, { traceId: B, spanId: PARENT, sampled: true }],
    [{ b3: `${B}-${PARENT}-0` }, { traceId: B, spanId: PARENT, sampled: false }],
    [{ b3: `${B}-${PARENT}` }, { traceId: B, spanId: PARENT, sampled: null }],
    [{ b3: '0' }, { traceId: null, spanId: null, sampled: false }],
    [{ b3: '1' }, { traceId: null, spanId: null, sampled: true }],
    [{ b3: 'true' }, null],
    [{ 'x-b3-sampled': '0' }, { traceId: null, spanId: null, sampled: false }],
    [{ 'x-b3-sampled': 'yes' }, null],
    [{ 'x-b3-flags': '1' }, { traceId: null, spanId: null, sampled: true }],
    [
      { 'x-b3-traceid': B, 'x-b3-spanid': PARENT, 'x-b3-sampled': '1' },
      { traceId: B, spanId: PARENT, sampled: true },
    ],
    [
      { 'x-b3-traceid': B, 'x-b3-spanid': PARENT, 'x-b3-sampled': 'false' },
      { traceId: B, spanId: PARENT, sampled: false },
    ],
    [
      { 'x-b3-traceid': B, 'x-b3-spanid': PARENT, 'x-b3-flags': '1', 'x-b3-sampled': '0' },
      { traceId: B, spanId: PARENT, sampled: true },
    ],
    [
      { 'x-b3-traceid': B, 'x-b3-spanid': '0'.repeat(16) },
      { traceId: B, spanId: null, sampled: null },
    ],
    [
      { 'x-b3-traceid': B, 'x-b3-spanid': 'x' },
      { traceId: B, spanId: null, sampled: null },
    ],
  ] as readonly (readonly [Headers, unknown])[])('is said by %j: %j', (headers, expected) => {
    expect(contextOf(headers)).toEqual(expected);
  });
});

describe('whatever a client writes', () => {
  const pieces = fc.constantFrom(
    A,
    B,
    PARENT,
    '00',
    '01',
    'ff',
    '-',
    '0',
    '1',
    'd',
    'D',
    ' ',
    ',',
    '\0',
    'x',
    '0'.repeat(16),
  );
  const value = fc.oneof(
    fc.array(pieces, { maxLength: 9 }).map((parts) => parts.join('')),
    fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('-')),
    fc.string({ maxLength: 80 }),
  );
  const names = ['traceparent', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags'];
  const headers = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });

  it('is ids of the right form or nothing', () => {
    fc.assert(
      fc.property(headers, (given) => {
        const context = contextOf(given as Headers);
        if (context === null) return;
        expect(context.traceId ?? A).toMatch(/^(?!0+$)(?:[0-9a-f]{32}|[0-9a-f]{16})$/);
        expect(context.spanId ?? PARENT).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
        if (context.traceId === null) expect(context.spanId).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  it('is looked at by one digit as it is when it is read', () => {
    const digit = fc.constantFrom(...'0123456789abcdef');
    fc.assert(
      fc.property(digit, digit, (high, low) => {
        const traceparent = `00-${A}-${PARENT}-${high}${low}`;
        expect(isSampledFlag(traceparent.charCodeAt(TRACEPARENT_FLAG_AT))).toBe(contextOf({ traceparent })?.sampled);
      }),
    );
  });
});
