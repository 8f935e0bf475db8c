/**
 * What a transport is: bytes in, bytes out. It knows nothing of authorization.
 */

export interface CallContext {
  /** When the caller stops waiting, in `Date.now()` milliseconds; Infinity when it set no deadline. */
  readonly deadlineMs: number;
  /** The peer's certificate (DER) when the connection is mutual TLS, else null. */
  readonly peerCertificate: Uint8Array | null;
  /** False when the peer's certificate is not on the listener's allow-list. Always true without one. */
  readonly peerAllowed: boolean;
}

/**
 * Answers one unary call. Must not throw; if it does, the call ends with INTERNAL.
 * `null` means: these bytes are no message of this method (the call ends with INVALID_ARGUMENT).
 */
export type UnaryHandler = (
  message: Uint8Array,
  context: CallContext,
) => Uint8Array | null | Promise<Uint8Array | null>;

/** Answers one server-streaming call: `send` may be called until `signal` aborts. */
export type StreamHandler = (
  message: Uint8Array,
  context: CallContext,
  send: (message: Uint8Array) => void,
  signal: AbortSignal,
) => void;

export interface Methods {
  /** By full path, e.g. `/envoy.service.auth.v3.Authorization/Check`. */
  readonly unary: ReadonlyMap<string, UnaryHandler>;
  readonly serverStream: ReadonlyMap<string, StreamHandler>;
}

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** When set, clients must present a certificate signed by one of these. */
  readonly clientCaFile: string | null;
  /** SPIFFE IDs or SAN patterns (`spiffe://td/ns/x/*`, `dns:*.example.com`); empty: any verified client. */
  readonly allowedClients: readonly string[];
}

export interface ListenOptions {
  /** `HOST:PORT` (port 0: any free one) or `unix:PATH`. */
  readonly address: string;
  readonly tls: TlsOptions | null;
  readonly maxMessageBytes: number;
  readonly maxConcurrentStreams: number;
  /** Connections are asked to leave after this time, plus or minus the jitter; 0: never. */
  readonly maxConnectionAgeSeconds: number;
  /** Answer gRPC server reflection for the shipped .proto files. */
  readonly reflection: boolean;
}

export interface Listener {
  /** The bound address in the same form as the option, with the real port. */
  readonly address: string;
  /** Stop taking calls, let those in flight end, GOAWAY; resolves when closed or forced after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

export interface Transport {
  listen(options: ListenOptions, methods: Methods): Promise<Listener>;
}
