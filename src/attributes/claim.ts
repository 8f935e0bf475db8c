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
 * The strings that a rule of an AuthorizationPolicy may match in a claim: the value itself, or the elements of a list.
 * Numbers, booleans, null, nested lists and objects match nothing, as in Istio.
 */
export function claimStrings(claim: Claim | undefined): readonly string[] {
  if (typeof claim === 'string') return [claim];
  if (isClaimList(claim)) return claim.filter((element) => typeof element === 'string');
  return [];
}

/**
 * The texts that an AccessPolicy may match: strings as they are, `true` and `false`, and numbers as canonical JSON has them
 * (RFC 8785 §3.2.2.3: `3`, `0.5`, `1e+21`, `0` for -0); of a list those of its elements. null, nested lists and objects
 * have none, nor have numbers past 2^53: which one was sent is no longer known.
 */
export function claimTexts(claim: Claim | undefined): readonly string[] {
  if (!isClaimList(claim)) {
    const text = scalarText(claim);
    return text === null ? [] : [text];
  }
  const texts: string[] = [];
  for (const element of claim) {
    const text = scalarText(element);
    if (text !== null) texts.push(text);
  }
  return texts;
}

function scalarText(claim: Claim | undefined): string | null {
  if (typeof claim === 'string') return claim;
  if (typeof claim === 'boolean') return claim ? 'true' : 'false';
  return typeof claim === 'number' && Math.abs(claim) <= Number.MAX_SAFE_INTEGER ? String(claim) : null;
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
