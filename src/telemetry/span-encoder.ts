/**
 * Spans as an ExportTraceServiceRequest of OTLP, in protobuf (opentelemetry/proto/trace/v1/trace.proto). Written here, since a
 * serializer that takes the spans of the SDK would first need an object of fifteen fields and a closure for each of ours, and at
 * a span for each check that is what the service would do most of its time.
 */
import { DECISION_ID_NAME, FACT_NAMES, SPAN_NAME } from './span.ts';
import type { Span, SpanFacts } from './span.ts';

/** Nothing that a span holds is as long; a name of Kubernetes has 253 characters at most. */
const MAX_TEXT = 1024;
/** What a span takes besides its texts, and what its facts do, generously. */
const SPAN_BYTES = 128;
const FACT_BYTES = 512;
/** Facts that are kept as bytes, some hundred each: two or three megabytes, and more decisions than are asked for all the time. */
const MAX_KEPT_FACTS = 8192;
/** Of UTF-8, for each unit of a string. */
const MAX_BYTES_PER_UNIT = 3;

/** Span.name, SPAN_KIND_SERVER, and what RPC spans say (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/). */
const CONSTANT = Buffer.concat([
  field(5, Buffer.from(SPAN_NAME)),
  Buffer.from([0x30, 2]),
  keyValue(9, 'rpc.system', 'grpc'),
  keyValue(9, 'rpc.service', 'envoy.service.auth.v3.Authorization'),
  keyValue(9, 'rpc.method', 'Check'),
]);
/** Each attribute up to its value: KeyValue.key, and the tag of KeyValue.value. */
const key = (name: string): Buffer => Buffer.concat([field(1, Buffer.from(name)), Buffer.from([0x12])]);
const FACT_KEYS = FACT_NAMES.map(key);
const DECISION_ID_KEY = key(DECISION_ID_NAME);

/** Span.flags: sampled; whether the parent is another process's is known, and it is. */
const FLAGS_ROOT = 0x101;
const FLAGS_CHILD = 0x301;

/** The same in all batches. */
export interface Origin {
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
}

