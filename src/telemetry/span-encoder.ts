/**
 * Spans as an ExportTraceServiceRequest of OTLP, in protobuf (opentelemetry/proto/trace/v1/trace.proto). Written here, since a
 * serializer that takes the spans of the SDK would first need an object of fifteen fields and a closure for each of ours, and at
 * a span for each check that is what the service would do most of its time.
 */
import { SPAN_ATTRIBUTES, SPAN_NAME } from './span.ts';
import type { Span } from './span.ts';

const LENGTH_BYTES = 3;
/** Nothing that a span holds is as long; a name of Kubernetes has 253 characters at most. */
const MAX_TEXT = 1024;
/** What a span takes besides its texts, generously. */
const SPAN_BYTES = 512;
/** Of UTF-8, for each unit of a string. */
const MAX_BYTES_PER_UNIT = 3;

/** SPAN_KIND_SERVER, and what RPC spans say (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/). */
const CONSTANT = Buffer.concat([
  field(5, Buffer.from(SPAN_NAME)),
  Buffer.from([0x30, 2]),
  attribute('rpc.system', 'grpc'),
  attribute('rpc.service', 'envoy.service.auth.v3.Authorization'),
  attribute('rpc.method', 'Check'),
]);
/** Each attribute up to its value: KeyValue.key, and the tag of KeyValue.value. */
const KEYS = SPAN_ATTRIBUTES.map((name) => Buffer.concat([field(1, Buffer.from(name)), Buffer.from([0x12])]));

/** Span.flags: sampled; whether the parent is another process's is known, and it is. */
const FLAGS_ROOT = 0x101;
const FLAGS_CHILD = 0x301;

/** `resource` and `scope` are the same in all batches. */
export interface Origin {
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
}

export class SpanEncoder {
  readonly #resource: Buffer;
  readonly #scope: Buffer;
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #at = 0;

  constructor({ resource, version }: Origin) {
    const attributes = Object.entries(resource).map(([name, value]) => keyValue(1, name, value));
    this.#resource = field(1, Buffer.concat(attributes));
    this.#scope = field(1, Buffer.concat([field(1, Buffer.from('portcullis')), field(2, Buffer.from(version))]));
  }

  /** The body of one request. */
  encode(spans: readonly Span[]): Buffer {
    this.#at = 0;
    for (const span of spans) this.#span(span);
    const written = this.#buffer.subarray(0, this.#at);
    const scopeHead = head(2, this.#scope.length + written.length);
    const resourceLength = this.#resource.length + scopeHead.length + this.#scope.length + written.length;
    return Buffer.concat([head(1, resourceLength), this.#resource, scopeHead, this.#scope, written]);
  }

  #span(span: Span): void {
    this.#makeRoom(span);
    // ScopeSpans.spans = 2. How long it is shows at its end: its length is written with as many bytes as any could need.
    this.#buffer[this.#at] = 0x12;
    const start = this.#at + 1 + LENGTH_BYTES;
    this.#at = start;
    this.#id(0x0a, span.traceId);
    this.#id(0x12, span.spanId);
    if (span.parentSpanId !== null) this.#id(0x22, span.parentSpanId);
    CONSTANT.copy(this.#buffer, this.#at);
    this.#at += CONSTANT.length;
    this.#time(0x39, span.startMs);
    this.#time(0x41, span.endMs);
    for (let i = 0; i < KEYS.length; i++) this.#attribute(KEYS[i]!, span.attributes[i] ?? null);
    if (span.error !== null) this.#status(span.error);
    this.#buffer[this.#at] = 0x85;
    this.#buffer[this.#at + 1] = 0x01;
    this.#buffer.writeUInt32LE(span.parentSpanId === null ? FLAGS_ROOT : FLAGS_CHILD, this.#at + 2);
    this.#at += 6;
    const length = this.#at - start;
    this.#buffer[start - 3] = (length & 0x7f) | 0x80;
    this.#buffer[start - 2] = ((length >>> 7) & 0x7f) | 0x80;
    this.#buffer[start - 1] = length >>> 14;
  }

  #makeRoom({ attributes, error }: Span): void {
    let units = Math.min(MAX_TEXT, error?.length ?? 0);
    for (const value of attributes) if (typeof value === 'string') units += Math.min(MAX_TEXT, value.length);
    const needed = this.#at + SPAN_BYTES + units * MAX_BYTES_PER_UNIT;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  #id(tag: number, hex: string): void {
    this.#buffer[this.#at] = tag;
    this.#buffer[this.#at + 1] = hex.length / 2;
    this.#at += 2;
    this.#at += this.#buffer.write(hex, this.#at, 'hex');
  }

  /** fixed64, nanoseconds. */
  #time(tag: number, ms: number): void {
    this.#buffer[this.#at] = tag;
    const whole = Math.floor(ms);
    const nanos = BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
    this.#buffer.writeBigUInt64LE(nanos, this.#at + 1);
    this.#at += 9;
  }

  /** Span.attributes = 9. */
  #attribute(key: Buffer, value: string | boolean | null): void {
    if (value === null) return;
    this.#buffer[this.#at++] = 0x4a;
    if (typeof value === 'boolean') {
      this.#number(key.length + 3);
      this.#copy(key);
      // AnyValue.bool_value = 2.
      this.#buffer[this.#at] = 2;
      this.#buffer[this.#at + 1] = 0x10;
      this.#buffer[this.#at + 2] = value ? 1 : 0;
      this.#at += 3;
      return;
    }
    const text = bounded(value);
    const bytes = Buffer.byteLength(text);
    // AnyValue.string_value = 1.
    const anyBytes = 1 + sizeOf(bytes) + bytes;
    this.#number(key.length + sizeOf(anyBytes) + anyBytes);
    this.#copy(key);
    this.#number(anyBytes);
    this.#buffer[this.#at++] = 0x0a;
    this.#text(text, bytes);
  }

  /** Span.status = 15, with Status.message = 2 and Status.code = 3, which is STATUS_CODE_ERROR. */
  #status(error: string): void {
    const text = bounded(error);
    const bytes = Buffer.byteLength(text);
    this.#buffer[this.#at++] = 0x7a;
    this.#number(1 + sizeOf(bytes) + bytes + 2);
    this.#buffer[this.#at++] = 0x12;
    this.#text(text, bytes);
    this.#buffer[this.#at] = 0x18;
    this.#buffer[this.#at + 1] = 2;
    this.#at += 2;
  }

  #text(text: string, bytes: number): void {
    this.#number(bytes);
    this.#at += this.#buffer.write(text, this.#at, bytes, bytes === text.length ? 'latin1' : 'utf8');
  }

  #copy(bytes: Buffer): void {
    bytes.copy(this.#buffer, this.#at);
    this.#at += bytes.length;
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#at++] = rest;
  }
}

function bounded(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

/** Bytes that a number takes as a varint; those here are lengths. */
function sizeOf(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

/** Tag and length of a field that has a length. */
function head(number: number, length: number): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(length)]);
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([head(number, bytes.length), bytes]);
}

function keyValue(number: number, name: string, value: string): Buffer {
  const any = field(1, Buffer.from(value));
  return field(number, Buffer.concat([field(1, Buffer.from(name)), field(2, any)]));
}

function attribute(name: string, value: string): Buffer {
  return keyValue(9, name, value);
}
