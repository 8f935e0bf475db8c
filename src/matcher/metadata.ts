import { isClaimList } from '../attributes/claim.ts';
import type { Claim } from '../attributes/claim.ts';
import { matchesString, stringMatcher } from './string.ts';
import type { StringMatcher } from './string.ts';

/** `experimental.envoy.filters.*[key]`: `[v]` looks for v among the strings of a list, `v` at a string. */
export interface MetadataMatcher {
  readonly inList: boolean;
  readonly value: StringMatcher;
}

export function metadataMatcher(value: string): MetadataMatcher {
  return value.startsWith('[') && value.endsWith(']')
    ? { inList: true, value: stringMatcher(value.slice(1, -1), 'nonEmpty') }
    : { inList: false, value: stringMatcher(value, 'nonEmpty') };
}

export function matchesMetadata(matcher: MetadataMatcher, claim: Claim | undefined): boolean {
  if (matcher.inList)
    return isClaimList(claim) && claim.some((item) => typeof item === 'string' && matchesString(matcher.value, item));
  return typeof claim === 'string' && matchesString(matcher.value, claim);
}