export class SpanEncoder {
  readonly #resource: Buffer;
  readonly #scope: Buffer;
  readonly #facts = new Map<SpanFacts, Buffer>();
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);

  constructor({ resource, version }: Origin) {
    const attributes = Object.entries(resource).map(([name, value]) => keyValue(1, name, value));
    this.#resource = field(1, Buffer.concat(attributes));
    this.#scope = field(1, Buffer.concat([field(1, Buffer.from('portcullis')), field(2, Buffer.from(version))]));
  }

  /** The body of one request. */
  encode(spans: readonly Span[]): Buffer {
    let end = 0;
    for (const span of spans) {
      const facts = this.#factsOf(span.facts);
      this.#makeRoom(end + SPAN_BYTES + facts.length + textBytes(span.decisionId));
      end = putSpan(this.#buffer, end, span, facts);
    }
    const written = this.#buffer.subarray(0, end);
    const scopeHead = head(2, this.#scope.length + written.length);
    const resourceLength = this.#resource.length + scopeHead.length + this.#scope.length + written.length;
    return Buffer.concat([head(1, resourceLength), this.#resource, scopeHead, this.#scope, written]);
  }

  #factsOf(facts: SpanFacts): Buffer {
    const known = this.#facts.get(facts);
    if (known !== undefined) return known;
    if (this.#facts.size >= MAX_KEPT_FACTS) this.#facts.clear();
    const bytes = encodeFacts(facts);
    this.#facts.set(facts, bytes);
    return bytes;
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#buffer.length));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}

/** All of a span but its ids and times. */
function encodeFacts({ attributes, error }: SpanFacts): Buffer {
  let bytes = CONSTANT.length + FACT_BYTES + textBytes(error ?? '');
  for (const value of attributes) if (typeof value === 'string') bytes += textBytes(value);
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let at = putBytes(buffer, 0, CONSTANT);
  for (let i = 0; i < FACT_KEYS.length; i++) at = putAttribute(buffer, at, FACT_KEYS[i]!, attributes[i] ?? null);
  if (error !== null) at = putStatus(buffer, at, error);
  return Buffer.from(buffer.subarray(0, at));
}

/** At most. */
function textBytes(text: string): number {
  return Math.min(MAX_TEXT, text.length) * MAX_BYTES_PER_UNIT;
}

// Each of these writes at `at` and returns where it ends. Short texts byte by byte: a call out of JavaScript costs more than what it
// would do.

/** ScopeSpans.spans = 2. How long it is shows at its end: its length is written with as many bytes as any could need. */
function putSpan(buffer: Buffer, begin: number, span: Span, facts: Buffer): number {
  buffer[begin] = 0x12;
  const start = begin + 4;
  let at = putId(buffer, start, 0x0a, span.traceId);
  at = putId(buffer, at, 0x12, span.spanId);
  if (span.parentSpanId !== null) at = putId(buffer, at, 0x22, span.parentSpanId);
  at = putTime(buffer, at, 0x39, span.startMs);
  at = putTime(buffer, at, 0x41, span.endMs);
  at = putBytes(buffer, at, facts);
  at = putAttribute(buffer, at, DECISION_ID_KEY, span.decisionId);
  buffer[at] = 0x85;
  buffer[at + 1] = 0x01;
  at = putWord(buffer, at + 2, span.parentSpanId === null ? FLAGS_ROOT : FLAGS_CHILD);
  const length = at - start;
  buffer[begin + 1] = (length & 0x7f) | 0x80;
  buffer[begin + 2] = ((length >>> 7) & 0x7f) | 0x80;
  buffer[begin + 3] = length >>> 14;
  return at;
}

function putId(buffer: Buffer, begin: number, tag: number, hex: string): number {
  const bytes = hex.length / 2;
  buffer[begin] = tag;
  buffer[begin + 1] = bytes;
  const at = begin + 2;
  for (let i = 0; i < bytes; i++)
    buffer[at + i] = (digit(hex.charCodeAt(2 * i)) << 4) | digit(hex.charCodeAt(2 * i + 1));
  return at + bytes;
}

/** fixed64, nanoseconds: more than a number can hold, so in two halves. */
function putTime(buffer: Buffer, at: number, tag: number, ms: number): number {
  const whole = Math.floor(ms);
  const high = Math.floor(whole / 2 ** 16);
  // Milliseconds are high · 2^16 + low; times a million each part stays below 2^53.
  const low = (whole - high * 2 ** 16) * 1e6 + Math.round((ms - whole) * 1e6);
  const lower = low + ((high * 1e6) % 2 ** 16) * 2 ** 16;
  buffer[at] = tag;
  putWord(buffer, at + 1, lower % 2 ** 32);
  return putWord(buffer, at + 5, Math.floor((high * 1e6) / 2 ** 16) + Math.floor(lower / 2 ** 32));
}

/** Span.attributes = 9. */
function putAttribute(buffer: Buffer, begin: number, key: Buffer, value: string | boolean | null): number {
  if (value === null) return begin;
  buffer[begin] = 0x4a;
  if (typeof value === 'boolean') {
    const at = putBytes(buffer, putNumber(buffer, begin + 1, key.length + 3), key);
    // AnyValue.bool_value = 2.
    buffer[at] = 2;
    buffer[at + 1] = 0x10;
    buffer[at + 2] = value ? 1 : 0;
    return at + 3;
  }
  const text = bounded(value);
  const bytes = bytesOf(text);
  // AnyValue.string_value = 1.
  const anyBytes = 1 + sizeOf(bytes) + bytes;
  let at = putNumber(buffer, begin + 1, key.length + sizeOf(anyBytes) + anyBytes);
  at = putNumber(buffer, putBytes(buffer, at, key), anyBytes);
  buffer[at] = 0x0a;
  return putText(buffer, at + 1, text, bytes);
}

/** Span.status = 15, with Status.message = 2 and Status.code = 3, which is STATUS_CODE_ERROR. */
function putStatus(buffer: Buffer, begin: number, error: string): number {
  const text = bounded(error);
  const bytes = bytesOf(text);
  buffer[begin] = 0x7a;
  let at = putNumber(buffer, begin + 1, 1 + sizeOf(bytes) + bytes + 2);
  buffer[at] = 0x12;
  at = putText(buffer, at + 1, text, bytes);
  buffer[at] = 0x18;
  buffer[at + 1] = 2;
  return at + 2;
}

function putText(buffer: Buffer, begin: number, text: string, bytes: number): number {
  const at = putNumber(buffer, begin, bytes);
  if (bytes === text.length) for (let i = 0; i < bytes; i++) buffer[at + i] = text.charCodeAt(i);
  else buffer.write(text, at, bytes);
  return at + bytes;
}

function putBytes(buffer: Buffer, at: number, bytes: Buffer): number {
  buffer.set(bytes, at);
  return at + bytes.length;
}

function putWord(buffer: Buffer, at: number, value: number): number {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
  return at + 4;
}

function putNumber(buffer: Buffer, begin: number, value: number): number {
  let at = begin;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
  buffer[at] = rest;
  return at + 1;
}

/** As UTF-8: as many as characters where all are ASCII, and only there. */
function bytesOf(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return text.length;
}

/** Of a hexadecimal digit in lower case. */
function digit(character: number): number {
  return character > 0x39 ? character - 0x57 : character - 0x30;
}

function bounded(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

/** Bytes that a number takes as a varint; those here are lengths. */
function sizeOf(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3;
}

/** Tag and length of a field that has a length. */
function head(number: number, length: number): Buffer {
  const bytes = Buffer.alloc(12);
  return bytes.subarray(0, putNumber(bytes, putNumber(bytes, 0, number * 8 + 2), length));
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([head(number, bytes.length), bytes]);
}

function keyValue(number: number, name: string, value: string): Buffer {
  const any = field(1, Buffer.from(value));
  return field(number, Buffer.concat([field(1, Buffer.from(name)), field(2, any)]));
}
