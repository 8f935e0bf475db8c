/** How a few hosts are asked; from the configuration of the service, never from policies. */
import type { AddressRules } from './address-guard.ts';

export interface FetchSettings extends AddressRules {
  /** `http:` URLs are taken too. */
  readonly allowHttp: boolean;
  /** PEM certificates that are trusted in place of the system's; read at each request. */
  readonly caFile: string | null;
  /** Sent as `Authorization: Bearer`; read at each request, because a service account's token is replaced. */
  readonly bearerTokenFile: string | null;
  /** `http://host:port` that is asked to CONNECT. The address rules are then about the proxy: it looks the host up. */
  readonly proxy: string | null;
  /** Of the whole request, from the call to the last byte. */
  readonly timeoutMs: number;
  /** Of a response's body. */
  readonly maxBytes: number;
}

/** 1 MiB and 5 s: a key set is some KiB, and Envoy itself waits 5 s for one. */
export const DEFAULT_FETCH_SETTINGS: FetchSettings = Object.freeze({
  allowHttp: false,
  allowLoopback: false,
  allowLinkLocal: false,
  caFile: null,
  bearerTokenFile: null,
  proxy: null,
  timeoutMs: 5000,
  maxBytes: 1024 * 1024,
});

export type SettingsFor = (url: URL) => FetchSettings;

export interface FetchTarget extends FetchSettings {
  /** URL: the same scheme, host and port, and a path that is this one or below it. */
  readonly url: string;
}

/** The settings of the longest target that a URL is below, else `others`. Throws when a target's `url` is none. */
export function settingsByUrl(targets: readonly FetchTarget[], others: FetchSettings): SettingsFor {
  const sorted = targets
    .map((target) => ({ target, prefix: new URL(target.url) }))
    .sort((a, b) => b.prefix.pathname.length - a.prefix.pathname.length);
  return (url) => sorted.find(({ prefix }) => isBelow(url, prefix))?.target ?? others;
}

/**
 * What some servers read as the end of a path segment, or as one that goes up: an escaped slash, backslash or dot, an
 * escaped percent sign of one of those for who decodes twice, dots with parameters behind them. `/realm/..%2fadmin` is
 * below `/realm` in the text and not on such a server. The URL's own parser has taken away what it knows for `..`.
 */
const MAYBE_ELSEWHERE = /%(?:2[ef5]|5c)|(?:^|\/)\.{1,2};/i;

/**
 * By whole path segments, of the parsed URL: `https://a.example` must not mean `https://a.example.evil.example`, nor
 * `/realm` mean `/realm2`. A path that servers may read as another is below nothing: a target brings credentials.
 */
export function isBelow(url: URL, prefix: URL): boolean {
  if (url.protocol !== prefix.protocol || url.host !== prefix.host) return false;
  if (url.pathname === prefix.pathname) return true;
  const path = prefix.pathname.endsWith('/') ? prefix.pathname : `${prefix.pathname}/`;
  return url.pathname.startsWith(path) && !MAYBE_ELSEWHERE.test(url.pathname.slice(path.length));
}
