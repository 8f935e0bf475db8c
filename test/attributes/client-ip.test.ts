import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatIp, parseIp } from '../../src/attributes/address.ts';
import { clientIp } from '../../src/attributes/client-ip.ts';

const PEER = '10.9.9.9';

function derive(forwardedFor: string | null, useRemoteAddress: boolean, xffTrustedHops: number): string {
  const { address, certain } = clientIp(parseIp(PEER), forwardedFor, { useRemoteAddress, xffTrustedHops });
  return `${address === null ? 'none' : formatIp(address)}${certain ? '' : '?'}`;
}

describe("the client's address", () => {
  it.each([
    ['the last entry, without trusted hops', '1.1.1.1,2.2.2.2', false, 0, '2.2.2.2'],
    ['one further to the left for each trusted hop', '1.1.1.1, 2.2.2.2 ,3.3.3.3', false, 1, '2.2.2.2'],
    ['as far as the first entry', '1.1.1.1,2.2.2.2', false, 1, '1.1.1.1'],
    ['the peer itself with use_remote_address', '1.1.1.1', true, 0, PEER],
    ['counted behind the peer that Envoy has appended', `1.1.1.1,2.2.2.2,${PEER}`, true, 1, '2.2.2.2'],
    ['an IPv6 one', '1.1.1.1,2001:db8::1', false, 0, '2001:db8::1'],
    ['trimmed', '\t 1.1.1.1 \t', false, 0, '1.1.1.1'],
    ['told by one entry, whatever the others are', 'rubbish,1.1.1.1', false, 0, '1.1.1.1'],
    ['told by one entry, whatever stands right of it', '1.1.1.1,,', false, 2, '1.1.1.1'],
  ])('is %s', (_, forwardedFor, useRemoteAddress, hops, expected) => {
    expect(derive(forwardedFor, useRemoteAddress, hops)).toBe(expected);
  });

  it.each([
    ['there is no header', null, 0],
    ['the header is empty', '', 0],
    ['there are too few entries', '1.1.1.1', 1],
    ['there are far too few entries', '1.1.1.1', 20],
    ['the entry has a port', '1.2.3.4:80', 0],
    ['the entry is bracketed', '[::1]', 0],
    ['the entry is a name', 'unknown', 0],
    ['the entry is empty', '1.1.1.1,', 0],
    ['an empty entry is all that is left of a comma', ',1.1.1.1', 1],
    ['the entry has a leading zero', '1.1.1.01', 0],
  ])('is the peer, which is a guess, when %s', (_, forwardedFor, hops) => {
    expect(derive(forwardedFor, false, hops)).toBe(`${PEER}?`);
  });

  it('is unknown without a peer and without an entry', () => {
    expect(clientIp(null, 'x', { useRemoteAddress: false, xffTrustedHops: 0 })).toEqual({
      address: null,
      certain: false,
    });
    expect(clientIp(null, '1.1.1.1', { useRemoteAddress: true, xffTrustedHops: 0 })).toEqual({
      address: null,
      certain: false,
    });
  });

  it('is the entry that splitting the list would give', () => {
    const entry = fc.oneof(fc.ipV4(), fc.constantFrom('', ' ', 'x', '::1', ' 2.2.2.2 '));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), fc.nat(7), (entries, hops) => {
        const chosen =
          entries
            .join(',')
            .split(',')
            .at(-1 - hops)
            ?.trim() ?? '';
        const address = parseIp(chosen);
        expect(derive(entries.join(','), false, hops)).toBe(address === null ? `${PEER}?` : formatIp(address));
      }),
      { numRuns: 800 },
    );
  });
});
