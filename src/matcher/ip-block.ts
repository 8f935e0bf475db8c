import { cidrContains, parseCidr } from '../attributes/address.ts';
import type { Cidr } from '../attributes/address.ts';

/** Values were validated: each is an address or a CIDR block. Throws on anything else. */
export function ipBlocks(values: readonly string[]): readonly Cidr[] {
  return values.map((value) => {
    const block = parseCidr(value);
    if (block === null) throw new TypeError(`not a CIDR block: ${value}`);
    return block;
  });
}

export function ipBlocksContain(blocks: readonly Cidr[], address: string): boolean {
  for (const block of blocks) if (cidrContains(block, address)) return true;
  return false;
}
