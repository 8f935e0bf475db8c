import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

import type { HeaderLine } from './headers.ts';
import type { Target } from './target.ts';
import type { SeenRequest } from './upstream.ts';

export interface GrpcCall {
  /** E.g. `/shop.Orders/Get`. */
  readonly path: string;
  /** Default `shop.example`. */
  readonly authority?: string;
  readonly metadata?: readonly HeaderLine[];
  readonly message?: string;
  /** Read a stream of messages. Default false: unary. */
  readonly stream?: boolean;
}

export interface GrpcAnswer {
  /** The gRPC status code; 0 is OK. */
  readonly code: number;
  readonly details: string;
  /** What the echo upstream saw, once for each message. */
  readonly messages: readonly SeenRequest[];
  /** Response headers and, for a call that failed, the trailers. */
  readonly headers: readonly HeaderLine[];
}

const DEADLINE_MS = 10_000;

/** One call by a real gRPC client, on a channel of its own. */
export async function callGrpc(target: Target, call: GrpcCall): Promise<GrpcAnswer> {
  const { tls } = target;
  const channelCredentials =
    tls === null
      ? credentials.createInsecure()
      : credentials.createSsl(
          Buffer.from(tls.authority),
          tls.certificate === null ? null : Buffer.from(tls.certificate.key),
          tls.certificate === null ? null : Buffer.from(tls.certificate.certificate),
          // As in target.ts: the chain is verified, the name is not.
          { checkServerIdentity: () => undefined },
        );
  const client = new Client(`${target.host}:${String(target.port)}`, channelCredentials, {
    'grpc.default_authority': call.authority ?? 'shop.example',
    'grpc.ssl_target_name_override': tls?.serverName ?? 'shop.example',
    // Channels with the same options would share a connection, and with it the TLS identity.
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    return await (call.stream === true ? stream(client, call) : unary(client, call));
  } finally {
    client.close();
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

function unary(client: Client, call: GrpcCall): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const headers: HeaderLine[] = [];
    client
      .makeUnaryRequest(
        call.path,
        asIs,
        asIs,
        Buffer.from(call.message ?? ''),
        metadataOf(call),
        { deadline: Date.now() + DEADLINE_MS },
        (error: ServiceError | null, message?: Buffer) => {
          const trailers = error === null ? [] : linesOfMetadata(error.metadata);
          resolve({
            code: error?.code ?? 0,
            details: error?.details ?? '',
            messages: message === undefined ? [] : [seenOf(message)],
            headers: [...headers, ...trailers],
          });
        },
      )
      .on('metadata', (metadata) => {
        headers.push(...linesOfMetadata(metadata));
      });
  });
}

function stream(client: Client, call: GrpcCall): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const headers: HeaderLine[] = [];
    const messages: SeenRequest[] = [];
    client
      .makeServerStreamRequest(call.path, asIs, asIs, Buffer.from(call.message ?? ''), metadataOf(call), {
        deadline: Date.now() + DEADLINE_MS,
      })
      .on('metadata', (metadata: Metadata) => {
        headers.push(...linesOfMetadata(metadata));
      })
      .on('data', (message: Buffer) => {
        messages.push(seenOf(message));
      })
      // The status says the same, and comes for good and bad ends alike.
      .on('error', () => undefined)
      .on('status', (status: { code: number; details: string; metadata: Metadata }) => {
        resolve({
          code: status.code,
          details: status.details,
          messages,
          headers: [...headers, ...linesOfMetadata(status.metadata)],
        });
      });
  });
}

function metadataOf(call: GrpcCall): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of call.metadata ?? []) {
    metadata.add(name, value);
  }
  return metadata;
}

function linesOfMetadata(metadata: Metadata): HeaderLine[] {
  return Object.keys(metadata.getMap()).flatMap((name) =>
    metadata.get(name).map((value): HeaderLine => [name, value.toString()]),
  );
}

function seenOf(message: Buffer): SeenRequest {
  return JSON.parse(message.toString()) as SeenRequest;
}
