/**
 * Does one field of a rule imply another, whatever the request? Asked of compiled predicates, so that it is of the very
 * sets that requests are matched with. INVARIANT: true is certain, false may be ignorance.
 *
 * A field looks at readings of an attribute (policy-index/match/holds.ts): more values match in each reading of the
 * wider set, so that inclusion of values is enough, for an ALLOW, for a DENY, and from an ALLOW to a DENY.
 */
import { cidrContains } from '../../../attributes/address.ts';
import type { Cidr } from '../../../attributes/address.ts';
import type { SpiffeId } from '../../../attributes/peer-identity.ts';
import { parseSpiffeId } from '../../../attributes/spiffe-id.ts';
import type { PeerMatcher } from '../../../matcher/peer.ts';
import { matchesPeer } from '../../../matcher/peer.ts';
import type { RequestPrincipalMatcher } from '../../../matcher/request-principal.ts';
import { valueSetMatches } from '../../../matcher/value-set.ts';
import type { Predicate, SpiffePart, Test } from '../../compile/predicate.ts';
import { pathsDisjoint, pathsInclude } from './paths.ts';
import { areComparable, setIncludes, setsDisjoint, stringIncludes, stringsDisjoint } from './strings.ts';

/** Does `wide` hold for every request for which `narrow` holds? */
export function implies(narrow: Predicate, wide: Predicate): boolean {
  if (narrow.dialect !== wide.dialect || narrow.negated !== wide.negated) return false;
  const [inner, outer] = narrow.negated ? [wide.test, narrow.test] : [narrow.test, wide.test];
  return testIncludes(outer, inner, narrow.dialect === 'istio');
}

/** Holds for every request there is: `methods: ["*"]`. */
export function alwaysHolds({ test, negated }: Predicate): boolean {
  return !negated && test.attribute === 'method' && test.values.others.some(({ kind }) => kind === 'present');
}

/** Does every value that `narrow` takes suit `wide`? Of the same dialect. */
export function testIncludes(wide: Test, narrow: Test, istio: boolean): boolean {
  switch (wide.attribute) {
    case 'peer':
      return (
        narrow.attribute === 'peer' &&
        areComparable(narrow.matchers.length, wide.matchers.length) &&
        narrow.matchers.every((m) => wide.matchers.some((w) => peerIncludes(w, m)))
      );
    case 'spiffe':
      return narrow.attribute === 'spiffe' && spiffeIncludes(wide, narrow);
    case 'groups': {
      if (narrow.attribute !== 'groups') return false;
      const names = new Set(wide.groups.map(({ name }) => name));
      return narrow.groups.every(({ name }) => names.has(name));
    }
    case 'requestPrincipal':
      return (
        narrow.attribute === 'requestPrincipal' &&
        areComparable(narrow.matchers.length, wide.matchers.length) &&
        narrow.matchers.every((m) => wide.matchers.some((w) => requestPrincipalIncludes(w, m)))
      );
    case 'sourceIp':
    case 'remoteIp':
    case 'destinationIp':
      return (
        narrow.attribute === wide.attribute &&
        areComparable(narrow.blocks.length, wide.blocks.length) &&
        narrow.blocks.every((block) => wide.blocks.some((each) => blockIncludes(each, block)))
      );
    case 'destinationPort':
      return narrow.attribute === 'destinationPort' && [...narrow.ports].every((port) => wide.ports.has(port));
    // No HTTP request line, header or server name holds a newline.
    case 'host':
    case 'method':
    case 'sni':
      return narrow.attribute === wide.attribute && setIncludes(wide.values, narrow.values, true);
    case 'header':
      return (
        narrow.attribute === 'header' && narrow.name === wide.name && setIncludes(wide.values, narrow.values, true)
      );
    case 'path':
      return narrow.attribute === 'path' && pathsInclude(wide.paths, narrow.paths, istio);
    case 'claim':
      return (
        narrow.attribute === 'claim' &&
        isSamePath(narrow.path, wide.path) &&
        setIncludes(wide.values, narrow.values, false)
      );
    case 'metadata':
      return (
        narrow.attribute === 'metadata' &&
        narrow.filter === wide.filter &&
        isSamePath(narrow.path, wide.path) &&
        areComparable(narrow.matchers.length, wide.matchers.length) &&
        narrow.matchers.every((m) =>
          wide.matchers.some((w) => w.inList === m.inList && stringIncludes(w.value, m.value, false)),
        )
      );
  }
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((step, i) => step === b[i]);
}

