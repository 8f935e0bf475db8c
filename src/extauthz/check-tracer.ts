/**
 * Which checks are traced, and their spans: children of the span that the caller says it records, of which Envoy tells in the
 * headers of its call, else the request in its own.
 *
 * INVARIANT: what a client sends never makes more than so many spans a second, and a check that is not traced costs a look at
 * one byte where the caller has said so.
 */
import { randomFillSync } from 'node:crypto';
import { isSampledFlag, TRACE_HEADERS, traceContextOf, TRACEPARENT_FLAG_AT } from '../attributes/trace-context.ts';
import type { CallTrace, TraceContext } from '../attributes/trace-context.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Workload } from '../attributes/workload.ts';
import { visibleBytes } from '../lib/visible-text.ts';
import { ruleLabel } from '../pdp/decision.ts';
import type { Decision } from '../pdp/decision.ts';
import { reasonFacts } from '../pdp/reason.ts';
import type { Reason } from '../pdp/reason.ts';
import type { Span, SpanFacts, SpanIds } from '../telemetry/span.ts';
import type { CheckRecord } from './check-record.ts';

/** `SpanQueue` of the telemetry folder is one. */
export interface SpanTaker {
  add(span: Span): void;
  /** One is not made, since there were enough. */
  limit(): void;
}

export interface TracerOptions {
  readonly spans: SpanTaker;
  /** Share of the checks that are traced where nobody has said whether, 0 to 1. */
  readonly ratio: number;
  readonly maxPerSecond: number;
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/** What was told of a decision last. Its revision is that of its rule, or of the answer that is kept with it. */
interface Known extends SpanFacts {
  readonly workload: Workload | null;
  readonly cache: CheckRecord['cache'];
  readonly reason: Reason;
}

/** A span that has begun. */
interface Begun extends SpanIds {
  readonly parentSpanId: string | null;
}

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const NO_ID = '0'.repeat(2 * TRACE_ID_BYTES);
/** Kubernetes: a namespace has at most 63 characters, an account 253. */
const MAX_NAME_BYTES = 253;

export class CheckTracer {
  readonly #options: TracerOptions;
  readonly #random: () => number;
  readonly #ids = new RandomIds();
  /** Decisions that are kept are told of again and again. */
  readonly #known = new WeakMap<Decision, Known>();
  #second = 0;
  #inSecond = 0;

  constructor(options: TracerOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** null: it is not traced. */
  begin({ trace, request, timeMs }: CheckRecord): Begun | null {
    if (isRefused(trace, request)) return null;
    const parent = parentOf(trace, request);
    if (!(parent?.sampled ?? this.#isChosen())) return null;
    if (!this.#hasRoom(timeMs)) {
      this.#options.spans.limit();
      return null;
    }
    const spanId = this.#ids.next(SPAN_ID_BYTES);
    return parent?.traceId == null
      ? { traceId: this.#ids.next(TRACE_ID_BYTES), spanId, parentSpanId: null }
      : { traceId: parent.traceId.padStart(2 * TRACE_ID_BYTES, '0'), spanId, parentSpanId: parent.spanId };
  }

  /** `reason`: of the answer, which may be another than that of the decision. */
  end(begun: Begun, record: CheckRecord, reason: Reason): void {
    const { id, timeMs, durationMs } = record;
    this.#options.spans.add({
      traceId: begun.traceId,
      spanId: begun.spanId,
      parentSpanId: begun.parentSpanId,
      startMs: timeMs - durationMs,
      endMs: timeMs,
      decisionId: id,
      facts: this.#factsOf(record, reason),
    });
  }

  #factsOf(record: CheckRecord, reason: Reason): SpanFacts {
    const { decision, workload, cache } = record;
    const known = this.#known.get(decision);
    if (known?.workload === workload && known.cache === cache && known.reason === reason) return known;
    const now: Known = { workload, cache, reason, ...factsOf(record, reason) };
    this.#known.set(decision, now);
    return now;
  }

  #isChosen(): boolean {
    const { ratio } = this.#options;
    return ratio !== 0 && this.#random() < ratio;
  }

  #hasRoom(timeMs: number): boolean {
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    if (this.#inSecond >= this.#options.maxPerSecond) return false;
    this.#inSecond += 1;
    return true;
  }
}

/** The caller has said that it does not record. Others have to be read: they may say so, too, or nothing. */
function isRefused(trace: CallTrace | null, request: RequestAttributes | null): boolean {
  if (trace !== null) {
    const value = trace.get('traceparent') ?? '';
    return value.length > TRACEPARENT_FLAG_AT && !isSampledFlag(value.charCodeAt(TRACEPARENT_FLAG_AT));
  }
  const flag = request?.source.headerByte('traceparent', TRACEPARENT_FLAG_AT) ?? -1;
  return flag !== -1 && !isSampledFlag(flag);
}

/** Of which span the check is the child; null: of none that is told as the specifications have it. */
export function parentOf(trace: CallTrace | null, request: RequestAttributes | null): TraceContext | null {
  const ofCall = trace === null ? null : traceContextOf((name) => trace.get(name) ?? null);
  if (ofCall !== null || request === null) return ofCall;
  // Most requests of those who trace nothing.
  if (!request.source.hasAny(TRACE_HEADERS)) return null;
  return traceContextOf((name) => onlyLine(request, name));
}

/** null: there is none, or there may be several. */
function onlyLine(request: RequestAttributes, name: string): string | null {
  const lines = request.source.header(name);
  return lines.form === 'exact' && lines.lines.length === 1 ? lines.lines[0]! : null;
}

function factsOf({ decision, workload, revision, cache }: CheckRecord, reason: Reason): SpanFacts {
  const { allowed, status, denial } = reasonFacts(reason);
  const rule = reason === decision.reason ? decision.rule : null;
  return {
    // To deny is to do what was asked for; that is no error of the one who is asked.
    error: denial === 'internal' || status >= 500 ? reason : null,
    attributes: [
      allowed ? 'allow' : 'deny',
      reason,
      rule?.policy.name ?? null,
      rule === null ? null : ruleLabel(rule),
      workloadText(workload),
      revision,
      cache === 'hit',
    ],
  };
}

/** `namespace/account`. Without labels: there may be many. */
function workloadText(workload: Workload | null): string | null {
  if (workload === null || (workload.namespace === null && workload.serviceAccount === null)) return null;
  const { namespace, serviceAccount } = workload;
  return `${visibleBytes(namespace ?? '-', MAX_NAME_BYTES)}/${visibleBytes(serviceAccount ?? '-', MAX_NAME_BYTES)}`;
}

/** Random bytes are asked for by the thousand: each question costs a microsecond. */
class RandomIds {
  readonly #bytes = Buffer.allocUnsafeSlow(4096);
  #at = 4096;

  /** Hexadecimal digits, not all of them 0. */
  next(bytes: number): string {
    if (this.#at + bytes > this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#at = 0;
    }
    const id = this.#bytes.toString('hex', this.#at, this.#at + bytes);
    this.#at += bytes;
    return NO_ID.startsWith(id) ? this.next(bytes) : id;
  }
}
