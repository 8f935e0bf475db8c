/**
 * Does a predicate hold for a request?
 *
 * An attribute may have several readings (the forms of a path, the lines that a joined header may have
 * been, the names of an ambiguous certificate). A reading is the list of values that stand there at
 * once; a positive field wants one of them to match, a negated one none. An ALLOW needs the field to
 * hold in every reading, a DENY in any, negated fields too: so whatever another program makes of the
 * request, an ALLOW was meant and a DENY is not missed.
 *
 * Readings are taken for each field alone. Across the alternatives of a rule that is stricter for an
 * ALLOW and wider for a DENY than reading the whole rule at once would be, never the other way.
 */
import { unmapIpv4 } from '../../attributes/address.ts';
import type { IpAddress } from '../../attributes/address.ts';
import type { HeaderLines } from '../../attributes/header-lines.ts';
import { UNREADABLE_PEER } from '../../attributes/peer-identity.ts';
import type { SpiffeId } from '../../attributes/peer-identity.ts';
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import { ipBlocksContain } from '../../matcher/ip-block.ts';
import { everyLineMayAvoid, someLineAvoids, someLineMatches } from '../../matcher/joined.ts';
import { matchesMetadata } from '../../matcher/metadata.ts';
import { pathSetMatches } from '../../matcher/path.ts';
import { matchesPeer } from '../../matcher/peer.ts';
import { matchesRequestPrincipal } from '../../matcher/request-principal.ts';
import { valueSetMatches } from '../../matcher/value-set.ts';
import type { ValueSet } from '../../matcher/value-set.ts';
import type { Action } from '../../policy/model.ts';
import { isMember } from '../../policy/compile/group.ts';
import type { Predicate, SpiffePart } from '../../policy/compile/predicate.ts';

export function holds(predicate: Predicate, request: RequestAttributes, action: Action): boolean {
  const { test, negated } = predicate;
  const access = predicate.dialect === 'access';
  switch (test.attribute) {
    case 'peer':
      if (request.peer === UNREADABLE_PEER) return action === 'DENY';
      return negated !== request.peer.names.some((name) => test.matchers.some((m) => matchesPeer(m, name)));
    case 'spiffe':
      return everyPeer(request, action, negated, (id) => {
        const part = id === null ? null : spiffePart(id, test.part);
        return part !== null && valueSetMatches(test.values, part);
      });
    case 'groups':
      return everyPeer(request, action, negated, (id) => test.groups.some((g) => isMember(g, id, request.claims)));
    case 'requestPrincipal': {
      const token = request.tokenSubject;
      return (
        negated !==
        (token !== null && test.matchers.some((m) => matchesRequestPrincipal(m, token.issuer, token.subject)))
      );
    }
    case 'sourceIp':
      return addressHolds(request.sourceIp, access, action, negated, (ip) => ipBlocksContain(test.blocks, ip));
    case 'destinationIp':
      return addressHolds(request.destinationIp, access, action, negated, (ip) => ipBlocksContain(test.blocks, ip));
    case 'remoteIp': {
      const { address, certain } = request.remoteIp;
      const inBlocks = (ip: IpAddress): boolean => ipBlocksContain(test.blocks, ip);
      if (certain || !access) return addressHolds(address, access, action, negated, inBlocks);
      // AccessPolicy: the fallback to the peer is a guess. Nobody is allowed on a guess, and a guess suffices to deny.
      if (action === 'ALLOW') return false;
      return negated || addressHolds(address, access, action, negated, inBlocks);
    }
    case 'destinationPort':
      return negated !== test.ports.has(request.destinationPort);
    case 'host':
      // AccessPolicy: an authority that two programs may read differently is no host that anyone is allowed.
      if (access && request.host === null) return action === 'DENY';
      return negated !== hostMatches(test.values, request, access);
    case 'method':
      return negated !== valueSetMatches(test.values, request.method);
    case 'path': {
      if (!access) return negated !== (request.path !== '' && pathSetMatches(test.paths, request.path));
      const forms = request.pathForms;
      if (forms === null) return action === 'DENY';
      if (request.path === '') return negated;
      return every(forms, action, (form) => negated !== pathSetMatches(test.paths, form));
    }
    case 'sni':
      return negated !== (request.sni !== '' && valueSetMatches(test.values, request.sni));
    case 'header': {
      const lines = request.header(test.name);
      return access
        ? accessHeaderHolds(lines, action, negated, test.values)
        : istioHeaderHolds(lines, action, negated, test.values);
    }
    case 'claim': {
      const texts = access ? request.claimTexts(test.path) : request.claimStrings(test.path);
      return negated !== texts.some((text) => valueSetMatches(test.values, text));
    }
    case 'metadata': {
      const value = request.metadata(test.filter, test.path);
      return negated !== test.matchers.some((m) => matchesMetadata(m, value));
    }
  }
}

