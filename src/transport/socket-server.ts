/**
 * The sockets under a transport: TCP or Unix, plaintext or TLS. What arrives in `accept` is a byte stream of a peer
 * that has proven who it is, if it had to.
 */
import { chmod } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { TLS_HANDSHAKE_TIMEOUT_MS, UNIX_SOCKET_MODE } from './limits.ts';
import { formatBoundAddress, parseListenAddress } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { compileAllowList } from './tls/allow-list.ts';
import type { AllowList } from './tls/allow-list.ts';
import { CredentialsError, readCredentials } from './tls/credentials.ts';
import { credentialsSignature, watchCredentials } from './tls/credentials-watch.ts';
import { ListenError } from './transport.ts';
import type { ListenOptions, TlsOptions, TransportLog } from './transport.ts';
import { clearStaleSocket } from './unix-socket.ts';

export interface Peer {
  /** DER; null without mutual TLS. */
  readonly certificate: Uint8Array | null;
  /** Whether its certificate is on the allow-list; true without one. */
  readonly allowed: boolean;
}

export interface SocketServer {
  /** As in {@link ListenOptions.address}, with the real port. */
  readonly address: string;
  /** Takes no new connections; resolves when those that are open have closed. */
  close(): Promise<void>;
  /** Tears down every connection. */
  destroyConnections(): void;
}

export interface SocketServerOptions {
  readonly listen: Pick<ListenOptions, 'address' | 'unixSocketMode' | 'tls'>;
  readonly certificatePollMs: number;
  readonly log: TransportLog;
  readonly accept: (socket: Socket, peer: Peer) => void;
}

/** RFC 9113 §3.2: the name of HTTP/2 over TLS in the ALPN extension. */
const ALPN_H2 = 'h2';
const ANYBODY: Peer = { certificate: null, allowed: true };

/** Throws {@link ListenError}. */
export async function openSocketServer(options: SocketServerOptions): Promise<SocketServer> {
  const { listen, log } = options;
  const address = parseListenAddress(listen.address);
  const { server, stop } = listen.tls === null ? openPlain(options) : await openTls(listen.tls, options);

  // The sockets below TLS, too: a connection that never ends its handshake is one.
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  try {
    await bind(server, address, listen.unixSocketMode ?? UNIX_SOCKET_MODE);
  } catch (error) {
    stop();
    throw error;
  }
  server.on('error', (error) => log('error', 'listener failed', { error: error.message }));

  return {
    address: formatBoundAddress(address, server.address()),
    close: () =>
      new Promise((resolve) => {
        stop();
        // An error only says that it was closed before.
        server.close(() => resolve());
      }),
    destroyConnections: () => {
      for (const socket of connections) socket.destroy();
    },
  };
}

interface OpenServer {
  readonly server: Server;
  readonly stop: () => void;
}

function openPlain({ accept }: SocketServerOptions): OpenServer {
  return { server: createTcpServer({ noDelay: true }, (socket) => accept(socket, ANYBODY)), stop: () => undefined };
}

async function openTls(tls: TlsOptions, options: SocketServerOptions): Promise<OpenServer> {
  const { accept, log } = options;
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
      noDelay: true,
      ALPNProtocols: [ALPN_H2],
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      requestCert: mutual,
      rejectUnauthorized: true,
    },
    (socket) => {
      if (socket.alpnProtocol !== ALPN_H2) {
        log('debug', 'peer speaks no HTTP/2', { peer: socket.remoteAddress });
        socket.destroy();
        return;
      }
      accept(socket, mutual ? identify(socket, isAllowed, log) : ANYBODY);
    },
  );
  // Who is turned away here is told so by TLS; the log is for the operator who wonders why.
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    log('debug', 'TLS handshake failed', { peer: socket.remoteAddress, code: error.code, error: error.message });
  });
  // A new context has new session-ticket keys, so that nobody resumes past the new CA file. Open connections go on.
  const watch = watchCredentials(tls, seen, options.certificatePollMs, log, (credentials) =>
    server.setSecureContext(credentials.context),
  );
  return { server, stop: () => watch.stop() };
}

function identify(socket: TLSSocket, isAllowed: AllowList, log: TransportLog): Peer {
  const certificate = socket.getPeerX509Certificate()?.raw ?? null;
  const allowed = certificate !== null && isAllowed(certificate);
  if (!allowed) log('warn', 'peer is not on the list of allowed clients', { peer: socket.remoteAddress });
  return { certificate, allowed };
}

async function bind(server: Server, address: ListenAddress, unixSocketMode: number): Promise<void> {
  if (address.kind === 'unix') await clearStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ListenError(code === 'EADDRINUSE' ? 'address-in-use' : 'address-not-usable', message, { cause: error });
  });
  // Until this line the process's umask holds, which commonly lets the owner alone connect.
  if (address.kind === 'unix') await chmod(address.path, unixSocketMode);
}
