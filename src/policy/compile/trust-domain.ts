/**
 * Trust-domain aliases, as Istio rewrites them at translation (istio.io/istio
 * pilot/pkg/security/trustdomain/bundle.go).
 */
export interface TrustDomains {
  /** Our own trust domain and its aliases. */
  readonly ours: ReadonlySet<string>;
  /** `td/ns/x/sa/y` → one value for each of our trust domains, when `td` is one of ours (or a pattern for one). */
  expandPrincipal(value: string): readonly string[];
  /** Exactly one of ours → all of ours; anything else stays. */
  expandTrustDomain(value: string): readonly string[];
}

/** The name that policies may always use for the mesh's own trust domain. */
const MESH_LOCAL = 'cluster.local';

export function trustDomains(trustDomain: string, aliases: readonly string[]): TrustDomains {
  const all = [trustDomain, ...aliases.filter((alias) => alias !== trustDomain)];
  const ours = new Set(all);
  return {
    ours,
    expandPrincipal(value) {
      const parts = value.split('/');
      const domain = parts[0]!;
      if (parts.length !== 5 || domain === '*') return [value];
      if (!ours.has(domain) && domain !== MESH_LOCAL && !all.some((own) => suffixMatches(domain, own))) return [value];
      const path = parts.slice(1).join('/');
      // A pattern stays for the trust domain that it fits; for the others the name itself stands.
      return [...new Set(all.map((own) => `${suffixMatches(domain, own) ? domain : own}/${path}`))];
    },
    expandTrustDomain(value) {
      return ours.has(value) ? all : [value];
    },
  };
}

/** `*-suffix` fits a trust domain that ends so. */
function suffixMatches(pattern: string, domain: string): boolean {
  return pattern.startsWith('*') && domain.endsWith(pattern.slice(1));
}
