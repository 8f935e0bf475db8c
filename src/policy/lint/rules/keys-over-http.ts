import type { Provider } from '../../identity-model.ts';
import type { LintRule } from '../rule.ts';

/** Whoever is on the way between here and there can put keys of their own in, and sign any token with them. */
export const keysOverHttp: LintRule = {
  code: 'keys-over-http',
  severity: 'warning',
  *findings({ set }) {
    for (const { kind, namespace, name, providers, position } of set.authentications) {
      for (const address of new Set(providers.flatMap(addresses))) {
        if (!/^http:/i.test(address)) continue;
        yield {
          position,
          message: `the ${kind} \`${namespace}/${name}\` relies on \`${address}\`, which can be forged on the way`,
          hint: 'use https; http is fetched only where the service configuration allows it',
        };
      }
    }
  },
};

function addresses(provider: Provider): readonly string[] {
  if (provider.type === 'introspection') return [provider.endpoint];
  return provider.type === 'jwt' && provider.keys.from !== 'inline' ? [provider.keys.uri] : [];
}
