import type { Claim } from '../attributes/claim.ts';
import { isClaimList, isClaimMap } from '../attributes/claim.ts';

/**
 * Bytes of the heap that a claim takes without the text that its strings are slices of, about: measured. A document of
 * many small objects takes fifty times its length: by the length, a bound on bytes would be none.
 */
export function weightOf(claim: Claim): number {
  if (typeof claim === 'string') return 32;
  if (isClaimList(claim)) return claim.reduce<number>((sum, each) => sum + 16 + weightOf(each), 48);
  if (!isClaimMap(claim)) return 16;
  let sum = 240;
  for (const value of claim.values()) sum += 80 + weightOf(value);
  return sum;
}
