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
 * What is known of the peer's certificate. From the certificate itself, or from what a trusted hop says of it, which
 * may be its hash alone: what is not known is null, or an empty list. All texts are byte strings.
 */
export interface CertificateFacts {
  /** SHA-256 of the DER; 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Lower-case hexadecimal digits, two a byte, without leading zero bytes. */
  readonly serial: string | null;
  /** RFC 4514 text (`CN=x,O=y`); empty for an empty name. */
  readonly issuer: string | null;
  readonly subject: string | null;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number | null;
  readonly notAfterMs: number | null;
  /** Subject alternative names by type, in the order of the certificate. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Tells facts apart: equal for equal facts only. Part of cache keys where a rule reads any of them. */
  readonly key: string;
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
  /** Null: the peer has none, or nobody said anything of it. */
  readonly certificate: CertificateFacts | null;
  /** Tells identities apart: equal for equal `names` and `uris` only. It says nothing of `certificate`. */
  readonly key: string;
}

export const NO_PEER: PeerIdentity = {
  names: [],
  uris: [],
  spiffeIds: [],
  spiffeId: null,
  certificate: null,
  key: '',
};

/** There is a proof, and it cannot be read: nobody for an ALLOW, and for a DENY it may be anybody. */
export const UNREADABLE_PEER: PeerIdentity = { ...NO_PEER, key: '!' };
