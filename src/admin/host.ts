/**
 * The defence of a loopback server against DNS rebinding: a page in a browser on this machine can make
 * `evil.example` resolve to 127.0.0.1 and read what is served there, but it cannot change the Host
 * header that the browser sends.
 */
import { isLoopbackHost } from '../config/address.ts';

/** True for a Host header that names this machine, on any port (`kubectl port-forward` picks its own). */
export function isLoopbackHostHeader(header: string | undefined): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?$/.exec(header ?? '');
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && isLoopbackHost(host.toLowerCase());
}