function peerIncludes(wide: PeerMatcher, narrow: PeerMatcher): boolean {
  if (narrow.kind === 'exact') return matchesPeer(wide, narrow.text);
  if (narrow.kind === 'serviceAccount') {
    return wide.kind === 'serviceAccount' && wide.namespace === narrow.namespace && wide.account === narrow.account;
  }
  if (narrow.kind === 'trustDomain')
    return wide.kind === 'trustDomain' && wide.before === narrow.before && wide.after === narrow.after;
  return wide.kind !== 'serviceAccount' && wide.kind !== 'trustDomain' && stringIncludes(wide, narrow, false);
}

type SpiffeTest = Extract<Test, { readonly attribute: 'spiffe' }>;

function spiffeIncludes(wide: SpiffeTest, narrow: SpiffeTest): boolean {
  if (wide.part === narrow.part) return setIncludes(wide.values, narrow.values, true);
  // A whole ID says what its parts are.
  if (narrow.part !== 'id' || narrow.values.others.length > 0) return false;
  return [...narrow.values.exact].every((text) => {
    const id = parseSpiffeId(`spiffe://${text}`);
    // No strict SPIFFE ID is this value: it matches nobody.
    if (id === null) return true;
    const part = spiffePart(id, wide.part);
    return part !== null && valueSetMatches(wide.values, part);
  });
}

export function spiffePart(id: SpiffeId, part: SpiffePart): string | null {
  switch (part) {
    case 'id':
      return id.id;
    case 'namespace':
      return id.namespace;
    case 'trustDomain':
      return id.trustDomain;
    case 'serviceAccount':
      return id.namespace === null ? null : `${id.namespace}/${id.serviceAccount}`;
  }
}

function requestPrincipalIncludes(wide: RequestPrincipalMatcher, narrow: RequestPrincipalMatcher): boolean {
  return stringIncludes(wide.issuer, narrow.issuer, false) && stringIncludes(wide.subject, narrow.subject, false);
}

function blockIncludes(wide: Cidr, narrow: Cidr): boolean {
  return wide.prefixLength <= narrow.prefixLength && cidrContains(wide, narrow.network);
}

/**
 * Is there no value that both take? Only of attributes of which a request has one value: of two claims in a list, two
 * header lines or two names in a certificate each may suit another field.
 */
export function testsDisjoint(a: Test, b: Test): boolean {
  switch (a.attribute) {
    case 'sourceIp':
    case 'remoteIp':
    case 'destinationIp':
      return (
        b.attribute === a.attribute &&
        areComparable(a.blocks.length, b.blocks.length) &&
        a.blocks.every((x) => b.blocks.every((y) => !cidrContains(x, y.network) && !cidrContains(y, x.network)))
      );
    case 'destinationPort':
      return b.attribute === 'destinationPort' && ![...a.ports].some((port) => b.ports.has(port));
    case 'host':
    case 'method':
    case 'sni':
      return b.attribute === a.attribute && setsDisjoint(a.values, b.values);
    case 'path':
      return b.attribute === 'path' && pathsDisjoint(a.paths, b.paths);
    case 'spiffe':
      return b.attribute === 'spiffe' && spiffeDisjoint(a, b);
    case 'requestPrincipal':
      return (
        b.attribute === 'requestPrincipal' &&
        areComparable(a.matchers.length, b.matchers.length) &&
        a.matchers.every((x) =>
          b.matchers.every((y) => stringsDisjoint(x.issuer, y.issuer) || stringsDisjoint(x.subject, y.subject)),
        )
      );
    default:
      return false;
  }
}

function spiffeDisjoint(a: SpiffeTest, b: SpiffeTest): boolean {
  if (a.part === b.part) return setsDisjoint(a.values, b.values);
  const [whole, parts] = a.part === 'id' ? [a, b] : [b, a];
  if (whole.part !== 'id' || whole.values.others.length > 0) return false;
  return [...whole.values.exact].every((text) => {
    const id = parseSpiffeId(`spiffe://${text}`);
    const part = id === null ? null : spiffePart(id, parts.part);
    return part === null || !valueSetMatches(parts.values, part);
  });
}
