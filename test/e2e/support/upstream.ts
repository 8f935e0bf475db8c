import { Server, ServerCredentials, type Metadata, type ServiceDefinition } from '@grpc/grpc-js';
import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';

import { linesOf, type HeaderLine } from './headers.ts';

/** What reached the upstream, as it says itself in its answer's JSON body (gRPC: in its message). */
export interface SeenRequest {
  readonly protocol: 'HTTP/1.1' | 'HTTP/2' | 'gRPC';
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string;
}

export interface Upstream {
  readonly ports: { readonly http1: number; readonly http2: number; readonly grpc: number };
  /** All requests so far, in order of arrival. */
  seen(): readonly SeenRequest[];
  /** Those whose path begins so: a test tells its own requests by a path of their own. */
  seenUnder(pathPrefix: string): readonly SeenRequest[];
  stop(): Promise<void>;
}

/** What the upstream said that it saw, out of the answer that came back through Envoy (read as latin1). */
export function seenIn(response: { readonly status: number; readonly body: string }): SeenRequest {
  if (response.status !== 200) {
    throw new Error(`nothing reached the upstream: ${String(response.status)} ${response.body}`);
  }
  return JSON.parse(Buffer.from(response.body, 'latin1').toString('utf8')) as SeenRequest;
}

/** The gRPC methods that the echo answers; unary, but for `Watch` which streams three messages. */
const GRPC_METHODS = [
  '/shop.Catalog/Get',
  '/shop.Orders/Get',
  '/shop.Orders/Delete',
  '/shop.Orders/Watch',
  '/shop.orders.v1.Orders/GetOrder',
];

/** On every answer, so that a test can see a rule overwrite what the upstream said. */
const UPSTREAM_RESPONSE_HEADERS: readonly HeaderLine[] = [
  ['x-answered-by', 'echo'],
  ['x-policy', 'from-upstream'],
];

/** An upstream that answers with what it saw, over HTTP/1.1, HTTP/2 with prior knowledge, and gRPC. */
export async function startUpstream(): Promise<Upstream> {
  const requests: SeenRequest[] = [];
  const record = (request: SeenRequest): string => {
    requests.push(request);
    return JSON.stringify(request);
  };

  // Far above Node's own 16 KiB: what is too large is for Envoy and the service to say.
  const http1 = createHttp1Server({ maxHeaderSize: 4 * 1024 * 1024 }, (request, response) => {
    answer('HTTP/1.1', request, response, record);
  });
  const http2 = createHttp2Server((request, response) => {
    // The compatibility API has the HTTP/1.1 shapes for all that is used here.
    answer('HTTP/2', request as unknown as IncomingMessage, response as unknown as ServerResponse, record);
  });
  const sessions = new Set<ServerHttp2Session>();
  http2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  const grpc = grpcEcho(record);

  const ports = {
    http1: await listen(http1),
    http2: await listen(http2),
    grpc: await new Promise<number>((resolve, reject) => {
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) {
          resolve(port);
        } else {
          reject(error);
        }
      });
    }),
  };

  return {
    ports,
    seen: () => requests,
    seenUnder: (pathPrefix) => requests.filter((request) => request.path.startsWith(pathPrefix)),
    async stop() {
      grpc.forceShutdown();
      for (const session of sessions) {
        session.destroy();
      }
      http1.closeAllConnections();
      await Promise.all([close(http1), close(http2)]);
    },
  };
}

function answer(
  protocol: 'HTTP/1.1' | 'HTTP/2',
  request: IncomingMessage,
  response: ServerResponse,
  record: (request: SeenRequest) => string,
): void {
  let body = '';
  request.setEncoding('latin1').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    const text = record({
      protocol,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: linesOf(request.rawHeaders),
      body,
    });
    response.statusCode = 200;
    response.setHeader('content-type', 'application/json');
    for (const [name, value] of UPSTREAM_RESPONSE_HEADERS) {
      response.setHeader(name, value);
    }
    response.end(text);
  });
}

function grpcEcho(record: (request: SeenRequest) => string): Server {
  const server = new Server();
  const seen = (path: string, metadata: Metadata, message: Buffer): Buffer => {
    const headers: HeaderLine[] = [];
    for (const name of Object.keys(metadata.getMap())) {
      for (const value of metadata.get(name)) {
        headers.push([name, value.toString()]);
      }
    }
    return Buffer.from(record({ protocol: 'gRPC', method: 'POST', path, headers, body: message.toString('latin1') }));
  };
  for (const path of GRPC_METHODS) {
    const streams = path.endsWith('/Watch');
    const method = path.slice(path.lastIndexOf('/') + 1);
    const definition: ServiceDefinition = { [method]: methodDefinition(path, streams) };
    server.addService(definition, {
      [method]: streams
        ? (call: StreamCall) => {
            const message = seen(path, call.metadata, call.request);
            for (let count = 0; count < 3; count++) {
              call.write(message);
            }
            call.end();
          }
        : (call: UnaryCall, callback: (error: null, message: Buffer) => void) => {
            callback(null, seen(path, call.metadata, call.request));
          },
    });
  }
  return server;
}

interface UnaryCall {
  readonly metadata: Metadata;
  readonly request: Buffer;
}

interface StreamCall extends UnaryCall {
  write(message: Buffer): void;
  end(): void;
}

/** A method whose messages are plain bytes: the echo needs no .proto file. */
function methodDefinition(path: string, responseStream: boolean): ServiceDefinition[string] {
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

function listen(server: NetServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
