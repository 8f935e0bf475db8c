/**
 * What a transport is: bytes in, bytes out. It knows nothing of authorization.
 */
import type { Socket } from 'node:net';
import type { TransportState } from '../telemetry/transport-state.ts';
import type { CallStatus } from './status.ts';

export interface CallContext {
  /** When the caller stops waiting, in `Date.now()` milliseconds; Infinity when it set no deadline. */
  readonly deadlineMs: number;
  /** The peer's certificate (DER) when the connection is mutual TLS, else null. */
  readonly peerCertificate: Uint8Array | null;
  /** False when the peer's certificate is not on the listener's allow-list. Always true without one. */
  readonly peerAllowed: boolean;
  /** Headers of the call that say which trace it belongs to, by name; null: there are none. One that came twice is empty. */
  readonly trace: ReadonlyMap<string, string> | null;
}

/** The answer's message, another status than OK, or null: these bytes are no message of this method (INVALID_ARGUMENT). */
export type UnaryAnswer = Uint8Array | CallStatus | null;

/**
 * Answers one unary call. Must not throw; if it does, the call ends with INTERNAL and the cause goes to the log only.
 * `message` may be a view on a larger buffer, and is the handler's to keep.
 */
export type UnaryHandler = (message: Uint8Array, context: CallContext) => UnaryAnswer | Promise<UnaryAnswer>;

/**
 * Answers one server-streaming call: `send` may be called until `signal` aborts, which it does when the caller
 * leaves and when the connection is about to close. A returned status ends the call at once; null means what it
 * means for a {@link UnaryAnswer}, undefined that the call goes on.
 */
export type StreamHandler = (
  message: Uint8Array,
  context: CallContext,
  send: (message: Uint8Array) => void,
  signal: AbortSignal,
) => CallStatus | null | undefined;

/** What is put into {@link CallContext.trace}: W3C Trace Context, and B3 in both of its forms. */
export const TRACE_HEADERS: readonly string[] = [
  'traceparent',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'x-b3-flags',
];

export interface Methods {
  /** By full path, e.g. `/envoy.service.auth.v3.Authorization/Check`. */
  readonly unary: ReadonlyMap<string, UnaryHandler>;
  readonly serverStream: ReadonlyMap<string, StreamHandler>;
  /**
   * Paths whose handlers look at {@link CallContext.peerAllowed} themselves. To a peer that is not on the allow-list
   * every other method, known or not, is PERMISSION_DENIED.
   */
  readonly answersAnyPeer: ReadonlySet<string>;
}

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** When set, clients must present a certificate signed by one of these. */
  readonly clientCaFile: string | null;
  /**
   * SPIFFE IDs or SAN patterns (`spiffe://td/ns/x/*`, `dns:*.example.com`); empty: any verified client.
   * What they mean is in tls/allow-list.ts.
   */
  readonly allowedClients: readonly string[];
}

export interface ServeOptions {
  readonly tls: TlsOptions | null;
  /** Larger messages, compressed or not, end their call with RESOURCE_EXHAUSTED. See limits.ts for what that means. */
  readonly maxMessageBytes: number;
  readonly maxConcurrentStreams: number;
  /** Connections are asked to leave after this time, plus or minus the jitter; 0: never. */
  readonly maxConnectionAgeSeconds: number;
  /** Answer gRPC server reflection for the shipped .proto files. */
  readonly reflection: boolean;
}

export interface ListenAt {
  /** `HOST:PORT` (port 0: any free one; IPv6 in brackets) or `unix:PATH`. */
  readonly address: string;
  /** Permission bits of a Unix socket. Default {@link UNIX_SOCKET_MODE}. */
  readonly unixSocketMode?: number;
}

export interface ListenOptions extends ServeOptions, ListenAt {}

interface Running {
  /** What has been counted so far, and how it stands now. */
  counts(): TransportState;
  /**
   * Takes no new connections, asks the peers to leave, answers all calls in flight, ends server streams with
   * UNAVAILABLE; resolves when every connection is closed, or was torn down after `timeoutMs`.
   */
  drain(timeoutMs: number): Promise<void>;
}

/** Serves the connections that it is given, and accepts none itself. */
export interface TransportServer extends Running {
  /**
   * Takes a connection as somebody has accepted it: from a front door (front-door.ts), also one in another process. Nothing may
   * have been read of it, not even for TLS, which begins here. Once a drain has begun, it is closed at once.
   */
  adopt(socket: Socket): void;
}

export interface Listener extends Running {
  /** The bound address in the same form as the option, with the real port. */
  readonly address: string;
}

export interface Transport {
  /** Rejects with {@link ListenError} when the files or the allow-list are not usable. */
  serve(options: ServeOptions, methods: Methods): Promise<TransportServer>;
  /** A server with a front door of its own. Rejects with {@link ListenError} also when the address is not usable. */
  listen(options: ListenOptions, methods: Methods): Promise<Listener>;
}

/** Where a transport reports what its caller cannot see; `fields` are for a structured log. */
export type TransportLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export type ListenErrorCode =
  | 'bad-address'
  | 'address-in-use'
  | 'address-not-usable'
  | 'not-a-socket'
  | 'bad-certificate-files'
  | 'bad-allowed-client';

/** Why a listener could not be started: what the operator gave and what is wrong with it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: ListenErrorCode;

  constructor(code: ListenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
