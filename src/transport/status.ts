/** gRPC status codes that this service answers with (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const StatusCode = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** How a call ends when it does not end with OK. `message` is read by the peer: printable ASCII, no secrets. */
export interface CallStatus {
  readonly code: StatusCode;
  readonly message: string;
}

/** Shared: the answers that a transport gives by itself say nothing of what the caller sent. */
export const MALFORMED_MESSAGE: CallStatus = { code: StatusCode.invalidArgument, message: 'malformed message' };
export const UNKNOWN_METHOD: CallStatus = { code: StatusCode.unimplemented, message: 'unknown method' };
export const PEER_NOT_ALLOWED: CallStatus = { code: StatusCode.permissionDenied, message: 'peer not allowed' };
export const HANDLER_FAILED: CallStatus = { code: StatusCode.internal, message: 'internal error' };
export const SHUTTING_DOWN: CallStatus = { code: StatusCode.unavailable, message: 'connection is closing' };
