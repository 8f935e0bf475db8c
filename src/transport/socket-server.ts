/**
 * The sockets under a transport, plaintext or TLS. What arrives in `accept` is a byte stream of a peer that has proven who it
 * is, if it had to.
 */
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Counters } from './counts.ts';
import { TLS_HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { compileAllowList } from './tls/allow-list.ts';
import type { AllowList } from './tls/allow-list.ts';
import { CredentialsError, readCredentials } from './tls/credentials.ts';
import { credentialsSignature, watchCredentials } from './tls/credentials-watch.ts';
import { ListenError } from './transport.ts';
import type { TlsOptions, TransportLog } from './transport.ts';

export interface Peer {
  /** DER; null without mutual TLS. */
  readonly certificate: Uint8Array | null;
  /** Whether its certificate is on the allow-list; true without one. */
  readonly allowed: boolean;
}

export interface SocketServer {
  /** As {@link TransportServer.adopt}. */
  adopt(socket: Socket): void;
  /** Takes no new connections; resolves when those that are open have closed. */
  close(): Promise<void>;
  /** Tears down every connection. */
  destroyConnections(): void;
}

export interface SocketServerOptions {
  readonly tls: TlsOptions | null;
  readonly certificatePollMs: number;
  readonly maxConnections: number;
  readonly counters: Counters;
  readonly log: TransportLog;
  readonly accept: (socket: Socket, peer: Peer) => void;
}

/** RFC 9113 §3.2: the name of HTTP/2 over TLS in the ALPN extension. */
const ALPN_H2 = 'h2';
const ANYBODY: Peer = { certificate: null, allowed: true };

/** Throws {@link ListenError}. */
export async function openSocketServer(options: SocketServerOptions): Promise<SocketServer> {
  const { tls, accept, maxConnections, counters } = options;
  const { take, stop } =
    tls === null
      ? { take: (socket: Socket) => accept(socket, ANYBODY), stop: () => undefined }
      : await openTls(tls, options);

  // The sockets below TLS, too: a connection that never ends its handshake is one.
  const connections = new Set<Socket>();
  let closed: (() => void) | null = null;

  return {
    adopt: (socket) => {
      if (closed !== null) {
        socket.destroy();
        return;
      }
      counters.connectionsAccepted++;
      if (connections.size >= maxConnections) {
        counters.fault('too_many_connections');
        socket.destroy();
        return;
      }
      counters.connectionsOpen++;
      connections.add(socket);
      socket.once('close', () => {
        connections.delete(socket);
        counters.connectionsOpen--;
        if (connections.size === 0) closed?.();
      });
      socket.setNoDelay(true);
      take(socket);
      // The front door had stopped it.
      if (tls === null) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        stop();
        closed = resolve;
        if (connections.size === 0) resolve();
      }),
    destroyConnections: () => {
      for (const socket of connections) socket.destroy();
    },
  };
}

async function openTls(
  tls: TlsOptions,
  options: SocketServerOptions,
): Promise<{ take: (socket: Socket) => void; stop: () => void }> {
  const { accept, counters, log } = options;
  if (tls.allowedClients.length > 0 && tls.clientCaFile === null) {
    throw new ListenError(
      'bad-allowed-client',
      'allowed clients need a CA file: without it no client proves who it is',
    );
  }
  const isAllowed = compileAllowList(tls.allowedClients);
  const seen = await credentialsSignature(tls);
  const { context } = await readCredentials(tls, Date.now()).catch((error: unknown) => {
    if (!(error instanceof CredentialsError)) throw error;
    throw new ListenError('bad-certificate-files', error.message, { cause: error });
  });
  const mutual = tls.clientCaFile !== null;
  const server: TlsServer = createTlsServer(
    {
      ...context,
      ALPNProtocols: [ALPN_H2],
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      requestCert: mutual,
      rejectUnauthorized: true,
    },
    (socket) => {
      if (socket.alpnProtocol !== ALPN_H2) {
        counters.fault('handshake');
        log('debug', 'peer speaks no HTTP/2', { peer: socket.remoteAddress });
        socket.destroy();
        return;
      }
      const peer = mutual ? identify(socket, isAllowed, log) : ANYBODY;
      if (!peer.allowed) counters.connectionsNotAllowed++;
      accept(socket, peer);
    },
  );
  // Who is turned away here is told so by TLS; the log is for the operator who wonders why.
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    log('debug', 'TLS handshake failed', { peer: socket.remoteAddress, code: error.code, error: error.message });
    // A peer that has left, as a probe of an open port does, is not closed by us.
    if (error.code !== 'ECONNRESET') counters.fault('handshake');
    // Node does so itself after every failure but one: a handshake that took too long.
    socket.destroy();
  });
  // A new context has new session-ticket keys, so that nobody resumes past the new CA file. Open connections go on.
  const watch = watchCredentials(tls, seen, options.certificatePollMs, log, (credentials) =>
    server.setSecureContext(credentials.context),
  );
  // As its documentation has it, this event may be emitted by others: the server itself never listens.
  return { take: (socket) => server.emit('connection', socket), stop: () => watch.stop() };
}

function identify(socket: TLSSocket, isAllowed: AllowList, log: TransportLog): Peer {
  const certificate = socket.getPeerX509Certificate()?.raw ?? null;
  const allowed = certificate !== null && isAllowed(certificate);
  if (!allowed) log('warn', 'peer is not on the list of allowed clients', { peer: socket.remoteAddress });
  return { certificate, allowed };
}
