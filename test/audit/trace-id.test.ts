import { describe, expect, it } from '@jest/globals';
import { traceIdOf } from '../../src/audit/trace-id.ts';

const A = '4bf92f3577b34da6a3ce929d0e0e4736';
const B = '80f198ee56343ba864fe8b2a57d3eff7';
const PARENT = '00f067aa0ba902b7';

const of = (headers: Readonly<Record<string, string>>): string | null => traceIdOf((name) => headers[name] ?? null);

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
