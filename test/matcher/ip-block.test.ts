import { describe, expect, it } from '@jest/globals';
import { parseIp } from '../../src/attributes/address.ts';
import { ipBlocks, ipBlocksContain } from '../../src/matcher/ip-block.ts';

describe('a list of IP blocks', () => {
  it.each([
    [['10.0.0.0/8'], '10.1.2.3', true],
    [['10.0.0.0/8', '2001:db8::/32'], '2001:db8::7', true],
    [['10.0.0.1'], '10.0.0.1', true],
    [['10.0.0.1'], '10.0.0.2', false],
    [['0.0.0.0/0'], '::1', false],
    [[], '10.0.0.1', false],
  ])('%j, for %s: %j', (values, address, held) => {
    expect(ipBlocksContain(ipBlocks(values), parseIp(address)!)).toBe(held);
  });

  it('with a value that is no block is a mistake of whoever validated it', () => {
    expect(() => ipBlocks(['10.0.0.0/8', 'x'])).toThrow('not a CIDR block: x');
  });
});
