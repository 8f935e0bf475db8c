/** A server with a front door of its own, in one process. */
import { openFrontDoor } from './front-door.ts';
import type { ListenAt, Listener, TransportLog, TransportServer } from './transport.ts';

/** Throws {@link ListenError}; the server is closed then. */
export async function listen(server: TransportServer, at: ListenAt, log: TransportLog): Promise<Listener> {
  try {
    const door = await openFrontDoor(at, log, (socket) => server.adopt(socket));
    return {
      address: door.address,
      counts: () => server.counts(),
      drain: (timeoutMs) => {
        door.close();
        return server.drain(timeoutMs);
      },
    };
  } catch (error) {
    await server.drain(0);
    throw error;
  }
}