/** The quantifier over readings: all for an ALLOW, one for a DENY. */
function every<T>(readings: readonly T[], action: Action, holdsIn: (reading: T) => boolean): boolean {
  return action === 'ALLOW' ? readings.every(holdsIn) : readings.some(holdsIn);
}

/**
 * A peer with one URI SAN that is a SPIFFE ID is that. Any other certificate may be each of the SPIFFE IDs
 * in it, or nobody; one that cannot be read may be anybody.
 */
function everyPeer(
  request: RequestAttributes,
  action: Action,
  negated: boolean,
  matches: (id: SpiffeId | null) => boolean,
): boolean {
  // Nobody, or one whom the field names.
  if (request.peer === UNREADABLE_PEER)
    return action === 'ALLOW' ? !negated && matches(null) : !negated || !matches(null);
  const { spiffeId, spiffeIds, uris } = request.peer;
  if (spiffeId !== null || uris.length === 0) return negated !== matches(spiffeId);
  if (negated === matches(null)) {
    if (action === 'ALLOW') return false;
  } else if (action === 'DENY') return true;
  return spiffeIds.length === 0 ? action === 'ALLOW' : every(spiffeIds, action, (id) => negated !== matches(id));
}

function spiffePart(id: SpiffeId, part: SpiffePart): string | null {
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

function addressHolds(
  address: IpAddress | null,
  access: boolean,
  action: Action,
  negated: boolean,
  inBlocks: (ip: IpAddress) => boolean,
): boolean {
  if (address === null) return negated;
  // AccessPolicy: `::ffff:10.0.0.1` may be read as 10.0.0.1. Envoy's RBAC reads it as IPv6 only.
  const v4 = access ? unmapIpv4(address) : null;
  if (v4 === null) return negated !== inBlocks(address);
  return every([address, v4], action, (ip) => negated !== inBlocks(ip));
}

function hostMatches(values: ValueSet, request: RequestAttributes, access: boolean): boolean {
  // Istio: the authority as it stands, port and trailing dot too, in any case.
  if (!access) return request.authority !== '' && valueSetMatches(values, request.authorityLowerCase);
  const name = request.host?.name ?? '';
  return name !== '' && valueSetMatches(values, name);
}

/** Envoy 1.40: any one line may match; `notValues`: none does. */
function istioHeaderHolds(lines: HeaderLines, action: Action, negated: boolean, values: ValueSet): boolean {
  if (lines.form === 'exact') return negated !== lines.lines.some((line) => valueSetMatches(values, line));
  const { value } = lines;
  if (action === 'ALLOW') return negated ? !someLineMatches(value, values) : !everyLineMayAvoid(value, values);
  return negated ? everyLineMayAvoid(value, values) : someLineMatches(value, values);
}

/**
 * AccessPolicy: of several lines each may be the one that counts, and for a DENY the joined one too. Of a
 * joined value every run of neighbouring parts may have been a line.
 */
function accessHeaderHolds(lines: HeaderLines, action: Action, negated: boolean, values: ValueSet): boolean {
  const holdsIn = (line: string): boolean => negated !== valueSetMatches(values, line);
  if (lines.form === 'joined') {
    const { value } = lines;
    if (action === 'ALLOW') return negated ? !someLineMatches(value, values) : !someLineAvoids(value, values);
    return negated ? someLineAvoids(value, values) : someLineMatches(value, values);
  }
  if (lines.lines.length === 0) return negated;
  if (every(lines.lines, action, holdsIn)) return true;
  return action === 'DENY' && lines.lines.length > 1 && holdsIn(lines.lines.join(','));
}
