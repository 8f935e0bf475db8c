import { createServer } from 'node:net';

/**
 * Below Linux's ephemeral range (32768 and up), so that no outgoing connection of the tests takes the
 * port between this look and the moment its owner binds it.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** Far more than ever needed; bounds the search on a machine whose range is full. */
const MAX_TRIES = 200;

const given = new Set<number>();

/** A TCP port that is free on 127.0.0.1 now and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (!given.has(port) && (await canBind(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${String(FIRST_PORT)} and ${String(LAST_PORT)}`);
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
