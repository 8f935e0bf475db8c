import type { LintRule } from '../rule.ts';

/** An API key whose time is over: whoever holds it is refused. */
export const expiredKey: LintRule = {
  code: 'expired-key',
  severity: 'warning',
  *findings({ set, nowMs }) {
    for (const { namespace, name, providers } of set.authentications) {
      for (const key of providers.flatMap((provider) => (provider.type === 'apiKey' ? provider.keys : []))) {
        if (key.untilMs === null || key.untilMs > nowMs) continue;
        yield {
          position: key.position,
          message: `the key \`${key.id}\` of \`${namespace}/${name}\` expired at ${new Date(key.untilMs).toISOString()}`,
          hint: 'remove it, or give its owner a new one',
        };
      }
    }
  },
};
