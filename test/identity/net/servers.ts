/** Real servers on loopback, and what asks them. */
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FETCH_SETTINGS } from '../../../src/identity/net/fetch-settings.ts';
import type { FetchSettings } from '../../../src/identity/net/fetch-settings.ts';
import { GuardedFetch } from '../../../src/identity/net/guarded-fetch.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export const HOST = 'issuer.test';
export const authority = createAuthority('issuers');
export const certificate = authority.issue({ dnsNames: [HOST], addresses: ['127.0.0.1'] });

export interface TestServer {
  /** `https://issuer.test:PORT`, or `http://…`. */
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Method and path of each request so far. */
  readonly seen: string[];
  readonly connections: () => number;
  handler: Handler;
  close(): Promise<void>;
}

export async function startServer(
  handler: Handler,
  options: {
    readonly tls?: { readonly certificate: string; readonly key: string } | null;
    readonly port?: number;
  } = {},
): Promise<TestServer> {
  const { tls = certificate, port: wanted = 0 } = options;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      started.seen.push(`${request.method!} ${request.url!}`);
      started.handler(request, response, Buffer.concat(chunks).toString());
    });
  };
  const server = tls === null ? createHttp(onRequest) : createHttps({ cert: tls.certificate, key: tls.key }, onRequest);
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const started: TestServer = {
    url: `${tls === null ? 'http' : 'https'}://${HOST}:${port}`,
    port,
    server,
    seen: [],
    connections: () => connections,
    handler,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return started;
}

export function json(value: unknown): Handler {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };
}

/** Files that a test needs, in a folder of its own. */
export function testFiles(): { write(name: string, text: string): string; remove(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'));
  return {
    write: (name, text) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Every name is this machine; the test's own authority is trusted; loopback may be dialled, unless said otherwise. */
export function localFetch(
  caFile: string,
  settings: Partial<FetchSettings> = {},
  addresses: readonly string[] = ['127.0.0.1'],
): GuardedFetch {
  return new GuardedFetch(
    () => ({ ...DEFAULT_FETCH_SETTINGS, allowLoopback: true, caFile, ...settings }),
    (_hostname, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
  );
}
