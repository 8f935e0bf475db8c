import { createAuthority, spiffeId, type Certificate, type LeafOptions } from './certificates.ts';
import type { ListenerOptions } from './envoy-config.ts';
import type { ClientTls } from './target.ts';

/** Two trust domains, as in a mesh that lets a partner in: each with its own authority, both trusted by Envoy. */
const authorities = {
  'cluster.local': createAuthority('root of cluster.local'),
  'partner.example': createAuthority('root of partner.example'),
};

const trusted = Object.values(authorities).map((authority) => authority.certificate);

export type TrustDomain = keyof typeof authorities;

export function certificateOf(trustDomain: TrustDomain, options: LeafOptions): Certificate {
  return authorities[trustDomain].issue(options);
}

/** TLS settings of a listener that is the workload `account` of `namespace`. */
export function serverTls(namespace: string, account: string): NonNullable<ListenerOptions['tls']> {
  return {
    certificate: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', namespace, account)] }),
    clientAuthorities: trusted,
  };
}

/** A client with this certificate. */
export function clientWith(certificate: Certificate | null, serverName: string | null = 'shop.example'): ClientTls {
  return { authority: trusted.join(''), certificate, serverName };
}

/** A client that is the account `account` of `namespace`. */
export function clientOf(namespace: string, account: string, trustDomain: TrustDomain = 'cluster.local'): ClientTls {
  return clientWith(certificateOf(trustDomain, { uris: [spiffeId(trustDomain, namespace, account)] }));
}
