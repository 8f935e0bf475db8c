/**
 * A small HTTP server with a fixed table of paths, every size and time bounded, so that whoever reaches it cannot hold the
 * process up. Who may ask what is decided in one place, before anything is read or worked out.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { formatTcpAddress, parseTcpAddress } from '../config/address.ts';
import type { Access } from './access/access.ts';
import type { ServerTls } from './access/server-tls.ts';
import { readBody } from './body.ts';
import { isLoopbackHostHeader } from './host.ts';
import { errorResponse, findRoute, HttpError, textResponse } from './route.ts';
import type { AdminRequest, AdminResponse, FoundRoute, Route, RouteTable } from './route.ts';
import { isSameSite } from './same-site.ts';

/** Probes and scrapers send a few hundred bytes, a browser a KiB or two, and a cursor may have six. */
const MAX_HEADER_BYTES = 12 * 1024;
/** A kubelet, two Prometheus servers and a few people. */
const MAX_CONNECTIONS = 64;
/** What takes longer to send a request of a few lines is not one of those. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Above the usual scrape and probe intervals of 10 to 15 s a connection is not worth keeping. */
const KEEP_ALIVE_TIMEOUT_MS = 20_000;
/** How often Node looks for requests that are too slow. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

const NO_BODY = new Uint8Array(0);

export interface HttpServerOptions {
  /** `HOST:PORT`, port 0 for any free one. */
  readonly address: string;
  readonly routes: RouteTable;
  /** Answer only requests whose Host header names this machine. */
  readonly loopbackHostOnly: boolean;
  /** Absent: everybody who reaches it may ask. */
  readonly access?: Access;
  /** Absent: plain HTTP. */
  readonly tls?: ServerTls | null;
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
  const bounds: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    requireHostHeader: true,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void answer(request, response, options);
  const tls = options.tls ?? null;
  let server: Server | TlsServer;
  if (tls === null) server = createServer(bounds, listener);
  else {
    const secure = createTlsServer({ ...bounds, ...tls.options, handshakeTimeout: REQUEST_TIMEOUT_MS }, listener);
    tls.follow((changed) => secure.setSecureContext(changed));
    // A handshake that fails is the client's affair.
    secure.on('tlsClientError', (_, socket) => socket.destroy());
    server = secure;
  }
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
    close: (timeoutMs = 1_000) => {
      tls?.stop();
      return closeServer(server, timeoutMs);
    },
  };
}

function closeServer(server: Server | TlsServer, timeoutMs: number): Promise<void> {
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
  const url = request.url ?? '';
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const found = findRoute(options.routes, path);
  let result: AdminResponse;
  try {
    const query = new URLSearchParams(question === -1 ? '' : url.slice(question));
    result = await respond(request, path, query, found, options);
  } catch (error) {
    result = failed(error, found, options);
  }
  send(request, response, result);
}

function failed(error: unknown, found: FoundRoute | null, { onError }: HttpServerOptions): AdminResponse {
  if (!(error instanceof HttpError)) onError(error);
  const told = error instanceof HttpError ? error : new HttpError(500, 'internal', 'internal error');
  if (found?.route.api === true) return errorResponse(told);
  return { ...textResponse(told.status, told.message), headers: told.headers };
}

/** @throws {@link HttpError} for whatever is not answered */
async function respond(
  request: IncomingMessage,
  path: string,
  query: URLSearchParams,
  found: FoundRoute | null,
  { loopbackHostOnly, access, tls }: HttpServerOptions,
): Promise<AdminResponse> {
  const { headers, socket } = request;
  if (loopbackHostOnly && !isLoopbackHostHeader(headers.host)) {
    access?.count('wrongHost');
    throw new HttpError(421, 'wrong-host', 'ask for this server by a loopback name');
  }
  if (tls != null && !tls.admits(certificateOf(socket)))
    throw new HttpError(403, 'client-not-allowed', 'the client certificate is not on the list of allowed clients');
  const api = found?.route.api === true;
  if (api && !isSameSite(headers, tls != null)) {
    access?.count('crossSite');
    throw new HttpError(403, 'cross-site', 'pages of other sites may not ask');
  }
  // Before a path says that it is not there, whoever asks has to be somebody.
  if (found?.route.open !== true) access?.admit(headers.authorization, socket.remoteAddress ?? '', api);
  const method = methodOf(request.method);
  const handler = found === null ? undefined : handlerOf(found.route, method);
  if (found === null) throw new HttpError(404, 'not-found', 'not found');
  if (method === null || handler === undefined) throw notThisMethod(found.route);
  const { accept = '' } = headers;
  const asked: Omit<AdminRequest, 'body'> = { method, path, parameter: found.parameter, query, accept };
  if (method === 'POST') {
    const { post } = found.route;
    return handler({ ...asked, body: await readBody(request, post!.maxBodyBytes) });
  }
  if (hasBody(request)) throw new HttpError(413, 'too-large', 'no request body');
  return handler({ ...asked, body: NO_BODY });
}

/** undefined: none was shown, which TypeScript does not know of. */
function certificateOf(socket: IncomingMessage['socket']): Uint8Array | undefined {
  return socket instanceof TLSSocket ? (socket.getPeerCertificate() as { readonly raw?: Buffer }).raw : undefined;
}

function methodOf(method: string | undefined): AdminRequest['method'] | null {
  return method === 'GET' || method === 'HEAD' || method === 'POST' ? method : null;
}

function handlerOf(route: Route, method: AdminRequest['method'] | null): Route['get'] {
  return method === 'POST' ? route.post?.handler : route.get;
}

function notThisMethod({ get, post }: Route): HttpError {
  const allowed = [...(get === undefined ? [] : ['GET', 'HEAD']), ...(post === undefined ? [] : ['POST'])];
  return new HttpError(405, 'wrong-method', `only ${allowed.join(' and ')}`, { allow: allowed.join(', ') });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function send(request: IncomingMessage, response: ServerResponse, result: AdminResponse): void {
  const { status, contentType, body, headers } = result;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...headers,
    // A body that is not read to its end would be taken for the next request.
    ...(hasBody(request) && !request.complete ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}
