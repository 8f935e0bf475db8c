import { asciiLowerCase } from './bytes.ts';

/** `:authority` taken apart for matching. */
export interface NormalizedHost {
  /** Lower case, without port, without one trailing dot; IPv6 keeps its brackets. Empty: no host. */
  readonly name: string;
  /** As written after the last `:`, or null. */
  readonly port: string | null;
}

/** DNS names end at 253 characters; the rest is room for a port and brackets. */
const MAX_AUTHORITY_LENGTH = 300;

/**
 * Splits and normalises `:authority` (threat model: host case, host:port, trailing dot, userinfo).
 * null: not a host that two programs would read alike.
 */
export function normalizeHost(authority: string): NormalizedHost | null {
  if (authority.length > MAX_AUTHORITY_LENGTH) return null;
  if (authority === '') return { name: '', port: null };
  let name: string;
  let port: string | null = null;
  if (authority.charCodeAt(0) === 0x5b) {
    const close = authority.indexOf(']');
    if (close < 0) return null;
    name = authority.slice(0, close + 1);
    const rest = authority.slice(close + 1);
    if (rest !== '') {
      if (rest.charCodeAt(0) !== 0x3a) return null;
      port = rest.slice(1);
    }
    if (!/^\[[0-9A-Fa-f:.]+\]$/.test(name)) return null;
  } else {
    const colon = authority.indexOf(':');
    name = colon < 0 ? authority : authority.slice(0, colon);
    if (colon >= 0) port = authority.slice(colon + 1);
    if (name === '' || !isRegName(name)) return null;
    if (name.charCodeAt(name.length - 1) === 0x2e) name = name.slice(0, -1);
    if (name === '' || name.charCodeAt(name.length - 1) === 0x2e) return null;
  }
  if (port !== null && !isPort(port)) return null;
  return { name: asciiLowerCase(name), port };
}

/**
 * The letters of a registered name (RFC 3986 §3.2.2) less the percent sign and the sub-delimiters that
 * proxies split at: `,` `;` `@` `/` `\` and blanks never belong to a host.
 */
function isRegName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const ordinary =
      (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x2d;
    // `_` `~` `!` `$` `&` `'` `(` `)` `*` `+` `=` are legal and harmless.
    if (!ordinary && c !== 0x5f && c !== 0x7e && c !== 0x21 && c !== 0x24 && !(c >= 0x26 && c <= 0x2b) && c !== 0x3d)
      return false;
  }
  return true;
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535;
}
