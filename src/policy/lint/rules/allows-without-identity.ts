import type { SourceField } from '../../model.ts';
import type { LintRule } from '../rule.ts';

const PEER: readonly SourceField[] = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'groups'];
const PEER_KEYS = ['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain'];

/**
 * An ALLOW that says only who may not. Who proves nothing is none of those either, so that a caller without a
 * certificate, or without a token, gets in.
 */
export const allowsWithoutIdentity: LintRule = {
  code: 'allows-without-identity',
  severity: 'warning',
  *findings({ set }) {
    for (const policy of set.policies) {
      if (policy.action !== 'ALLOW') continue;
      for (const { from, when, condition } of policy.rules) {
        const asksPeer = when.some(({ key, values }) => values !== null && PEER_KEYS.includes(key.text));
        const asksToken = when.some(({ key, values }) => values !== null && key.kind.startsWith('request.auth.'));
        for (const { is, not } of from ?? []) {
          const proven =
            asksPeer || asksToken || [...PEER, 'requestPrincipals' as const].some((field) => is[field] !== undefined);
          // A condition may ask for anything.
          if (proven || condition !== null) continue;
          const peer = PEER.find((field) => not[field] !== undefined);
          if (peer !== undefined) {
            yield {
              position: not[peer]!.position,
              message: `\`${notName(peer)}\` alone allows everybody else, callers without any certificate too`,
              hint: 'add `principals: ["*"]` to the source to ask for an identity, or say who may instead',
            };
          } else if (not.requestPrincipals !== undefined) {
            yield {
              position: not.requestPrincipals.position,
              message: '`notRequestPrincipals` alone allows everybody else, requests without any token too',
              hint: 'add `requestPrincipals: ["*"]` to the source to ask for a token, or say who may instead',
            };
          }
        }
      }
    }
  },
};

function notName(field: string): string {
  return `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}
