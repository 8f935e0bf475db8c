import { parseIp } from './address.ts';
import type { IpAddress } from './address.ts';

/** The same meaning as in Envoy's HTTP connection manager (`use_remote_address`, `xff_num_trusted_hops`). */
export interface ClientIpSettings {
  readonly useRemoteAddress: boolean;
  readonly xffTrustedHops: number;
}

/**
 * The client's address as Envoy derives it, from what ext_authz sees.
 *
 * `forwardedFor` is x-forwarded-for, lines joined by `,`, or null when absent. Envoy takes one entry,
 * counted from the right, and falls back to the peer when that entry is missing or no bare address;
 * with `use_remote_address` it has appended the peer itself before we see the header.
 *
 * `certain` is false for that fallback: what was asked for was not there.
 */
export function clientIp(
  peer: IpAddress | null,
  forwardedFor: string | null,
  settings: ClientIpSettings,
): { readonly address: IpAddress | null; readonly certain: boolean } {
  if (settings.useRemoteAddress && settings.xffTrustedHops === 0) return { address: peer, certain: peer !== null };
  const entry = forwardedFor === null ? null : nthFromRight(forwardedFor, settings.xffTrustedHops);
  const address = entry === null ? null : parseIp(entry);
  return address === null ? { address: peer, certain: false } : { address, certain: true };
}

/** Entry `n` from the right (0: the last) of a comma list, blanks trimmed; null past the left end. */
function nthFromRight(list: string, n: number): string | null {
  let end = list.length;
  for (; n > 0; n--) {
    end = list.lastIndexOf(',', end - 1);
    // lastIndexOf with a negative start looks at index 0, so an `end` of 0 needs its own stop.
    if (end <= 0) return null;
  }
  return list.slice(list.lastIndexOf(',', end - 1) + 1, end).replace(/^[ \t]+|[ \t]+$/g, '');
}
