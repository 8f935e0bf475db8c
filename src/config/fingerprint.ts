/**
 * The part of the configuration that decisions and answers depend on, as text. It goes into the
 * revision, which must be equal on all replicas: no ports, no paths, no settings of logs or speed.
 */
import type { ServiceConfig } from './config.ts';

/** Changes when the meaning of the text below does. */
const FORMAT = 'portcullis-config-1';

/** Canonical: the same text for the same meaning, whatever order things were written in. */
export function fingerprint(config: ServiceConfig): string {
  const { limits, responses, identity, overload, audit } = config;
  return canonical([
    FORMAT,
    config.defaultAction,
    config.rootNamespace,
    config.trustDomain,
    asSet(config.trustDomainAliases),
    config.requests.ambiguousPaths,
    [config.clientIp.useRemoteAddress, config.clientIp.xffTrustedHops],
    identity.jwtMetadata,
    identity.xfcc.enabled
      ? [asSet(identity.xfcc.trustedPeers), identity.xfcc.depth, identity.xfcc.trustEmptyPeer]
      : null,
    identity.leaveTokens,
    // Which list, and what is in it, changes while the configuration does not; that one must be there is a rule.
    hasRevocations(identity.revocation) && identity.revocation.required,
    [
      identity.answers.resourceMetadata,
      identity.answers.scope,
      identity.answers.loginUrl,
      identity.answers.loginReturnParameter,
      asSet(identity.answers.loginHosts),
    ],
    config.workload.require,
    [responses.forbidden, responses.unauthenticated, responses.malformed, responses.overloaded].map(
      ({ status, body, headers }) => [status, body, [...headers]],
    ),
    [limits.maxMessageBytes, limits.maxHeaders, limits.maxHeaderBytes],
    overload.errorResponse,
    audit.required,
  ]);
}

function hasRevocations({ file, url }: ServiceConfig['identity']['revocation']): boolean {
  return file !== null || url !== null;
}

type Canonical = string | number | boolean | null | readonly Canonical[];

/** JSON of arrays only: no key order to depend on. */
function canonical(value: Canonical): string {
  return JSON.stringify(value);
}

function asSet(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort();
}
