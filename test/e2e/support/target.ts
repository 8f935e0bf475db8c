import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Certificate } from './certificates.ts';

/** Where clients connect to and who they are there. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** null: plaintext. */
  readonly tls: ClientTls | null;
}

export interface ClientTls {
  /** PEM of the authority that the server's certificate must come from. */
  readonly authority: string;
  /** The client's own certificate; null: it shows none. */
  readonly certificate: Certificate | null;
  /** SNI; null: none is sent. */
  readonly serverName: string | null;
}

/** An open connection, TLS handshake included. `protocol` is what ALPN offers. */
export function openSocket(target: Target, protocol: 'http/1.1' | 'h2'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, tls } = target;
    const socket =
      tls === null
        ? connectTcp({ host, port })
        : connectTls({
            host,
            port,
            ca: tls.authority,
            ...(tls.certificate === null ? {} : { cert: tls.certificate.certificate, key: tls.certificate.key }),
            ...(tls.serverName === null ? {} : { servername: tls.serverName }),
            ALPNProtocols: [protocol],
            // The chain is verified; the name is not: a mesh names servers by SPIFFE ID, not by host.
            checkServerIdentity: () => undefined,
          });
    socket.once('error', reject);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
