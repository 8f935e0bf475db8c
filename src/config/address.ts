/**
 * Where a listener binds: `HOST:PORT` (IPv6 in brackets, port 0 for any free one) or `unix:PATH`.
 */
import { isIP } from 'node:net';

export interface TcpAddress {
  /** A host name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;
/** `sun_path` holds 108 bytes on Linux, one of them the closing NUL. */
const MAX_UNIX_PATH_BYTES = 107;
const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/;

/** Reads `HOST:PORT`; null when it is not one. */
export function parseTcpAddress(text: string): TcpAddress | null {
  const colon = text.lastIndexOf(':');
  if (colon <= 0) return null;
  const portText = text.slice(colon + 1);
  if (!/^[0-9]{1,5}$/.test(portText)) return null;
  const port = Number(portText);
  if (port > MAX_PORT) return null;
  const hostText = text.slice(0, colon);
  if (hostText.startsWith('[') && hostText.endsWith(']')) {
    const host = hostText.slice(1, -1);
    return isIP(host) === 6 ? { host, port } : null;
  }
  return isIP(hostText) === 4 || HOST_NAME.test(hostText) ? { host: hostText, port } : null;
}

/** The path of `unix:PATH`; null when the text is not one. */
export function parseUnixAddress(text: string): string | null {
  if (!text.startsWith('unix:')) return null;
  const path = text.slice('unix:'.length);
  const bytes = Buffer.byteLength(path);
  return bytes > 0 && bytes <= MAX_UNIX_PATH_BYTES && !path.includes('\0') ? path : null;
}

export function formatTcpAddress(address: TcpAddress): string {
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${host}:${String(address.port)}`;
}

/** True for addresses that only this machine can reach: 127.0.0.0/8, ::1 and `localhost`. */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost') return true;
  switch (isIP(host)) {
    case 4:
      return host.startsWith('127.');
    case 6:
      return /^(?:0{0,4}:){2,7}0{0,3}1$/.test(host) || host === '::1';
    default:
      return false;
  }
}
