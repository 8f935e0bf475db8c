/** A span of one check, as it is kept until it is sent: nothing in it that a policy or a client could hide a secret in. */

/** Names of what {@link SpanFacts.attributes} holds, in its order. */
export const FACT_NAMES = [
  'portcullis.decision',
  'portcullis.reason',
  'portcullis.policy',
  'portcullis.rule',
  'portcullis.workload',
  'portcullis.revision',
  'portcullis.cached',
] as const;
/** Name of {@link Span.decisionId}. */
export const DECISION_ID_NAME = 'portcullis.decision.id';

export const SPAN_NAME = 'portcullis.check';

/** Which span it is. */
export interface SpanIds {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** What is the same in many spans: as long as one object stands for it, it is encoded once. */
export interface SpanFacts {
  /** Text, yes or no, or null where there is none. */
  readonly attributes: readonly (string | boolean | null)[];
  /** What failed in the service; null: it decided, be it a denial. */
  readonly error: string | null;
}

export interface Span extends SpanIds {
  /** 16 hexadecimal digits; null: nobody's child. */
  readonly parentSpanId: string | null;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly decisionId: string;
  readonly facts: SpanFacts;
}
