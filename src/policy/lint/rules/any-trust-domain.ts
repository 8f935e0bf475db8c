import type { PolicySet, Source } from '../../model.ts';
import type { LanguageOptions } from '../../options.ts';
import type { LintRule } from '../rule.ts';

/**
 * A namespace or an account alone is that of any trust domain whose certificates Envoy takes. Told only
 * where more than one trust domain is in play: by aliases, or because a policy names another one.
 */
export const anyTrustDomain: LintRule = {
  code: 'any-trust-domain',
  severity: 'note',
  *findings({ set, options }) {
    if (!hasSeveralTrustDomains(set, options)) return;
    for (const policy of set.policies) {
      if (policy.kind !== 'AccessPolicy' || policy.action !== 'ALLOW') continue;
      for (const source of policy.rules.flatMap((rule) => rule.from ?? [])) {
        const list = source.is.namespaces ?? source.is.serviceAccounts;
        if (list === undefined || source.is.trustDomains !== undefined || source.is.principals !== undefined) continue;
        yield {
          position: list.position,
          message: 'namespaces and service accounts of every trust domain are meant here',
          hint: `add \`trustDomains: [${options.trustDomain}]\` to the source when only the own one is meant`,
        };
      }
    }
  },
};

function hasSeveralTrustDomains(set: PolicySet, options: LanguageOptions): boolean {
  const own = new Set([options.trustDomain, 'cluster.local', '*']);
  return (
    options.trustDomainAliases.length > 0 ||
    set.policies.some((policy) =>
      policy.rules.some((rule) =>
        (rule.from ?? []).some((source) => namedTrustDomains(source).some((name) => !own.has(name))),
      ),
    )
  );
}

function namedTrustDomains({ is, not }: Source): string[] {
  const ids = [...(is.principals?.values ?? []), ...(not.principals?.values ?? [])];
  const exact = ids.flatMap((id) => (id.startsWith('*') || !id.includes('/') ? [] : [id.slice(0, id.indexOf('/'))]));
  return [...exact, ...(is.trustDomains?.values ?? []), ...(not.trustDomains?.values ?? [])];
}
