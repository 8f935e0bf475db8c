/**
 * The classes of attack that Portcullis is built against, by section of its threat model. Each has tests in the files
 * named, or says why it has none yet; `rows.test.ts` holds the tests to this list.
 */
export type Section = '3.1' | '3.2' | '3.3' | '3.4' | '3.5' | '3.6';

export interface Row {
  readonly section: Section;
  readonly title: string;
  /** Files of this folder, or with their folder in `test/`, without `.test.ts`. Empty only with `later`. */
  readonly tested: readonly string[];
  /** What of the class is not tested here, and why. */
  readonly later: string | null;
}

const row = (section: Section, title: string, ...tested: readonly string[]): Row => ({
  section,
  title,
  tested,
  later: null,
});

/** The rows about tokens themselves. */
const TOKENS = 'identity/jwt/threat-model-3.5';

export const ROWS: readonly Row[] = [
  row('3.1', 'query and fragment', 'path', 'path.e2e'),
  row('3.1', 'dot segments', 'path', 'path.e2e'),
  row('3.1', '`..;/`, `.;x`, `;params`', 'path', 'path.e2e'),
  row('3.1', 'empty segments', 'path', 'path.e2e'),
  row('3.1', 'escaped slash, backslash', 'path', 'path.e2e'),
  row('3.1', 'double encoding', 'path', 'path.e2e'),
  row('3.1', 'NUL, controls, non-ASCII', 'path', 'path.e2e'),
  row('3.1', 'bad percent escapes, overlong UTF-8', 'path', 'path.e2e'),
  row('3.1', 'trailing slash', 'path', 'path.e2e'),
  row('3.1', 'path case', 'path', 'path.e2e'),
  row('3.1', 'no leading slash, `*`, absolute form, CONNECT', 'path', 'path.e2e'),
  row('3.1', 'templates and odd characters', 'path', 'path.e2e'),
  row('3.1', 'header copies of the path', 'path', 'path.e2e'),
  row('3.1', 'injected header re-routes', 'doctor/threat-model'),

  row('3.2', 'host case', 'host-method'),
  row('3.2', 'host with a port', 'host-method'),
  row('3.2', 'trailing dot of a host', 'host-method'),
  row('3.2', 'several hosts', 'host-method', 'headers.e2e'),
  row('3.2', 'empty or missing host', 'host-method'),
  row('3.2', 'characters of no host', 'host-method'),
  row('3.2', 'method case, unknown methods, override headers', 'host-method'),
  row('3.2', 'gRPC method paths', 'host-method'),

  row('3.3', 'duplicates joined by comma', 'headers', 'headers.e2e'),
  row('3.3', 'underscore for dash', 'headers', 'headers.e2e'),
  row('3.3', 'identity headers from the client', 'headers', 'headers.e2e'),
  row('3.3', 'blanking by an empty value', 'headers', 'headers.e2e'),
  row('3.3', 'header value injection', 'headers', 'headers.e2e'),
  row('3.3', 'headers too long or too many', 'headers', 'headers.e2e'),
  row('3.3', 'x-forwarded-client-cert', 'headers', 'headers.e2e'),
  row('3.3', 'failure mode header', 'headers', 'headers.e2e'),
  row('3.3', 'query injection', 'headers'),

  row('3.4', 'empty principal', 'peer', 'peer-identity'),
  row('3.4', 'SPIFFE ID spellings', 'peer', 'peer-identity'),
  row('3.4', 'NUL and odd bytes in a SAN', 'peer', 'peer-identity'),
  row('3.4', 'DNS SAN or subject in place of a URI', 'peer', 'peer-identity'),
  row('3.4', 'trust domain aliases', 'peer', 'peer-identity'),
  row('3.4', 'several URI SANs', 'peer', 'peer-identity'),
  row('3.4', 'destination from the request', 'peer', 'peer-identity'),

  row('3.5', 'alg none, HS/RS confusion', TOKENS),
  row('3.5', 'embedded jwk, jku, x5u, x5c, kid injection', TOKENS),
  row('3.5', 'JWE, PBES2, zip bombs', TOKENS),
  row('3.5', 'missing iss, aud, exp checks', TOKENS),
  row('3.5', 'same kid in two issuers', TOKENS, 'identity/jwks/key-sources'),
  row('3.5', 'JWKS SSRF, redirects, internal IPs', 'identity/net/guarded-fetch', 'identity/net/address-guard'),
  row('3.5', 'unknown kid', TOKENS),
  row('3.5', 'unknown-kid DoS', 'identity/jwks/key-sources'),
  row('3.5', 'lenient Bearer parsing, two tokens', TOKENS),
  row('3.5', 'duplicate JSON claims', TOKENS),
  row('3.5', 'non-canonical base64url, ES256 malleability', TOKENS),
  row('3.5', 'introspection cache confusion', 'identity/introspection/introspector'),
  row('3.5', 'stale claims', TOKENS, 'identity/introspection/introspector'),

  row('3.6', 'cache key confusion', 'process'),
  row('3.6', 'decision outlives its grounds', 'process'),
  row('3.6', 'errors in the cache', 'process'),
  row('3.6', 'stale snapshot after a reload', 'process'),
  row('3.6', 'hash flooding', 'process'),
  row('3.6', 'prototype names', 'process'),
  row('3.6', 'regular expressions that explode', 'process'),
  row('3.6', 'deep recursion', 'process'),
  row('3.6', 'gRPC floods', 'process', 'transport/native/hostile', 'transport/native/hoarding'),
  row('3.6', 'ways to fail open outside of the service', 'doctor/threat-model'),
  row('3.6', 'absent fields and unknown values', 'process'),
  row('3.6', 'unsupported rule keys', 'process'),
  row('3.6', 'shadow results', 'process'),
  row('3.6', 'what a denial tells', 'process'),
];

export function nameOf({ section, title }: Pick<Row, 'section' | 'title'>): string {
  return `${section} ${title}`;
}
