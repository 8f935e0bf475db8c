import type { ClaimMap } from '../../attributes/claim.ts';
import { claimAt, claimTexts } from '../../attributes/claim.ts';
import { toByteString } from '../../attributes/bytes.ts';
import type { SpiffeId } from '../../attributes/peer-identity.ts';
import { stringMatcher } from '../../matcher/string.ts';
import { valueSet, valueSetMatches } from '../../matcher/value-set.ts';
import type { ValueSet } from '../../matcher/value-set.ts';
import type { PrincipalGroup } from '../model.ts';
import type { TrustDomains } from './trust-domain.ts';

/** A PrincipalGroup with its nested groups taken in. */
export interface CompiledGroup {
  /** `namespace/name` */
  readonly name: string;
  readonly spiffeIds: ValueSet;
  /** By issuer: exact subjects. */
  readonly subjects: ReadonlyMap<string, ReadonlySet<string>>;
  readonly claims: readonly GroupClaim[];
}

export interface GroupClaim {
  readonly issuer: string;
  readonly path: readonly string[];
  readonly values: ValueSet;
}

/** Groups by `namespace/name`, as they were written. */
export interface GroupSource {
  get(name: string): PrincipalGroup | undefined;
}

/** Flattens a group. Groups were validated: nested names are known and there is no cycle. Throws when there is none of that name. */
export function compileGroup(name: string, groups: GroupSource, trustDomains: TrustDomains): CompiledGroup {
  if (groups.get(name) === undefined) throw new TypeError(`unknown group ${name}`);
  const members = new Set<string>();
  collect(name, groups, members);
  const spiffeIds: string[] = [];
  const subjects = new Map<string, Set<string>>();
  const claims: GroupClaim[] = [];
  for (const member of members) {
    const group = groups.get(member)!;
    // As in `principals`: who is meant by a name must not depend on where the name is written.
    spiffeIds.push(...group.spiffeIds.flatMap((id) => trustDomains.expandPrincipal(id)));
    for (const { issuer, subjects: names } of group.subjects) {
      const key = toByteString(issuer);
      const set = subjects.get(key) ?? new Set<string>();
      subjects.set(key, set);
      for (const subject of names) set.add(toByteString(subject));
    }
    for (const claim of group.claims) {
      claims.push({
        issuer: toByteString(claim.issuer),
        path: claim.path.map(toByteString),
        values: valueSet(claim.values.map((value) => stringMatcher(toByteString(value), 'nonEmpty'))),
      });
    }
  }
  return {
    name,
    spiffeIds: valueSet(spiffeIds.map((value) => stringMatcher(toByteString(value), 'nonEmpty'))),
    subjects,
    claims,
  };
}

function collect(name: string, groups: GroupSource, into: Set<string>): void {
  if (into.has(name)) return;
  into.add(name);
  for (const nested of groups.get(name)?.groups ?? []) collect(nested, groups, into);
}

export function groupReadsToken(group: CompiledGroup): boolean {
  return group.subjects.size > 0 || group.claims.length > 0;
}

/** Is the workload `id` (null: none that is certain), or the token with `claims`, a member? */
export function isMember(group: CompiledGroup, id: SpiffeId | null, claims: ClaimMap | null): boolean {
  if (id !== null && valueSetMatches(group.spiffeIds, id.id)) return true;
  if (claims === null) return false;
  const issuer = claims.get('iss');
  if (typeof issuer !== 'string') return false;
  const subject = claims.get('sub');
  if (typeof subject === 'string' && group.subjects.get(issuer)?.has(subject) === true) return true;
  for (const claim of group.claims) {
    if (claim.issuer !== issuer) continue;
    for (const value of claimTexts(claimAt(claims, claim.path))) if (valueSetMatches(claim.values, value)) return true;
  }
  return false;
}
