import type { Position } from '../../../lib/diagnostic.ts';
import type { Condition, Rule, Source, SourceField } from '../../model.ts';
import type { Finding, LintRule } from '../rule.ts';

const PEER: readonly SourceField[] = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'groups'];
const PEER_KEYS: readonly string[] = [
  'source.principal',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
];

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
      for (const rule of policy.rules) {
        // A CEL condition may ask for anything.
        if (rule.condition !== null || rule.when.some(asksIdentity)) continue;
        for (const source of rule.from ?? []) yield* inSource(source);
        if ((rule.from ?? [NOBODY]).some((source) => !provesIdentity(source))) yield* inConditions(rule);
      }
    }
  },
};

const NOBODY = { is: {} };

function provesIdentity({ is }: Pick<Source, 'is'>): boolean {
  return is.requestPrincipals !== undefined || PEER.some((field) => is[field] !== undefined);
}

function asksIdentity({ key, values }: Condition): boolean {
  return values !== null && (PEER_KEYS.includes(key.text) || key.kind.startsWith('request.auth.'));
}

function* inSource(source: Source): Generator<Finding> {
  if (provesIdentity(source)) return;
  const { not } = source;
  const peer = PEER.find((field) => not[field] !== undefined);
  if (peer !== undefined) yield withoutPeer(`not${peer.charAt(0).toUpperCase()}${peer.slice(1)}`, not[peer]!.position);
  else if (not.requestPrincipals !== undefined)
    yield withoutToken('notRequestPrincipals', not.requestPrincipals.position);
}

function* inConditions({ when }: Rule): Generator<Finding> {
  for (const { key, notValues } of when) {
    if (notValues === null) continue;
    if (PEER_KEYS.includes(key.text)) yield withoutPeer(`${key.text} notValues`, notValues.position);
    else if (key.kind.startsWith('request.auth.')) yield withoutToken(`${key.text} notValues`, notValues.position);
  }
}

function withoutPeer(field: string, position: Position): Finding {
  return {
    position,
    message: `\`${field}\` alone allows everybody else, callers without any certificate too`,
    hint: 'add `principals: ["*"]` to the source to ask for an identity, or say who may instead',
  };
}

function withoutToken(field: string, position: Position): Finding {
  return {
    position,
    message: `\`${field}\` alone allows everybody else, requests without any token too`,
    hint: 'add `requestPrincipals: ["*"]` to the source to ask for a token, or say who may instead',
  };
}
