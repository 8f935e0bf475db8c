/** What the policy language has to know of the service configuration. Names are the configuration's keys. */
export interface LanguageOptions {
  /** Policies of this namespace apply to the whole mesh. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** A set without any policy is meant. */
  readonly allowEmpty: boolean;
  /** `identity.jwtMetadata`: where verified claims come from; empty: there are none. */
  readonly jwtMetadata: string;
  /** `clientIp` is written in the configuration, not left to its default. */
  readonly remoteIpConfigured: boolean;
  /** `clientIp.xffTrustedHops`, for lint: above 0 the direct peer is a proxy. */
  readonly xffTrustedHops?: number;
}
