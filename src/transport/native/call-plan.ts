/** What to do with a call, decided once for each header block that is new. */
import type { Peer } from '../socket-server.ts';
import { PEER_NOT_ALLOWED, UNKNOWN_METHOD } from '../status.ts';
import type { Methods, StreamHandler, UnaryHandler } from '../transport.ts';
import { BAD_TIMEOUT, DEADLINE_EXCEEDED, UNKNOWN_ENCODING } from './call-status.ts';
import type { Status } from './call-status.ts';
import { parseTimeout } from './request-head.ts';
import type { RequestHead } from './request-head.ts';

const METHOD_NOT_ALLOWED = 405;
const UNSUPPORTED_MEDIA_TYPE = 415;
const HEADERS_TOO_LARGE = 431;

export interface CallPlan {
  readonly path: string;
  /** At most one of the handlers and refusals is set; with none of them the request is malformed. */
  readonly unary: UnaryHandler | null;
  readonly stream: StreamHandler | null;
  readonly refusal: Status | null;
  /** 0, or a status of HTTP for what is no gRPC. */
  readonly httpStatus: number;
  /** Infinity: none. */
  readonly timeoutMs: number;
  readonly gzip: boolean;
  /** See {@link CallContext.trace}. */
  readonly trace: ReadonlyMap<string, string> | null;
  /** -1: not said. */
  readonly contentLength: number;
}

const NOTHING: CallPlan = {
  path: '',
  unary: null,
  stream: null,
  refusal: null,
  httpStatus: 0,
  timeoutMs: Infinity,
  gzip: false,
  trace: null,
  contentLength: -1,
};

export const MALFORMED: CallPlan = NOTHING;

/** "Content-Type → 'application/grpc' [('+proto' / '+json' / {custom})]" (PROTOCOL-HTTP2.md). */
const GRPC = /^application\/grpc(?:$|[+;])/i;

export function planCall(head: RequestHead, methods: Methods, peer: Peer): CallPlan {
  // RFC 6585 §5, and RFC 9113 §10.5.1 for header lists that a server is not willing to take.
  if (head.tooLarge) return httpError(head, HEADERS_TOO_LARGE);
  if (!head.isRequest) return MALFORMED;
  const path = head.path!;
  // "Request-Headers → Call-Definition: Method → `:method POST`".
  if (head.method !== 'POST') return httpError(head, METHOD_NOT_ALLOWED);
  if (!peer.allowed && !methods.answersAnyPeer.has(path)) return refuse(head, PEER_NOT_ALLOWED);
  const unary = methods.unary.get(path) ?? null;
  const stream = unary === null ? (methods.serverStream.get(path) ?? null) : null;
  if (unary === null && stream === null) return refuse(head, UNKNOWN_METHOD);
  if (head.contentType === null || !GRPC.test(head.contentType)) return httpError(head, UNSUPPORTED_MEDIA_TYPE);
  const gzip = head.encoding === 'gzip';
  if (!gzip && head.encoding !== null && head.encoding !== 'identity') return refuse(head, UNKNOWN_ENCODING);
  const timeoutMs = head.timeout === null ? Infinity : parseTimeout(head.timeout);
  if (Number.isNaN(timeoutMs)) return refuse(head, BAD_TIMEOUT);
  if (timeoutMs === 0) return refuse(head, DEADLINE_EXCEEDED);
  const { trace, contentLength } = head;
  return { path, unary, stream, refusal: null, httpStatus: 0, timeoutMs, gzip, trace, contentLength };
}

function refuse({ contentLength }: RequestHead, refusal: Status): CallPlan {
  return { ...NOTHING, refusal, contentLength };
}

function httpError({ contentLength, tooLarge }: RequestHead, httpStatus: number): CallPlan {
  return { ...NOTHING, httpStatus, contentLength: tooLarge ? -1 : contentLength };
}
