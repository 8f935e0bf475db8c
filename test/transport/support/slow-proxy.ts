import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface SlowProxy {
  /** `HOST:PORT` of the near end. */
  readonly address: string;
  close(): void;
}

/** A network with a latency: what crosses it is `delayMs` late in both directions, and in order. */
export async function openSlowProxy(target: string, delayMs: number): Promise<SlowProxy> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs));
      from.on('end', () => setTimeout(() => to.end(), delayMs));
      from.on('error', () => undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
