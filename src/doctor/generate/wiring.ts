/** What `portcullis envoy-config` is asked for. */
import type { TcpAddress } from '../../config/address.ts';

export interface Wiring {
  readonly address: TcpAddress | { readonly path: string };
  readonly timeoutMs: number;
  /** null: plaintext, on this host only. */
  readonly tls: WiringTls | null;
  /** Metadata namespace with claims that Envoy verified; empty: Portcullis verifies tokens. */
  readonly jwtMetadata: string;
  /** Proxies of one's own in front of Envoy; null: addresses of clients are left as they are. */
  readonly clientIpHops: number | null;
}

export interface WiringTls {
  readonly caFile: string;
  /** What Envoy shows: both or none. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** The name that the certificate of Portcullis must have: a SPIFFE ID, a DNS name or an IP address. */
  readonly peerName: string;
}
