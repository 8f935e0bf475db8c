import type { LintRule } from '../rule.ts';
import { groupsOfTokensOnly, mayShareWorkload, tokenQuestions } from '../tokens.ts';

/**
 * Tokens are verified and no policy asks for one. A bad token is refused, a missing one passes: that a
 * RequestAuthentication keeps out whoever has none is the mistake that Istio's documentation warns of.
 */
export const tokenNotRequired: LintRule = {
  code: 'token-not-required',
  severity: 'warning',
  *findings({ set, options }) {
    const tokenGroups = groupsOfTokensOnly(set);
    const asking = new Set(
      set.policies
        .filter(({ mode }) => mode === 'enforce')
        .filter(({ rules, namespace }) =>
          rules.some((rule) => !tokenQuestions(rule, namespace, tokenGroups).next().done),
        )
        .map(({ namespace }) => namespace),
    );
    for (const authentication of set.authentications) {
      const { kind, namespace, name, providers, position } = authentication;
      if (providers.length === 0) continue;
      if ([...asking].some((each) => mayShareWorkload({ namespace: each }, authentication, options))) continue;
      yield {
        position,
        message: `no policy asks for what the ${kind} \`${namespace}/${name}\` verifies: requests without any proof pass`,
        hint: 'add `requestPrincipals: ["*"]` to the sources that have to prove who they are',
      };
    }
  },
};
