/** How this transport ends calls by itself (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */

/** A {@link CallStatus} with any code. */
export interface Status {
  readonly code: number;
  readonly message: string;
}

/** What clients of gRPC take an answer of HTTP for. */
export const UNKNOWN = 2;
const DEADLINE_EXCEEDED_CODE = 4;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;

export const DEADLINE_EXCEEDED: Status = { code: DEADLINE_EXCEEDED_CODE, message: 'deadline exceeded' };
export const MESSAGE_TOO_LARGE: Status = { code: RESOURCE_EXHAUSTED, message: 'message too large' };
export const TOO_MUCH_AT_ONCE: Status = { code: UNAVAILABLE, message: 'too much at once' };
/** "Request cardinality violation (method requires exactly one request but client sent some other number)". */
export const ONE_MESSAGE_EXPECTED: Status = { code: UNIMPLEMENTED, message: 'exactly one message expected' };
export const MESSAGE_CUT_OFF: Status = { code: INTERNAL, message: 'message cut off' };
export const BAD_COMPRESSION: Status = { code: INTERNAL, message: 'compressed message cannot be read' };
export const BAD_TIMEOUT: Status = { code: INTERNAL, message: 'malformed grpc-timeout' };
/** Sent with `grpc-accept-encoding`. */
export const UNKNOWN_ENCODING: Status = { code: UNIMPLEMENTED, message: 'unknown grpc-encoding' };
