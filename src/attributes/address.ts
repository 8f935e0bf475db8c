/**
 * IP addresses and CIDR blocks as bytes.
 *
 * An address is a byte string of 4 (IPv4) or 16 (IPv6) bytes. The two families never match each
 * other: `0.0.0.0/0` holds no IPv6 address and `::ffff:10.0.0.1` is IPv6 (as Envoy's CidrRange has it).
 */

/** A parsed address: 4 or 16 bytes. Only this file makes one. */
export type IpAddress = string & { readonly __brand: 'IpAddress' };

export interface Cidr {
  readonly network: IpAddress;
  readonly prefixLength: number;
}

const MAX_ADDRESS_TEXT = 45; // The longest IPv6 text, with an embedded dotted IPv4 (RFC 4291 §2.2).

/** Strict text form, no port, no brackets, no zone; null when it is anything else. */
export function parseIp(text: string): IpAddress | null {
  if (text.length === 0 || text.length > MAX_ADDRESS_TEXT) return null;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): IpAddress | null {
  let out = '';
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0x2e : text.charCodeAt(i);
    if (code === 0x2e) {
      if (value < 0 || out.length === 4) return null;
      out += String.fromCharCode(value);
      value = -1;
    } else if (code >= 0x30 && code <= 0x39) {
      // A leading zero would be octal to some parsers and decimal to others: no address.
      if (value === 0) return null;
      value = (value < 0 ? 0 : value * 10) + code - 0x30;
      if (value > 255) return null;
    } else return null;
  }
  return out.length === 4 ? (out as IpAddress) : null;
}

function parseIpv6(text: string): IpAddress | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]!, halves.length === 1);
  if (head === null) return null;
  if (halves.length === 1) return head.length === 16 ? (head as IpAddress) : null;
  const tail = groupsOf(halves[1]!, true);
  // `::` stands for at least one group of zeros (RFC 5952 §4.2.2 is about writing; Envoy reads one too).
  if (tail === null || head.length + tail.length > 14) return null;
  return (head + '\0'.repeat(16 - head.length - tail.length) + tail) as IpAddress;
}

function groupsOf(text: string, mayEndInIpv4: boolean): string | null {
  if (text === '') return '';
  let out = '';
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (group.includes('.')) {
      const v4 = mayEndInIpv4 && i === groups.length - 1 ? parseIpv4(group) : null;
      if (v4 === null) return null;
      return out + v4;
    }
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    const value = Number.parseInt(group, 16);
    out += String.fromCharCode(value >> 8, value & 255);
  }
  return out.length <= 16 ? out : null;
}

/** `address` or `address/bits`. Host bits may be set (Istio keeps them, Envoy masks them). null: no CIDR. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const network = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (network === null) return null;
  const width = network.length * 8;
  if (slash < 0) return { network, prefixLength: width };
  const bits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits)) return null;
  const prefixLength = Number(bits);
  return prefixLength <= width ? { network, prefixLength } : null;
}

export function cidrContains(block: Cidr, address: string): boolean {
  const { network, prefixLength } = block;
  if (network.length !== address.length) return false;
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (network.charCodeAt(i) !== address.charCodeAt(i)) return false;
  const rest = prefixLength & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return ((network.charCodeAt(whole) ^ address.charCodeAt(whole)) & mask & 0xff) === 0;
}

/** The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`), else null. */
export function unmapIpv4(address: IpAddress): IpAddress | null {
  return address.length === 16 && address.startsWith('\0\0\0\0\0\0\0\0\0\0\xff\xff')
    ? (address.slice(12) as IpAddress)
    : null;
}

/** Canonical text (RFC 5952). */
export function formatIp(address: IpAddress): string {
  if (address.length === 4) return [...address].map((c) => c.charCodeAt(0)).join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((address.charCodeAt(i) << 8) | address.charCodeAt(i + 1));
  let bestStart = -1;
  let bestLength = 1; // A single zero group is not shortened (RFC 5952 §4.2.2).
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > bestLength) {
      bestStart = i;
      bestLength = end - i;
    }
    if (end > i) i = end;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(':');
  if (bestStart < 0) return hex(0, 8);
  return `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}
