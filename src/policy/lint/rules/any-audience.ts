import type { LintRule } from '../rule.ts';

/** Without audiences a token that the issuer made for any other service is taken, and that service can use it here. */
export const anyAudience: LintRule = {
  code: 'any-audience',
  severity: 'warning',
  *findings({ set }) {
    for (const { kind, namespace, name, providers, position } of set.authentications) {
      if (kind !== 'RequestAuthentication') continue;
      const open = providers.filter((provider) => provider.type === 'jwt' && provider.audiences.length === 0);
      if (open.length === 0) continue;
      const issuers = open.map(({ issuer }) => (issuer === '' ? 'any issuer' : `\`${issuer}\``)).join(', ');
      yield {
        position,
        message: `the RequestAuthentication \`${namespace}/${name}\` takes tokens for any audience, of ${issuers}`,
        hint: 'name this service in `audiences` of the rule',
      };
    }
  },
};
