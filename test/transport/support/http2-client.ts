import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { ClientTls } from './grpc-client.ts';

export interface StreamAnswer {
  readonly httpStatus: number;
  /** From the headers or the trailers; null when there was none. */
  readonly grpcStatus: number | null;
  readonly grpcMessage: string | null;
  /** The body with its five bytes of gRPC framing. */
  readonly body: Buffer;
  /** Why the stream was reset; 0: it was not. */
  readonly resetCode: number;
}

/** A connection on which every frame is ours: nothing is tried again, and nothing is hidden. */
export async function connectHttp2(address: string, tls?: ClientTls): Promise<ClientHttp2Session> {
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${address}`, {
    servername: 'localhost',
    ...(tls !== undefined && {
      ca: tls.authority,
      cert: tls.certificate?.certificate,
      key: tls.certificate?.key,
    }),
  });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

/** The same on a socket that is connected already. */
export function connectHttp2Over(socket: TLSSocket): ClientHttp2Session {
  const session = connect('https://localhost', { createConnection: () => socket });
  session.on('error', () => undefined);
  return session;
}

export function callHttp2(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const body: Buffer[] = [];
    const seen: Record<string, unknown> = {};
    const see = (headers: IncomingHttpHeaders): unknown => Object.assign(seen, headers);
    stream.on('response', see).on('trailers', see);
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.on('error', () => undefined);
    stream.on('close', () =>
      resolve({
        httpStatus: Number(seen[':status'] ?? 0),
        grpcStatus: seen['grpc-status'] === undefined ? null : Number(seen['grpc-status']),
        grpcMessage: (seen['grpc-message'] as string | undefined) ?? null,
        body: Buffer.concat(body),
        resetCode: stream.rstCode,
      }),
    );
    stream.end(frame(message));
  });
}

/** Length-Prefixed-Message of the gRPC protocol. */
export function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
