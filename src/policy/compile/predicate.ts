/**
 * One field of a rule, compiled: which attribute it looks at and what it wants to find there.
 *
 * Plain data. {@link holds} is the only place that gives it meaning.
 */
import type { Cidr } from '../../attributes/address.ts';
import type { CompiledGroup } from './group.ts';
import type { MetadataMatcher } from '../../matcher/metadata.ts';
import type { PathSet } from '../../matcher/path.ts';
import type { PeerMatcher } from '../../matcher/peer.ts';
import type { RequestPrincipalMatcher } from '../../matcher/request-principal.ts';
import type { ValueSet } from '../../matcher/value-set.ts';

/** Istio: AuthorizationPolicy, as Envoy's RBAC filter reads it. Access: AccessPolicy, matched safely. */
export type Dialect = 'istio' | 'access';

export type Test =
  /** Istio's peer fields: patterns over every name of the peer, each of which is about one part of it. */
  | { readonly attribute: 'peer'; readonly part: SpiffePart; readonly matchers: readonly PeerMatcher[] }
  /** AccessPolicy's peer fields: one part of a strict SPIFFE ID. */
  | { readonly attribute: 'spiffe'; readonly part: SpiffePart; readonly values: ValueSet }
  | { readonly attribute: 'groups'; readonly groups: readonly CompiledGroup[] }
  | { readonly attribute: 'requestPrincipal'; readonly matchers: readonly RequestPrincipalMatcher[] }
  | { readonly attribute: 'sourceIp' | 'remoteIp' | 'destinationIp'; readonly blocks: readonly Cidr[] }
  | { readonly attribute: 'destinationPort'; readonly ports: ReadonlySet<number> }
  | { readonly attribute: 'host'; readonly values: ValueSet }
  | { readonly attribute: 'method'; readonly values: ValueSet }
  | { readonly attribute: 'path'; readonly paths: PathSet }
  | { readonly attribute: 'sni'; readonly values: ValueSet }
  | { readonly attribute: 'header'; readonly name: string; readonly values: ValueSet }
  | { readonly attribute: 'claim'; readonly path: readonly string[]; readonly values: ValueSet }
  | {
      readonly attribute: 'metadata';
      readonly filter: string;
      readonly path: readonly string[];
      readonly matchers: readonly MetadataMatcher[];
    };

export type SpiffePart = 'id' | 'namespace' | 'serviceAccount' | 'trustDomain';

export interface Predicate {
  readonly test: Test;
  readonly dialect: Dialect;
  /** A `notX` field: holds when nothing matches. */
  readonly negated: boolean;
  /** Where it stands in its rule, e.g. `from[0].source.notPrincipals`. */
  readonly field: string;
  /** What was written, for reports. */
  readonly wanted: readonly string[];
}
