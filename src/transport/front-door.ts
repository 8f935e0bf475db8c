/**
 * Where connections come in: a TCP or Unix socket on which they are accepted, and nothing more. Who takes them may be another
 * process, so nothing is read of them here.
 */
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { UNIX_SOCKET_MODE } from './limits.ts';
import { formatBoundAddress, parseListenAddress } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { ListenError } from './transport.ts';
import type { ListenAt, TransportLog } from './transport.ts';
import { clearStaleSocket } from './unix-socket.ts';

export interface FrontDoor {
  /** As in {@link ListenAt.address}, with the real port. */
  readonly address: string;
  /** Takes no new connections, and removes its Unix socket. Those that were handed on go on. */
  close(): void;
}

/**
 * Gives each connection to `take`, paused: for `TransportServer.adopt` here, or for `child.send` to one elsewhere.
 * Throws {@link ListenError}.
 */
export async function openFrontDoor(
  at: ListenAt,
  log: TransportLog,
  take: (socket: Socket) => void,
): Promise<FrontDoor> {
  const address = parseListenAddress(at.address);
  const server = createServer({ pauseOnConnect: true }, take);
  await bind(server, address, at.unixSocketMode ?? UNIX_SOCKET_MODE);
  server.on('error', (error) => log('error', 'listener failed', { error: error.message }));
  return {
    address: formatBoundAddress(address, server.address()),
    close: () => server.close(),
  };
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
