/**
 * Which trace a request belongs to, as its headers say: W3C Trace Context, else B3. A client may have written them,
 * so what is not exactly as the specification has it is no trace.
 */

/** First line of a header, or null when it has none, several, or some that may be several. */
export type OneLine = (name: string) => string | null;

/** Headers of a call itself that say which trace it belongs to, by name; one that came twice is empty. */
export type CallTrace = ReadonlyMap<string, string>;

export interface TraceContext {
  /** 32 hexadecimal digits, or 16 of an older B3; null: only {@link sampled} is said. */
  readonly traceId: string | null;
  /** 16 hexadecimal digits: of the span that asks; null: not said. */
  readonly spanId: string | null;
  /** Whether the caller records the trace; null: not said. */
  readonly sampled: boolean | null;
}

/** All headers that are read. */
export const TRACE_HEADERS: readonly string[] = [
  'traceparent',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'x-b3-flags',
];

/** Where the digit with the flag is that says "sampled", which is its lowest bit. */
export const TRACEPARENT_FLAG_AT = 54;
const TRACEPARENT_LENGTH = 55;
/** https://github.com/openzipkin/b3-propagation#single-header. */
const B3 = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;
const B3_TRACE_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/;
const B3_SPAN_ID = /^[0-9a-f]{16}$/;
const NOTHING = /^0+$/;

/** `true` and `false` are of older tracers (https://github.com/openzipkin/b3-propagation#sampling-state-1). */
const B3_SAMPLED: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['true', true],
  ['d', true],
  ['0', false],
  ['false', false],
]);

/** The longest of these headers that is read; a later version of traceparent may be longer than ours. */
const MAX_LENGTH = 512;

/** null: none. */
export function traceContextOf(oneLine: OneLine): TraceContext | null {
  return fromTraceparent(oneLine('traceparent')) ?? fromB3(oneLine('b3')) ?? fromB3Headers(oneLine);
}

/** Of the character at {@link TRACEPARENT_FLAG_AT}: a hexadecimal digit that is odd. */
export function isSampledFlag(character: number): boolean {
  const isLetter = character > 0x39;
  return (character & 1) === (isLetter ? 0 : 1);
}

/**
 * https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version, trace id, parent id and flags. It is read for each
 * check that is traced, so without an expression.
 */
function fromTraceparent(value: string | null): TraceContext | null {
  if (value === null || value.length < TRACEPARENT_LENGTH || value.length > MAX_LENGTH) return null;
  if (value[2] !== '-' || value[35] !== '-' || value[52] !== '-') return null;
  if (!isHex(value, 0, 2) || !isId(value, 3, 35) || !isId(value, 36, 52) || !isHex(value, 53, 55)) return null;
  // Version 00 has four fields, ff is none; later ones may have more.
  if (value.startsWith('ff')) return null;
  if (value.length > TRACEPARENT_LENGTH && (value.startsWith('00') || value[TRACEPARENT_LENGTH] !== '-')) return null;
  const sampled = isSampledFlag(value.charCodeAt(TRACEPARENT_FLAG_AT));
  return { traceId: value.slice(3, 35), spanId: value.slice(36, 52), sampled };
}

/** Lower-case digits only. */
function isHex(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    if (char < 0x30 || char > 0x66 || (char > 0x39 && char < 0x61)) return false;
  }
  return true;
}

/** Hexadecimal digits that are not all 0. */
function isId(text: string, start: number, end: number): boolean {
  if (!isHex(text, start, end)) return false;
  for (let i = start; i < end; i++) if (text.charCodeAt(i) !== 0x30) return true;
  return false;
}

function fromB3(value: string | null): TraceContext | null {
  if (value === null || value.length > MAX_LENGTH) return null;
  const match = B3.exec(value);
  if (match === null) return null;
  const [, traceId, spanId, sampled] = match;
  return NOTHING.test(traceId!) || NOTHING.test(spanId!)
    ? null
    : { traceId: traceId!, spanId: spanId!, sampled: sampled === undefined ? null : B3_SAMPLED.get(sampled)! };
}

function fromB3Headers(oneLine: OneLine): TraceContext | null {
  const traceId = oneLine('x-b3-traceid');
  const alone = oneLine('b3');
  // The single header may say no more than whether: "b3: 0".
  const flag =
    (alone?.length === 1 ? B3_SAMPLED.get(alone) : undefined) ??
    (oneLine('x-b3-flags') === '1' ? true : B3_SAMPLED.get(oneLine('x-b3-sampled') ?? ''));
  if (traceId === null) return sampledOnly(flag);
  if (!B3_TRACE_ID.test(traceId) || NOTHING.test(traceId)) return null;
  const spanId = oneLine('x-b3-spanid');
  const isSpan = spanId !== null && B3_SPAN_ID.test(spanId) && !NOTHING.test(spanId);
  return { traceId, spanId: isSpan ? spanId : null, sampled: flag ?? null };
}

function sampledOnly(sampled: boolean | undefined): TraceContext | null {
  return sampled === undefined ? null : { traceId: null, spanId: null, sampled };
}
