import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface SlowProxy {
  /** `HOST:PORT` of the near end. */
  readonly address: string;
  /** Sends a FIN to the far end of each connection, and goes on to read from it. */
  halfClose(): void;
  close(): void;
}

/** A network with a latency: what crosses it is `delayMs` late in both directions, and in order. */
export async function openSlowProxy(target: string, delayMs: number): Promise<SlowProxy> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const sockets = new Set<Socket>();
  const farEnds = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    farEnds.add(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
      from.on('end', () => setTimeout(() => to.end(), delayMs));
      from.on('error', () => undefined);
      from.on('close', () => setTimeout(() => to.destroy(), delayMs));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    halfClose: () => farEnds.forEach((far) => far.end()),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
