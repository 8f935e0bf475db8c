import { mayShareWorkload } from '../tokens.ts';
import type { LintRule } from '../rule.ts';

/**
 * A request principal is split at its last slash, so the subject of one can have none: what was meant as a subject with
 * slashes (a SPIFFE ID, a repository) is taken for a longer issuer, which nobody is.
 */
export const subjectWithSlash: LintRule = {
  code: 'subject-with-slash',
  severity: 'warning',
  *findings({ set, options }) {
    for (const policy of set.policies) {
      const issuers = set.authentications
        .filter((each) => mayShareWorkload(policy, each, options))
        .flatMap(({ providers }) => providers.map(({ issuer }) => issuer))
        .filter((issuer) => issuer !== '');
      for (const { from } of policy.rules)
        for (const { is, not } of from ?? [])
          for (const list of [is.requestPrincipals, not.requestPrincipals])
            for (const value of list?.values ?? []) {
              const issuer = value.slice(0, value.lastIndexOf('/'));
              if (value.startsWith('*') || issuers.includes(issuer)) continue;
              const meant = issuers.find((known) => issuer.startsWith(`${known}/`));
              if (meant === undefined) continue;
              yield {
                position: list!.position,
                message: `\`${value}\` is split at its last slash, and no token is of the issuer \`${issuer}\``,
                hint: `for subjects with slashes of \`${meant}\`, name them in a PrincipalGroup's \`subjects\`, or compare \`request.auth.claims[sub]\` in \`when\``,
              };
            }
    }
  },
};
