/** A parsed SPIFFE ID (SPIFFE-ID §2). Made only by spiffe-id.ts. */
export interface SpiffeId {
  /** Without the scheme: `td/ns/x/sa/y`. */
  readonly id: string;
  readonly trustDomain: string;
  /** Of the Kubernetes form `/ns/NAMESPACE/sa/ACCOUNT`, exactly; null for any other path. */
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
}

/**
 * What the peer has proven, from its certificate or from the `principal` that Envoy made of it.
 *
 * Envoy puts into `source.principal` the first URI SAN, else the first DNS SAN, else the subject; only
 * the certificate shows all of them.
 */
export interface PeerIdentity {
  /** Every name, in Envoy's order: URI SANs, then DNS SANs, then the subject. Empty strings left out. */
  readonly names: readonly string[];
  /** URI SANs as they stand. */
  readonly uris: readonly string[];
  /** Those of `uris` that are SPIFFE IDs. */
  readonly spiffeIds: readonly SpiffeId[];
  /** Certain: exactly one URI SAN, and it is a SPIFFE ID. Null otherwise: no identity for an ALLOW. */
  readonly spiffeId: SpiffeId | null;
  /** Tells identities apart: equal for equal `names` and `uris` only. */
  readonly key: string;
}

export const NO_PEER: PeerIdentity = { names: [], uris: [], spiffeIds: [], spiffeId: null, key: '' };

/** There is a proof, and it cannot be read: nobody for an ALLOW, and for a DENY it may be anybody. */
export const UNREADABLE_PEER: PeerIdentity = { ...NO_PEER, key: '!' };
