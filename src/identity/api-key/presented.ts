/** Finds the API keys that a request presents. */
import type { HeaderLines } from '../../attributes/header-lines.ts';
import { decodeOnce } from '../../attributes/path.ts';
import type { ProofLocations } from '../../policy/identity-model.ts';

/** The parts of a request in which keys are looked for. */
export interface KeyCarrier {
  /** `name` in lower case. */
  header(name: string): HeaderLines;
  /** What stands behind the first `?`; null when there is none. */
  readonly query: string | null;
}

/** Keys are tens of bytes; past this nothing is hashed. */
const MAX_KEY_LENGTH = 1024;

/**
 * Visible ASCII without `,` and `;`. A comma may be the seam of two joined lines, a semicolon ends a cookie or, to
 * some servers, a parameter: a key with one would be there in one reading and not in another.
 */
const KEY = /^[\x21-\x2b\x2d-\x3a\x3c-\x7e]+$/;

export type Presented =
  | { readonly found: 'none' }
  | { readonly found: 'one'; readonly key: string }
  /** Several different ones, one that no key can be, or one that is there in some readings only. */
  | { readonly found: 'several' | 'malformed' };

/** Where keys are looked for when a provider says nothing of it. */
const DEFAULT_HEADERS: ProofLocations['headers'] = [{ name: 'x-api-key', prefix: '' }];

/** The same key in several places is one key. */
export function presentedKey(request: KeyCarrier, { headers, params, cookies }: ProofLocations): Presented {
  const anywhere = headers.length + params.length + cookies.length > 0;
  const keys = new Set<string>();
  let certain = true;
  for (const { name, prefix } of anywhere ? headers : DEFAULT_HEADERS) {
    const lines = request.header(name);
    if (lines.form === 'joined') {
      // Any part may have begun a line. One with the prefix is a key in one reading, and none or another in the next.
      if (someBeginsWith(lines.value, prefix)) certain = false;
    } else for (const line of lines.lines) if (line.startsWith(prefix)) keys.add(line.slice(prefix.length));
  }
  if (params.length > 0 && request.query !== null) for (const key of inQuery(request.query, params)) keys.add(key);
  if (cookies.length > 0) {
    const lines = request.header('cookie');
    const found = inCookies(lines.form === 'joined' ? [lines.value] : lines.lines, cookies);
    // Commas are common in cookies. What is found alike with all of them in place and with each as a seam is certain.
    if (lines.form === 'joined' && !same(inCookies(lines.value.split(','), cookies), found)) certain = false;
    for (const key of found) keys.add(key);
  }
  for (const key of keys) if (key.length > MAX_KEY_LENGTH || !KEY.test(key)) return { found: 'malformed' };
  if (!certain) return { found: 'malformed' };
  if (keys.size > 1) return { found: 'several' };
  for (const key of keys) return { found: 'one', key };
  return { found: 'none' };
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, i) => text === others[i]);
}

/** Has a joined value a place where a line may have begun, and that begins with `prefix`? */
function someBeginsWith(value: string, prefix: string): boolean {
  for (let comma = -1; ;) {
    if (value.startsWith(prefix, pastBlanks(value, comma + 1))) return true;
    comma = value.indexOf(',', comma + 1);
    if (comma < 0) return false;
  }
}

/** Optional blanks of RFC 9110 §5.6.3, which Envoy strips from lines before it joins them. */
function pastBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

/** Not with a regular expression: one that looks for blanks at the end takes the square of a long run of them. */
function withoutBlanks(text: string): string {
  const from = pastBlanks(text, 0);
  let to = text.length;
  while (to > from && (text[to - 1] === ' ' || text[to - 1] === '\t')) to--;
  return text.slice(from, to);
}

function inQuery(query: string, params: readonly string[]): string[] {
  return query.split('&').flatMap((pair) => {
    const equals = pair.indexOf('=');
    const name = decodeOnce(equals < 0 ? pair : pair.slice(0, equals));
    if (name === null || !params.includes(name)) return [];
    // Escapes that do not decode make it no key, and not an absent one. A `+`, which may be a blank, stands for itself.
    return [equals < 0 ? '' : (decodeOnce(pair.slice(equals + 1)) ?? '')];
  });
}

/** `cookie-string` of RFC 6265 §4.2.1, blanks wherever servers take them. */
function inCookies(lines: readonly string[], names: readonly string[]): string[] {
  return lines.flatMap((line) =>
    line.split(';').flatMap((pair) => {
      const equals = pair.indexOf('=');
      const name = withoutBlanks(equals < 0 ? pair : pair.slice(0, equals));
      return names.includes(name) ? [equals < 0 ? '' : withoutBlanks(pair.slice(equals + 1))] : [];
    }),
  );
}
