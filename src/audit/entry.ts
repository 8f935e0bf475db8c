/**
 * One decision, as the log tells it. The list is complete: what has no field here (cookies, tokens, bodies, query
 * values) cannot get into the log. Of headers and claims those get in that the configuration names, and no secrets.
 */
import type { Claim } from '../attributes/claim.ts';

/** Bytes as characters 0 to 255, as the engine holds all strings from outside; decoded when written. */
export type ByteString = string;

export interface DecisionEntry {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** The same id as in the dynamic metadata of the answer and in `${decision.id}`. */
  readonly id: string;
  readonly decision: 'allow' | 'deny';
  /** From the closed list of reasons. */
  readonly reason: string;
  /** What the client of the mesh gets; 200 on allow. */
  readonly httpStatus: number;
  /** `namespace/name` of the policy that decided, or null. */
  readonly policy: string | null;
  /** Its rule: the name, else the number from 0; null when no rule decided. */
  readonly rule: string | number | null;
  /** Of the policies that decided; null when there were none yet. */
  readonly revision: string | null;
  /** The caller's SPIFFE ID as the proof says it; null when there is none. */
  readonly principal: ByteString | null;
  /** `issuer/subject` of a verified token; null when there is none. */
  readonly requestPrincipal: ByteString | null;
  /** The called workload; null when it was not resolved. */
  readonly workload: LoggedWorkload | null;
  readonly method: ByteString;
  readonly host: ByteString;
  /** With its query; values are taken out when it is written. */
  readonly path: ByteString;
  /** Envoy's x-request-id, which a client may have chosen; empty when there is none. */
  readonly envoyRequestId: ByteString;
  /** Of the trace that the request belongs to; null when it says none. */
  readonly traceId: string | null;
  /** Of the check's own span in it; null: it is not traced. */
  readonly spanId: string | null;
  /** Of the headers to be recorded those that came, by name, line by line; null: a header that is a secret. */
  readonly headers: ReadonlyMap<string, readonly ByteString[] | null>;
  /** Of the claims to be recorded those that there are, as the configuration names them. */
  readonly claims: ReadonlyMap<string, Claim>;
  readonly durationMicros: number;
  /** The answer came from the decision cache. */
  readonly cached: boolean;
  /** What would have been decided with the policies in Shadow mode enforced; null when none had a say. */
  readonly shadow: LoggedShadow | null;
}

export interface LoggedWorkload {
  readonly namespace: ByteString | null;
  readonly serviceAccount: ByteString | null;
  readonly labels: ReadonlyMap<ByteString, ByteString> | null;
}

export interface LoggedShadow {
  readonly decision: 'allow' | 'deny';
  readonly reason: string;
  readonly policy: string | null;
  readonly rule: string | number | null;
}
