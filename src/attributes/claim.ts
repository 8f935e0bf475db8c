/**
 * A JSON value as it arrives in metadata (google.protobuf.Struct). Strings and keys are byte strings.
 * Objects are Maps: claim names come from outside.
 */
export type Claim = null | boolean | number | string | readonly Claim[] | ClaimMap;
export type ClaimMap = ReadonlyMap<string, Claim>;

export function isClaimMap(claim: Claim | undefined): claim is ClaimMap {
  return claim instanceof Map;
}

export function isClaimList(claim: Claim | undefined): claim is readonly Claim[] {
  return Array.isArray(claim);
}

/** Walks objects (never list indexes). undefined: not there. */
export function claimAt(claims: ClaimMap | null, path: readonly string[]): Claim | undefined {
  let at: Claim | undefined = claims ?? undefined;
  for (const step of path) {
    if (!isClaimMap(at)) return undefined;
    at = at.get(step);
  }
  return at;
}

/**
 * The strings that a rule may match in a claim: the value itself, or the elements of a list. Numbers,
 * booleans, null, nested lists and objects match nothing, as in Istio.
 */
export function claimStrings(claim: Claim | undefined): readonly string[] {
  if (typeof claim === 'string') return [claim];
  if (isClaimList(claim)) return claim.filter((element) => typeof element === 'string');
  return [];
}

/** One text for one value: what cache keys hold. */
export function claimKey(claim: Claim | undefined): string {
  if (claim === undefined) return '-';
  if (claim === null) return 'n';
  if (typeof claim === 'boolean') return claim ? 't' : 'f';
  // -0 equals 0 and is not it: 1 divided by them is two things.
  if (typeof claim === 'number') return Object.is(claim, -0) ? 'd-0;' : `d${claim};`;
  if (typeof claim === 'string') return `s${claim.length}:${claim}`;
  if (isClaimList(claim)) return `l${claim.length}:${claim.map(claimKey).join('')}`;
  let out = `m${claim.size}:`;
  for (const [key, value] of claim) out += `${key.length}:${key}${claimKey(value)}`;
  return out;
}
