/** Where a listener is: `HOST:PORT`, with an IPv6 address in brackets, or `unix:PATH`. */
import { isIP } from 'node:net';
import type { AddressInfo } from 'node:net';
import { ListenError } from './transport.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const UNIX_PREFIX = 'unix:';
/** `sun_path` is 108 bytes on Linux, with the closing NUL. */
const MAX_UNIX_PATH_BYTES = 107;

/** Throws {@link ListenError}. */
export function parseListenAddress(text: string): ListenAddress {
  return text.startsWith(UNIX_PREFIX) ? parseUnix(text) : parseTcp(text);
}

function parseUnix(text: string): ListenAddress {
  const path = text.slice(UNIX_PREFIX.length);
  if (path === '') throw bad(text, 'the path is missing');
  if (path.includes('\0')) throw bad(text, 'the path has a NUL byte');
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_UNIX_PATH_BYTES) {
    throw bad(text, `the path is ${bytes} bytes long, a Unix socket's may be ${MAX_UNIX_PATH_BYTES}`);
  }
  return { kind: 'unix', path };
}

function parseTcp(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  const hostText = text.slice(0, Math.max(colon, 0));
  const portText = text.slice(colon + 1);
  const port = Number(portText);
  if (hostText === '' || !/^[0-9]{1,5}$/.test(portText) || port > 65_535) {
    throw bad(text, 'write HOST:PORT or unix:PATH');
  }
  if (hostText.startsWith('[') && hostText.endsWith(']')) {
    const host = hostText.slice(1, -1);
    if (isIP(host) !== 6) throw bad(text, 'there is no IPv6 address in the brackets');
    return { kind: 'tcp', host, port };
  }
  if (hostText.includes(':')) throw bad(text, 'an IPv6 address stands in brackets');
  return { kind: 'tcp', host: hostText, port };
}

/** What a bound listener is reached by, in the form that {@link parseListenAddress} reads. */
export function formatBoundAddress(address: ListenAddress, bound: AddressInfo | string | null): string {
  if (address.kind === 'unix') return UNIX_PREFIX + address.path;
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port;
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${host}:${port}`;
}

function bad(text: string, why: string): ListenError {
  return new ListenError('bad-address', `cannot listen on \`${text}\`: ${why}`);
}
