import type { SocketServer } from './socket-server.ts';

/** A connection that can be asked to end when its calls have. */
interface Leaving {
  /** `noticeTimeoutMs`: how long the peer may take to notice. */
  leave(noticeTimeoutMs: number): void;
}

/** Resolves when every connection is closed, or was torn down after `timeoutMs`. */
export async function drain(
  server: SocketServer,
  connections: ReadonlySet<Leaving>,
  noticeTimeoutMs: number,
  timeoutMs: number,
): Promise<void> {
  const closed = server.close();
  for (const connection of connections) connection.leave(noticeTimeoutMs);
  const timer = setTimeout(() => server.destroyConnections(), timeoutMs);
  await closed;
  clearTimeout(timer);
}
