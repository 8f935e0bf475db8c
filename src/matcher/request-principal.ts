/**
 * `requestPrincipals` and `request.auth.principal`: one pattern for issuer and subject, split at its last
 * slash (istio.io/istio pilot/pkg/security/authz/model/generator.go, requestPrincipalGenerator).
 */
import { matchesString } from './string.ts';
import type { StringMatcher } from './string.ts';

export interface RequestPrincipalMatcher {
  readonly issuer: StringMatcher;
  readonly subject: StringMatcher;
}

/** Where a pattern says nothing of one half, that half is still there and not empty (measured on Envoy 1.40). */
const SOME: StringMatcher = { kind: 'nonEmpty' };

export function requestPrincipal(value: string): RequestPrincipalMatcher {
  if (value === '*') return { issuer: SOME, subject: SOME };
  const slash = value.lastIndexOf('/');
  const issuer = slash < 0 ? value : value.slice(0, slash);
  const subject = slash < 0 ? '' : value.slice(slash + 1);
  if (value.startsWith('*')) {
    if (slash < 0) return { issuer: SOME, subject: { kind: 'suffix', text: value.slice(1) } };
    return {
      issuer: issuer === '*' ? SOME : { kind: 'suffix', text: issuer.slice(1) },
      // The leading star has been used up: a star in the subject is a literal (`*/*` wants the subject `*`).
      subject: { kind: 'exact', text: subject },
    };
  }
  if (value.endsWith('*')) {
    if (slash < 0) return { issuer: { kind: 'prefix', text: value.slice(0, -1) }, subject: SOME };
    return {
      issuer: { kind: 'exact', text: issuer },
      subject: subject === '*' ? SOME : { kind: 'prefix', text: subject.slice(0, -1) },
    };
  }
  return { issuer: { kind: 'exact', text: issuer }, subject: { kind: 'exact', text: subject } };
}

export function matchesRequestPrincipal(matcher: RequestPrincipalMatcher, issuer: string, subject: string): boolean {
  return matchesString(matcher.issuer, issuer) && matchesString(matcher.subject, subject);
}
