/**
 * Which trace a request belongs to, as its headers say: W3C Trace Context, else B3. A client may have written them,
 * so what is not exactly as the specification has it is no trace.
 */

/** First line of a header, or null when it has none, several, or some that may be several. */
export type OneLine = (name: string) => string | null;

/** https://www.w3.org/TR/trace-context/#traceparent-header-field-values. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
/** https://github.com/openzipkin/b3-propagation#single-header. */
const B3 = /^([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/;
const B3_TRACE_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/;
const NOTHING = /^0+$/;

/** The longest of these headers that is read; a later version of traceparent may be longer than ours. */
const MAX_LENGTH = 512;

/** 32 hexadecimal digits, or 16 of an older B3; null: none. */
export function traceIdOf(oneLine: OneLine): string | null {
  return fromTraceparent(oneLine('traceparent')) ?? fromB3(oneLine('b3')) ?? fromTraceId(oneLine('x-b3-traceid'));
}

function fromTraceparent(value: string | null): string | null {
  if (value === null || value.length > MAX_LENGTH) return null;
  const match = TRACEPARENT.exec(value);
  if (match === null) return null;
  const [, version, traceId, parentId, rest] = match;
  // Version 00 has four fields, ff is none; later ones may have more.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null;
  return NOTHING.test(parentId!) ? null : something(traceId!);
}

function fromB3(value: string | null): string | null {
  if (value === null || value.length > MAX_LENGTH) return null;
  const traceId = B3.exec(value)?.[1];
  return traceId === undefined ? null : something(traceId);
}

function fromTraceId(value: string | null): string | null {
  return value !== null && B3_TRACE_ID.test(value) ? something(value) : null;
}

function something(traceId: string): string | null {
  return NOTHING.test(traceId) ? null : traceId;
}
