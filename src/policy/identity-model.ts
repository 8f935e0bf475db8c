/**
 * What policies say about proofs of identity: who issues tokens and keys, where a request carries them, and how
 * they are verified. Plain, frozen data like `model.ts`; strings are JavaScript strings as written.
 */
import type { Position } from '../lib/diagnostic.ts';

/**
 * One object of the files that says how callers of some workloads prove who they are. It attaches to workloads as
 * policies do (istio.io/istio pilot/pkg/model/policyattachment.go).
 */
export interface Authentication {
  readonly kind: 'RequestAuthentication' | 'IdentityProvider';
  readonly namespace: string;
  readonly name: string;
  readonly matchLabels: ReadonlyMap<string, string>;
  readonly targetGateways: readonly string[] | null;
  /** One for each `jwtRules` entry of a RequestAuthentication; one of an IdentityProvider. */
  readonly providers: readonly Provider[];
  readonly position: Position;
}

export type Provider = JwtProvider | IntrospectionProvider | ApiKeyProvider;

interface ProviderCommon {
  /** `namespace/name`, with `[i]` behind it for a RequestAuthentication: part of cache keys, logs and metrics. */
  readonly id: string;
  readonly locations: ProofLocations;
  /** The proof stays in the request when it goes on to the upstream. */
  readonly forwardOriginal: boolean;
}

/** Where a proof is looked for. All empty: the defaults of the kind. */
export interface ProofLocations {
  /** `name` in lower case; the value without `prefix` is the proof. */
  readonly headers: readonly { readonly name: string; readonly prefix: string }[];
  readonly params: readonly string[];
  readonly cookies: readonly string[];
}

export interface JwtProvider extends ProviderCommon {
  readonly type: 'jwt';
  /** `istio`: what Envoy's jwt_authn does with Istio's configuration. `strict`: threat-model rules (IdentityProvider). */
  readonly profile: 'istio' | 'strict';
  /** Exact; empty (`istio` only): any. */
  readonly issuer: string;
  /** A token must be for one of these; empty (`istio` only): not looked at. */
  readonly audiences: readonly string[];
  readonly keys: KeyOrigin;
  /** JWS algorithms (RFC 7518, RFC 8037) that are taken; asymmetric ones only. */
  readonly algorithms: readonly string[];
  readonly clockSkewSeconds: number;
  /** Claims that must be there, besides those that are checked. */
  readonly requiredClaims: readonly string[];
  /** Header `typ`, compared without case and without `application/`; null: not looked at. */
  readonly typ: string | null;
  /** Since `iat`; null: no limit. */
  readonly maxAgeSeconds: number | null;
  /** Proof of possession. `certificate`: RFC 8705 `cnf.x5t#S256`. `dpop`: RFC 9449 `cnf.jkt`. */
  readonly binding: 'none' | 'certificate' | 'dpop';
  /** Claims split at spaces into lists, besides `scope` and `permission`. */
  readonly spaceDelimitedClaims: readonly string[];
  /** Header that gets the base64url payload; lower case; null: none. */
  readonly outputPayloadToHeader: string | null;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
}

/** `timeoutMs`: of one fetch, 1 to 60,000; absent: the configured time. */
export type KeyOrigin =
  | { readonly from: 'inline'; /** JSON text of a JWK Set. */ readonly jwks: string }
  | { readonly from: 'uri'; readonly uri: string; readonly timeoutMs?: number }
  /** `issuer` + `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4). */
  | { readonly from: 'discovery'; readonly uri: string; readonly timeoutMs?: number };

/** RFC 7662. */
export interface IntrospectionProvider extends ProviderCommon {
  readonly type: 'introspection';
  readonly endpoint: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly requiredScopes: readonly string[];
  /** Name of an entry of the configuration's `identity.clients`: secrets are never in policies. */
  readonly client: string;
  readonly maxCacheSeconds: number;
  readonly spaceDelimitedClaims: readonly string[];
}

export interface ApiKeyProvider extends ProviderCommon {
  readonly type: 'apiKey';
  readonly issuer: string;
  readonly keys: readonly ApiKey[];
}

/** A key by its hash: the key itself is never in a file. */
export interface ApiKey {
  readonly id: string;
  /** Becomes the subject: `requestPrincipals` sees `issuer/owner`. */
  readonly owner: string;
  /** SHA-256 of the key, 64 hexadecimal digits. Several: rotation by overlap. */
  readonly sha256: readonly string[];
  /** Become claims of that name. */
  readonly labels: ReadonlyMap<string, string>;
  /** Milliseconds since the epoch. */
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  readonly position: Position;
}
