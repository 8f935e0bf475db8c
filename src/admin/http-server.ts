/**
 * A small HTTP server with a fixed table of paths: GET and HEAD, no bodies, every size and time bounded,
 * so that whoever reaches it can neither change anything nor hold the process up.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatTcpAddress, parseTcpAddress } from '../config/address.ts';
import { isLoopbackHostHeader } from './host.ts';
import { textResponse } from './route.ts';
import type { AdminResponse, RouteTable } from './route.ts';

/** Probes and scrapers send a few hundred bytes. */
const MAX_HEADER_BYTES = 8 * 1024;
/** A kubelet, two Prometheus servers and a few people. */
const MAX_CONNECTIONS = 64;
/** What takes longer to send a request of a few lines is not one of those. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Above the usual scrape and probe intervals of 10 to 15 s a connection is not worth keeping. */
const KEEP_ALIVE_TIMEOUT_MS = 20_000;
/** How often Node looks for requests that are too slow. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

export interface HttpServerOptions {
  /** `HOST:PORT`, port 0 for any free one. */
  readonly address: string;
  readonly routes: RouteTable;
  /** Answer only requests whose Host header names this machine. */
  readonly loopbackHostOnly: boolean;
  /** An error of a route, of which the client learns nothing. */
  readonly onError: (error: unknown) => void;
}

export interface HttpServer {
  /** With the real port. */
  readonly address: string;
  /** Lets answers under way end, for at most `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
}

/** Rejects when the address cannot be bound. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const address = parseTcpAddress(options.address);
  if (address === null) throw new Error(`\`${options.address}\` is no address to listen on`);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
      requireHostHeader: true,
    },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`cannot listen on ${options.address}: ${cause.message}`, { cause }));
    });
    server.listen(address.port, address.host, resolve);
  });
  server.removeAllListeners('error').on('error', options.onError);
  const { port } = server.address() as AddressInfo;
  return {
    address: formatTcpAddress({ host: address.host, port }),
    close: (timeoutMs = 1_000) => closeServer(server, timeoutMs),
  };
}

function closeServer(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), timeoutMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  let result: AdminResponse;
  try {
    result = await route(request, options);
  } catch (error) {
    options.onError(error);
    result = textResponse(500, 'internal error');
  }
  send(request, response, result);
}

function route(request: IncomingMessage, options: HttpServerOptions): AdminResponse | Promise<AdminResponse> {
  if (options.loopbackHostOnly && !isLoopbackHostHeader(request.headers.host)) {
    return textResponse(421, 'ask for this server by a loopback name');
  }
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD') return textResponse(405, 'only GET and HEAD');
  if (hasBody(request)) return textResponse(413, 'no request body');
  const url = request.url ?? '';
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const handler = options.routes.get(path);
  if (handler === undefined) return textResponse(404, 'not found');
  return handler({ method, path, query: new URLSearchParams(question === -1 ? '' : url.slice(question)) });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: AdminResponse): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    // A body that is not read would be taken for the next request.
    ...(hasBody(request) ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}
