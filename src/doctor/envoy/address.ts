/** Who can reach an address. */
import { isLoopbackHost } from '../../config/address.ts';
import type { Part } from '../part.ts';

/** True for loopback, Unix sockets and listeners inside of the process; an address that says nothing is none of these. */
export function isLocal(address: Part): boolean {
  if (address.at('pipe').isThere || address.at('envoy_internal_address').isThere) return true;
  const host = address.in('socket_address', 'address').text();
  return host !== null && isLoopbackHost(host);
}

/** `HOST:PORT`, for messages. */
export function addressText(address: Part): string {
  const socket = address.at('socket_address');
  const port = socket.at('port_value').text() ?? socket.at('named_port').text() ?? '0';
  return `${socket.at('address').text() ?? '?'}:${port}`;
}
