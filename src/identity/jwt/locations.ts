/** Where a request carries a proof, and where it would have to be removed from. */
import { asciiLowerCase, hexValue, isToken, toByteString } from '../../attributes/bytes.ts';
import type { HeaderLines } from '../../attributes/header-lines.ts';
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { JwtProvider, ProofLocations } from '../../policy/identity-model.ts';
import { cookieValues } from './cookies.ts';

export interface ProofPlace {
  readonly in: 'header' | 'query' | 'cookie';
  /** Of the header (lower case), query parameter or cookie. */
  readonly name: string;
}

export type FoundProofs =
  | { readonly outcome: 'none' }
  | {
      readonly outcome: 'found';
      /**
       * Different values, one at least, as byte strings; of the `strict` profile exactly one. Each must be good, and
       * the first is the one that speaks: Envoy verifies all of them, and its metadata has the claims of the first.
       */
      readonly values: readonly [string, ...string[]];
      /** Where they were: what is removed when the original is not forwarded. */
      readonly places: readonly ProofPlace[];
    }
  /** 401: a proof was sent in a way that can be read as several things. */
  | { readonly outcome: 'invalid'; readonly error: 'invalid_request'; readonly description: string };

type Profile = JwtProvider['profile'];

/** Different values of one provider that are looked at; a client has no reason to send more than one. */
const MAX_VALUES = 4;

/** Envoy's defaults (jwt_authn, `from_headers`): `Authorization: Bearer` and the parameter `access_token`. */
const BEARER: ProofLocations = {
  headers: [{ name: 'authorization', prefix: 'Bearer ' }],
  params: ['access_token'],
  cookies: [],
};

/** RFC 9449 §7.1: the scheme of a token that is bound to a key, and no other place. */
const DPOP: ProofLocations = { headers: [{ name: 'authorization', prefix: 'DPoP ' }], params: [], cookies: [] };

/** The places of a provider's tokens, or the defaults when it names none. */
export function jwtLocations({ locations, binding }: Pick<JwtProvider, 'locations' | 'binding'>): ProofLocations {
  const { headers, params, cookies } = locations;
  if (headers.length > 0 || params.length > 0 || cookies.length > 0) return locations;
  return binding === 'dpop' ? DPOP : BEARER;
}

/**
 * `istio`: what Envoy's jwt_authn extracts (source/extensions/filters/http/jwt_authn/extractor.cc): the prefix anywhere
 * in each line, the first parameter and the first cookie of a name, in the order of their names.
 *
 * `strict`: the scheme without case, one space, characters of a token68 (RFC 9110 §11.2), one line; every parameter and
 * cookie of a name counts, and different values for one provider are refused (RFC 6750 §2).
 *
 * A header whose lines Envoy may have joined gives a proof only where all its readings have the same one.
 */
export function findProofs(request: RequestAttributes, locations: ProofLocations, profile: Profile): FoundProofs {
  const found = new Findings();
  // The order of Envoy's std::map and absl::btree_map.
  for (const header of sorted(locations.headers, ({ name, prefix }) => name + prefix)) {
    const place = { in: 'header', name: header.name } as const;
    const values = headerValues(request.header(header.name), toByteString(header.prefix), profile);
    if (values === AMBIGUOUS) return ambiguous(place);
    for (const value of values) found.add(value, place);
  }
  for (const name of sorted(locations.params, (each) => each)) {
    const place = { in: 'query', name } as const;
    const values = parameterValues(request.query, toByteString(name));
    if (profile === 'strict' && !values.every(isToken68)) return ambiguous(place);
    for (const value of profile === 'istio' ? values.slice(0, 1) : values) found.add(value, place);
  }
  for (const name of sorted(locations.cookies, (each) => each)) {
    const place = { in: 'cookie', name } as const;
    const values = cookieValues(request.header('cookie'), toByteString(name));
    if (values === null || (profile === 'strict' && !values.every(isToken68))) return ambiguous(place);
    for (const value of profile === 'istio' ? values.slice(0, 1) : values) found.add(value, place);
  }
  return found.outcome(profile);
}

class Findings {
  readonly #values = new Set<string>();
  readonly #places: ProofPlace[] = [];

