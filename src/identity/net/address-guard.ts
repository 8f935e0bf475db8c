/**
 * Which addresses may be dialled. A URL of a policy, or of a document that a policy names, must not make the service
 * talk to itself, to what is beside it in the pod, or to a cloud's metadata service. Private ranges are ordinary: that
 * is where a cluster's own issuers are.
 */
import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { cidrContains, parseCidr, parseIp, unmapIpv4 } from '../../attributes/address.ts';
import type { Cidr, IpAddress } from '../../attributes/address.ts';
import { FetchError, codeOf } from './fetch-error.ts';

export interface AddressRules {
  /** 127.0.0.0/8 and ::1. */
  readonly allowLoopback: boolean;
  /** 169.254.0.0/16, fe80::/10, and metadata services elsewhere. Default: no. */
  readonly allowLinkLocal?: boolean;
}

const blocks = (...texts: readonly string[]): readonly Cidr[] => texts.map((text) => parseCidr(text)!);

const LOOPBACK = blocks('127.0.0.0/8', '::1/128');
/** The last four: metadata services of AWS (IPv6), Google (IPv6), Alibaba and Oracle, which are not link-local. */
const LINK_LOCAL = blocks(
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::/32',
  'fd20:ce::/32',
  '100.100.100.200',
  '192.0.0.192',
);
/** "This network" (RFC 1122 §3.2.1.3: a way to say loopback on Linux), multicast, reserved and broadcast. */
const NOWHERE = blocks('0.0.0.0/8', '::/128', '224.0.0.0/4', 'ff00::/8', '240.0.0.0/4');

/** IPv6 that a gateway turns into the IPv4 inside: [prefix, offset of its four bytes]. */
const CARRIERS: readonly (readonly [Cidr, number])[] = [
  [parseCidr('::/96')!, 12], // IPv4-compatible (RFC 4291 §2.5.5.1)
  [parseCidr('64:ff9b::/96')!, 12], // NAT64 (RFC 6052 §2.1)
  [parseCidr('2002::/16')!, 2], // 6to4 (RFC 3056 §2)
];

const holds = (list: readonly Cidr[], address: IpAddress): boolean =>
  list.some((block) => cidrContains(block, address));

/** Why `text` may not be dialled, in words; null: it may. What is no address may not. */
export function refusalOf(text: string, rules: AddressRules): string | null {
  // A zone (`fe80::1%eth0`) only ever goes with link-local addresses.
  const zone = text.indexOf('%');
  const address = parseIp(zone < 0 ? text : text.slice(0, zone));
  return address === null ? 'is no IP address' : refusal(address, rules);
}

function refusal(address: IpAddress, rules: AddressRules): string | null {
  const inner = unmapIpv4(address);
  if (inner !== null) return refusal(inner, rules);
  if (holds(LOOPBACK, address)) return rules.allowLoopback ? null : 'is a loopback address';
  if (holds(LINK_LOCAL, address)) return rules.allowLinkLocal === true ? null : 'is a link-local or metadata address';
  if (holds(NOWHERE, address)) return 'is an unspecified, multicast or reserved address';
  for (const [prefix, offset] of CARRIERS)
    if (cidrContains(prefix, address)) return refusal(address.slice(offset, offset + 4) as IpAddress, rules);
  return null;
}

/** All addresses of a host, as `dns.lookup` gives them. */
export type Resolve = (
  hostname: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export const SYSTEM_RESOLVE: Resolve = (hostname, done) =>
  systemLookup(hostname, { all: true }, (error, addresses) => done(error, error === null ? addresses : []));

/**
 * `lookup` of a connection: it is asked when that connection is made, so that no answer given before counts. Addresses
 * that may not be dialled are left out; an error when none is left.
 */
export function guardedLookup(resolve: Resolve, rules: AddressRules): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) {
        done(new FetchError('connection', `name of the host: ${codeOf(error)}`), '');
        return;
      }
      const refusals = addresses.map(({ address }) => refusalOf(address, rules));
      const allowed = addresses.filter((_, i) => refusals[i] === null);
      const first = allowed[0];
      if (first === undefined) done(new FetchError('address', `the host's address ${refusals[0] ?? 'is missing'}`), '');
      else if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}
