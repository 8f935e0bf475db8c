import { Client, compressionAlgorithms, credentials, Metadata } from '@grpc/grpc-js';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';

/** Whom a client trusts, and who it says it is. */
export interface ClientTls {
  readonly authority: string;
  readonly certificate?: { readonly certificate: string; readonly key: string };
}

export interface ClientOptions {
  readonly address: string;
  readonly tls?: ClientTls;
  readonly gzip?: boolean;
}

export interface Answer {
  /** gRPC status code; 0 is OK. */
  readonly code: number;
  readonly details: string;
  readonly message: Buffer | null;
}

export interface CallOptions {
  /** Time that the caller waits. Default 10,000. */
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface GrpcClient {
  unary(path: string, message: Uint8Array, options?: CallOptions): Promise<Answer>;
  stream(path: string, message: Uint8Array): StreamCall;
  close(): void;
}

export interface StreamCall {
  readonly messages: Buffer[];
  /** How the call ended. */
  readonly ended: Promise<Answer>;
  cancel(): void;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** The real gRPC client for Node, with a connection of its own. */
export function openClient({ address, tls, gzip }: ClientOptions): GrpcClient {
  const channel =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(
          Buffer.from(tls.authority),
          tls.certificate === undefined ? null : Buffer.from(tls.certificate.key),
          tls.certificate === undefined ? null : Buffer.from(tls.certificate.certificate),
        );
  const client = new Client(address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': -1,
    // A refused call is to be seen, not tried again.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 50,
    ...(gzip === true && { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip }),
  });
  return {
    unary: (path, message, { timeoutMs = 10_000, metadata = {} } = {}) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          path,
          asIs,
          asIs,
          Buffer.from(message),
          metadataOf(metadata),
          { deadline: Date.now() + timeoutMs },
          (error: ServiceError | null, answer?: Buffer) =>
            resolve({ code: error?.code ?? 0, details: error?.details ?? '', message: answer ?? null }),
        );
      }),
    stream: (path, message) => follow(client.makeServerStreamRequest(path, asIs, asIs, Buffer.from(message))),
    close: () => client.close(),
  };
}

function follow(call: ClientReadableStream<Buffer>): StreamCall {
  const messages: Buffer[] = [];
  const ended = new Promise<Answer>((resolve) => {
    call
      .on('data', (message: Buffer) => messages.push(message))
      // The status says the same, and comes for good and bad ends alike.
      .on('error', () => undefined)
      .on('status', ({ code, details }: { code: number; details: string }) =>
        resolve({ code, details, message: null }),
      );
  });
  return { messages, ended, cancel: () => call.cancel() };
}

function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.add(name, value);
  return metadata;
}