  add(value: string, place: ProofPlace): void {
    this.#values.add(value);
    if (this.#places.at(-1)?.name !== place.name || this.#places.at(-1)?.in !== place.in) this.#places.push(place);
  }

  outcome(profile: Profile): FoundProofs {
    const [first, ...others] = this.#values;
    if (first === undefined) return { outcome: 'none' };
    if (this.#values.size > (profile === 'strict' ? 1 : MAX_VALUES)) {
      return invalid('the request carries several different tokens');
    }
    return { outcome: 'found', values: [first, ...others], places: this.#places };
  }
}

const invalid = (description: string): FoundProofs => ({ outcome: 'invalid', error: 'invalid_request', description });

function ambiguous({ in: where }: ProofPlace): FoundProofs {
  const what = { header: 'header', query: 'query parameter', cookie: 'cookie' }[where];
  return invalid(`the ${what} does not carry exactly one token`);
}

const AMBIGUOUS = Symbol('ambiguous');

function headerValues(lines: HeaderLines, prefix: string, profile: Profile): readonly string[] | typeof AMBIGUOUS {
  if (lines.form === 'joined') {
    // Any run of its parts may have been a line, and every line that has the prefix has a proof. The whole as one line
    // has a comma in the proof, which no token has, so there is no proof in which all readings agree.
    const { value } = lines;
    const sent =
      profile === 'istio' ? value.includes(prefix) : asciiLowerCase(value).includes(asciiLowerCase(schemeOf(prefix)));
    return sent ? AMBIGUOUS : [];
  }
  if (profile === 'istio') return lines.lines.flatMap((line) => istioValue(line, prefix) ?? []);
  const attempts = lines.lines.filter((line) => attempts68(line, prefix));
  if (attempts.length === 0) return [];
  const value = lines.lines.length === 1 ? attempts[0]!.slice(prefix.length) : '';
  return isToken68(value) && hasPrefix(attempts[0]!, prefix) ? [value] : AMBIGUOUS;
}

/** The prefix as an authentication scheme, without the space that separates it. */
function schemeOf(prefix: string): string {
  return prefix.endsWith(' ') ? prefix.slice(0, -1) : prefix;
}

function hasPrefix(line: string, prefix: string): boolean {
  return asciiLowerCase(line.slice(0, prefix.length)) === asciiLowerCase(prefix);
}

/** Does the line speak the scheme at all, well or badly? `Bearerx` is another scheme, `Bearer` and a tab is this one. */
function attempts68(line: string, prefix: string): boolean {
  const scheme = schemeOf(prefix);
  if (!hasPrefix(line, scheme)) return false;
  return scheme === prefix || !isToken(line.slice(scheme.length, scheme.length + 1));
}

/** RFC 4648 §5 and the dot: where Envoy's extractor lets a token begin. */
const TOKEN_START = /[A-Za-z0-9_.-]/g;

/** null: the line has no token for Envoy. */
function istioValue(line: string, prefix: string): string | null {
  if (prefix === '') return line;
  const at = line.indexOf(prefix);
  if (at < 0) return null;
  TOKEN_START.lastIndex = at + prefix.length;
  const start = TOKEN_START.exec(line);
  // Envoy takes the whole line for the token then, which cannot be one.
  return start === null ? line : line.slice(start.index);
}

/** All values of a parameter, decoded as Envoy does: once, `+` and broken escapes left as they are. */
function parameterValues(query: string | null, name: string): readonly string[] {
  if (query === null || query === '') return [];
  const values: string[] = [];
  for (const pair of query.split('&')) {
    const equal = pair.indexOf('=');
    const rawName = equal < 0 ? pair : pair.slice(0, equal);
    // `a&&b` has an empty parameter between, and a name that is longer than thrice the wanted one cannot be it.
    if (rawName.length > name.length * 3 || percentDecode(rawName) !== name) continue;
    values.push(equal < 0 ? '' : percentDecode(pair.slice(equal + 1)));
  }
  return values;
}

function percentDecode(text: string): string {
  let at = text.indexOf('%');
  if (at < 0) return text;
  let out = '';
  let from = 0;
  for (; at >= 0; at = text.indexOf('%', Math.max(from, at + 1))) {
    const high = hexValue(text.charCodeAt(at + 1));
    const low = hexValue(text.charCodeAt(at + 2));
    if (high < 0 || low < 0) continue;
    out += text.slice(from, at) + String.fromCharCode(high * 16 + low);
    from = at + 3;
  }
  return out + text.slice(from);
}

/** RFC 9110 §11.2. */
function isToken68(text: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(text);
}

function sorted<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  if (items.length < 2) return items;
  return [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}
