/**
 * What Istio makes of the peer fields (pilot/pkg/security/authz/model/generator.go): patterns over every
 * name of the certificate, `spiffe://` included.
 */
import type { StringMatcher } from './string.ts';
import { matchesString } from './string.ts';

const SPIFFE = 'spiffe://';

export type PeerMatcher =
  | StringMatcher
  | { readonly kind: 'serviceAccount'; readonly namespace: string; readonly account: string }
  | { readonly kind: 'trustDomain'; readonly before: string; readonly after: string };

/** `principals`: `*` → any name; else under `spiffe://`. */
export function istioPrincipal(value: string): PeerMatcher {
  if (value === '*') return { kind: 'nonEmpty' };
  if (value.startsWith('*')) return { kind: 'glob', parts: [SPIFFE, value.slice(1)] };
  if (value.endsWith('*')) return { kind: 'prefix', text: SPIFFE + value.slice(0, -1) };
  return { kind: 'exact', text: SPIFFE + value };
}

/** `namespaces`: the pattern `/ns/<value>/` anywhere in any name, each `*` of the value standing for any characters. */
export function istioNamespace(value: string): PeerMatcher {
  return { kind: 'glob', parts: ['', ...`/ns/${value}/`.split('*'), ''] };
}

/** `serviceAccounts`: `account` or `namespace/account`; `spiffe://.+/ns/NS/(.+/|)sa/SA(/.+)?`. */
export function istioServiceAccount(value: string, policyNamespace: string): PeerMatcher {
  const slash = value.indexOf('/');
  return slash < 0
    ? { kind: 'serviceAccount', namespace: policyNamespace, account: value }
    : { kind: 'serviceAccount', namespace: value.slice(0, slash), account: value.slice(slash + 1) };
}

/** `trustDomains`: `*`, exact, or one `*` at an end that stays within the trust domain. */
export function istioTrustDomain(value: string): PeerMatcher {
  if (value === '*') return { kind: 'prefix', text: SPIFFE };
  const star = value.indexOf('*');
  if (star < 0) return { kind: 'prefix', text: `${SPIFFE}${value}/` };
  return { kind: 'trustDomain', before: value.slice(0, star), after: value.slice(star + 1) };
}

export function matchesPeer(matcher: PeerMatcher, name: string): boolean {
  switch (matcher.kind) {
    case 'serviceAccount':
      return matchesServiceAccount(matcher.namespace, matcher.account, name);
    case 'trustDomain':
      return matchesTrustDomain(matcher.before, matcher.after, name);
    default:
      return matchesString(matcher, name);
  }
}

function matchesServiceAccount(namespace: string, account: string, name: string): boolean {
  if (!name.startsWith(SPIFFE) || name.includes('\n')) return false;
  const marker = `/ns/${namespace}/`;
  // `.+` before the marker: at least one character behind the scheme.
  for (let at = name.indexOf(marker, SPIFFE.length + 1); at >= 0; at = name.indexOf(marker, at + 1)) {
    if (accountFollows(account, name.slice(at + marker.length))) return true;
  }
  return false;
}

/** `(.+/|)sa/SA(/.+)?` from the start of `rest` to its end. */
function accountFollows(account: string, rest: string): boolean {
  const literal = `sa/${account}`;
  for (let at = rest.indexOf(literal); at >= 0; at = rest.indexOf(literal, at + 1)) {
    const startsWell = at === 0 || (at >= 2 && rest.charCodeAt(at - 1) === 0x2f);
    const tail = rest.slice(at + literal.length);
    if (startsWell && (tail === '' || (tail.length >= 2 && tail.charCodeAt(0) === 0x2f))) return true;
  }
  return false;
}

function matchesTrustDomain(before: string, after: string, name: string): boolean {
  if (!name.startsWith(SPIFFE)) return false;
  const slash = name.indexOf('/', SPIFFE.length);
  if (slash < 0) return false;
  const trustDomain = name.slice(SPIFFE.length, slash);
  return (
    trustDomain.length >= before.length + after.length &&
    trustDomain.startsWith(before) &&
    trustDomain.endsWith(after) &&
    // RE2's `[^/]` takes a newline, its `.` does not.
    !name.includes('\n', slash)
  );
}
