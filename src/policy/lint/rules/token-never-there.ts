import { groupsOfTokensOnly, mayShareWorkload, tokenQuestions, tokenTemplates } from '../tokens.ts';
import type { LintRule } from '../rule.ts';

/** A rule that looks at a token where nobody verifies any: there never is one. */
export const tokenNeverThere: LintRule = {
  code: 'token-never-there',
  severity: 'warning',
  *findings({ set, options }) {
    if (options.jwtMetadata !== '') return;
    const tokenGroups = groupsOfTokensOnly(set);
    for (const policy of set.policies) {
      if (set.authentications.some((each) => mayShareWorkload(policy, each, options))) continue;
      for (const rule of policy.rules) {
        const uses = [...tokenQuestions(rule, policy.namespace, tokenGroups)];
        if (rule.respond !== null) uses.push(...tokenTemplates(rule.respond));
        for (const [position, what] of uses) {
          yield {
            position,
            message: `${what} is asked for, and there never is a verified token`,
            hint: 'say who issues tokens with an IdentityProvider or RequestAuthentication, or let Envoy verify them and set `identity.jwtMetadata`, e.g. to `envoy.filters.http.jwt_authn`',
          };
        }
      }
    }
  },
};
