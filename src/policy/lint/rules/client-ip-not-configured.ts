import { valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/**
 * The client's address in an AuthorizationPolicy, and nothing said of the proxies that are trusted: as in a sidecar, the
 * last entry of `x-forwarded-for` decides, which a client can write. An AccessPolicy is refused for it.
 */
export const clientIpNotConfigured: LintRule = {
  code: 'client-ip-not-configured',
  severity: 'warning',
  *findings({ set, options }) {
    if (options.remoteIpConfigured) return;
    for (const { policy, field, written, position } of valueLists(set)) {
      if (policy.kind !== 'AuthorizationPolicy' || field !== 'remoteIpBlocks') continue;
      yield {
        position,
        message: `\`${written}\` asks for the address of the client, and the configuration does not say how it is found: the last entry of \`x-forwarded-for\` is taken, which a client can write itself`,
        hint: 'set `clientIp.useRemoteAddress` and `clientIp.xffTrustedHops` as in the HTTP connection manager of Envoy',
      };
    }
  },
};
