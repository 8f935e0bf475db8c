/** The connections of a transport, from their sockets to their last goodbye: what is the same whatever speaks on them. */
import type { Socket } from 'node:net';
import { LEAVE_NOTICE_TIMEOUT_MS } from './limits.ts';
import { openSocketServer } from './socket-server.ts';
import type { Peer, SocketServerOptions } from './socket-server.ts';
import type { TransportServer } from './transport.ts';

export interface Leaving {
  /** Ends when its calls have. `noticeTimeoutMs`: how long the peer may take to notice. */
  leave(noticeTimeoutMs: number): void;
}

export interface ServerOptions<Connection extends Leaving> extends Omit<SocketServerOptions, 'accept'> {
  readonly connect: (socket: Socket, peer: Peer) => Connection;
  /** Bytes that are held for the peers of these. */
  readonly heldBytes: (connections: ReadonlySet<Connection>) => number;
}

/** Throws {@link ListenError}. */
export async function openServer<Connection extends Leaving>({
  connect,
  heldBytes,
  ...options
}: ServerOptions<Connection>): Promise<TransportServer> {
  const connections = new Set<Connection>();
  let draining: Promise<void> | null = null;
  let noticeTimeoutMs = LEAVE_NOTICE_TIMEOUT_MS;

  const accept = (socket: Socket, peer: Peer): void => {
    const connection = connect(socket, peer);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
    // It was in its handshake when the drain began.
    if (draining !== null) connection.leave(noticeTimeoutMs);
  };
  const sockets = await openSocketServer({ ...options, accept });

  async function drain(timeoutMs: number): Promise<void> {
    // A peer that does not react must not use up the time of the calls in flight.
    noticeTimeoutMs = Math.min(LEAVE_NOTICE_TIMEOUT_MS, timeoutMs / 2);
    const closed = sockets.close();
    for (const connection of connections) connection.leave(noticeTimeoutMs);
    const timer = setTimeout(() => sockets.destroyConnections(), timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  return {
    adopt: (socket) => sockets.adopt(socket),
    counts: () => options.counters.read(heldBytes(connections)),
    drain: (timeoutMs) => (draining ??= drain(timeoutMs)),
  };
}
