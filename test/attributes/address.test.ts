import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isIPv4, isIPv6 } from 'node:net';
import type { IpAddress } from '../../src/attributes/address.ts';
import { cidrContains, formatIp, parseCidr, parseIp, unmapIpv4 } from '../../src/attributes/address.ts';

const address = fc
  .oneof(fc.constant(4), fc.constant(16))
  .chain((length) =>
    fc.array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255)), { minLength: length, maxLength: length }),
  )
  .map((octets) => String.fromCharCode(...octets) as IpAddress);

/** Texts near the edge of being an address. */
const nearAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9', 'a', 'F', ':', ':', '.', '.'), maxLength: 20 }),
  fc
    .array(fc.constantFrom('0', '1', 'ffff', ':', '::', '1.2.3.4', '256', '00'), { maxLength: 16 })
    .map((p) => p.join('')),
);

const ip = (text: string): IpAddress => parseIp(text)!;

describe('an IP address', () => {
  it('is read exactly when Node takes it for one', () => {
    fc.assert(
      fc.property(nearAddress, (text) => {
        const parsed = parseIp(text);
        expect(parsed?.length ?? null).toBe(isIPv4(text) ? 4 : isIPv6(text) ? 16 : null);
      }),
      { numRuns: 1500 },
    );
  });

  it('is the same after writing and reading', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        expect(parseIp(formatIp(bytes))).toBe(bytes);
      }),
      { numRuns: 800 },
    );
  });

  it('is written as a URL writes it (RFC 5952)', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        const host = bytes.length === 16 ? `[${formatIp(bytes)}]` : formatIp(bytes);
        expect(new URL(`http://${host}/`).hostname).toBe(host);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['', 'nothing'],
    ['1.2.3', 'three parts'],
    ['1.2.3.4.5', 'five parts'],
    ['1.2.3.04', 'a leading zero'],
    ['1.2.3.256', 'a part above 255'],
    ['1.2.3.', 'an empty part'],
    ['0x7f.0.0.1', 'hexadecimal'],
    ['2130706433', 'one number'],
    ['1.2.3.4:80', 'a port'],
    ['[::1]', 'brackets'],
    ['fe80::1%eth0', 'a zone'],
    ['1::2::3', 'two gaps'],
    [':::', 'three colons'],
    ['1:2:3:4:5:6:7:8:9', 'nine groups'],
    ['1:2:3:4::5:6:7:8', 'a gap for no group'],
    ['::1.2.3.4:5', 'IPv4 that is not last'],
    ['12345::', 'a group of five digits'],
    [' 1.2.3.4', 'a blank'],
    ['١.2.3.4', 'a digit that is no ASCII'],
  ])('is not %j (%s)', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('inside an IPv4-mapped one is found', () => {
    expect(unmapIpv4(ip('::ffff:10.0.0.1'))).toBe(ip('10.0.0.1'));
  });

  it.each(['::10.0.0.1', '::fffe:10.0.0.1', '1::ffff:10.0.0.1', '10.0.0.1'])('is not inside %s', (text) => {
    expect(unmapIpv4(ip(text))).toBeNull();
  });
});

/** The address as a number in binary digits. */
function bits(bytes: string): string {
  return [...bytes].map((byte) => byte.charCodeAt(0).toString(2).padStart(8, '0')).join('');
}

describe('a CIDR block', () => {
  it('holds the addresses that begin with its bits, and none of the other family', () => {
    fc.assert(
      fc.property(address, address, fc.nat(128), fc.boolean(), (network, other, length, near) => {
        const prefixLength = Math.min(length, network.length * 8);
        // Half of the time an address near the network: the same but for one byte.
        const candidate = near ? ((network.slice(0, -1) + other.slice(-1)) as IpAddress) : other;
        const block = parseCidr(`${formatIp(network)}/${prefixLength}`)!;
        expect(block.prefixLength).toBe(prefixLength);
        expect(cidrContains(block, candidate)).toBe(
          network.length === candidate.length &&
            bits(network).slice(0, prefixLength) === bits(candidate).slice(0, prefixLength),
        );
      }),
      { numRuns: 800 },
    );
  });

  it('without a length is one address', () => {
    expect(parseCidr('10.0.0.1')).toEqual({ network: ip('10.0.0.1'), prefixLength: 32 });
    expect(parseCidr('::1')).toEqual({ network: ip('::1'), prefixLength: 128 });
  });

  it('may have bits behind its length', () => {
    expect(cidrContains(parseCidr('10.1.2.3/8')!, ip('10.200.0.1'))).toBe(true);
  });

  it.each([
    ['0.0.0.0/0', '::1'],
    ['::/0', '10.0.0.1'],
    ['10.0.0.1/32', '::ffff:10.0.0.1'],
    ['::ffff:10.0.0.0/104', '10.0.0.1'],
    ['10.0.0.0/9', '10.128.0.0'],
  ])('%s does not hold %s', (block, text) => {
    expect(cidrContains(parseCidr(block)!, ip(text))).toBe(false);
  });

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/8 ',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10/8',
    '::/1e1',
  ])('is not %j', (text) => {
    expect(parseCidr(text)).toBeNull();
  });
});
