/** A span of one check, as it is kept until it is sent: nothing in it that a policy or a client could hide a secret in. */

/** Names of what {@link Span.attributes} holds, in its order. */
export const SPAN_ATTRIBUTES = [
  'portcullis.decision',
  'portcullis.reason',
  'portcullis.policy',
  'portcullis.rule',
  'portcullis.workload',
  'portcullis.revision',
  'portcullis.cached',
  'portcullis.decision.id',
] as const;

export const SPAN_NAME = 'portcullis.check';

/** Which span it is. */
export interface SpanIds {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

export interface Span extends SpanIds {
  /** 16 hexadecimal digits; null: nobody's child. */
  readonly parentSpanId: string | null;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  /** What failed in the service; null: it decided, be it a denial. */
  readonly error: string | null;
  /** Text, yes or no, or null where there is none. */
  readonly attributes: readonly (string | boolean | null)[];
}
