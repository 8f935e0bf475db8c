/** What is made of a request's proofs: the one value that the decision sees. */
import type { webcrypto } from 'node:crypto';
import type { ClaimMap } from '../attributes/claim.ts';

export type Authenticated =
  /** No proof of any provider was sent: no request principal. */
  | { readonly outcome: 'none' }
  | VerifiedProof
  /** A proof was sent and is not good: 401. `description` tells the caller nothing secret (RFC 6750 §3). */
  | { readonly outcome: 'invalid'; readonly error: 'invalid_request' | 'invalid_token'; readonly description: string }
  /** It cannot be told now (no keys yet, no answer): 503, never an allow. */
  | { readonly outcome: 'unavailable'; readonly provider: string };

export interface VerifiedProof {
  readonly outcome: 'verified';
  /** Id of the provider that vouches. */
  readonly provider: string;
  readonly claims: ClaimMap;
  /** Nothing may rest on this proof any longer, milliseconds since the epoch. */
  readonly untilMs: number;
  /** Of the provider: `sub`, `iss`, `jti` and `iat` as revocation needs them are in the claims. */
  readonly payload: string;
}

/** Keys that signatures are verified with, of one provider. */
export interface KeySource {
  /** Without waiting; null: none yet. */
  readonly current: KeySet | null;
  /** Waits for the first keys, at most the configured time. Never rejects; null: still none. */
  ready(): Promise<KeySet | null>;
  /** The keys after a refresh, which happens at most once a cool-down and once at a time. Never rejects. */
  refresh(): Promise<KeySet | null>;
}

export interface KeySet {
  /** Changes whenever any key does: what was verified with a key that is gone is looked at again. */
  readonly version: number;
  /**
   * Keys that fit the algorithm by type, curve, `use`, `key_ops` and `alg`; with `kid`, only keys of that id or, where
   * none has it, those without an id.
   */
  find(kid: string | null, algorithm: string): readonly webcrypto.CryptoKey[];
}
