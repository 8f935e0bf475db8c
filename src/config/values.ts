/**
 * The kinds of value that the configuration is made of, each with its own check, code and hint.
 */
import * as z from 'zod';
import { isSecretName } from '../lib/secret-name.ts';
import { parseTcpAddress, parseUnixAddress } from './address.ts';

/** What a failed check carries, so that the diagnostic can have a stable code and a hint. */
export interface CheckParams {
  readonly code: string;
  readonly hint: string;
}

function checked(test: (text: string) => boolean, what: string, code: string, hint: string): z.ZodString {
  const params: CheckParams = { code, hint };
  return z.string().refine(test, { error: what, params: { ...params } });
}

/** Switches a setting off that is otherwise an address. */
const OFF = '';

export const listenAddress = checked(
  (text) => parseTcpAddress(text) !== null || parseUnixAddress(text) !== null,
  'is no address to listen on',
  'bad-address',
  'write `HOST:PORT` (`127.0.0.1:9191`, `[::1]:9191`) or `unix:PATH` (at most 107 bytes)',
);

/** `HOST:PORT`, or empty for none; null when empty. */
export const healthAddress = checked(
  (text) => text === OFF || parseTcpAddress(text) !== null,
  'is no address to listen on',
  'bad-address',
  'write `HOST:PORT`, such as `0.0.0.0:9193`; empty for none',
).transform((text) => (text === OFF ? null : text));

/** As {@link healthAddress}; who may reach it is for `admin` as a whole to tell. */
export const adminAddress = checked(
  (text) => text === OFF || parseTcpAddress(text) !== null,
  'is no address to listen on',
  'bad-address',
  'write `HOST:PORT`, such as `127.0.0.1:9192`; empty for none',
).transform((text) => (text === OFF ? null : text));

/** A path of a file or directory. */
export const filePath = checked(
  (text) => text.length > 0 && !text.includes('\0'),
  'is no path',
  'bad-path',
  'write the path of a file',
);

/** As {@link filePath}; null when it is not there. */
export const optionalFilePath = filePath.optional().transform((path) => path ?? null);

/** Longer ones are data. */
const MAX_URL_CHARACTERS = 2048;

function parseWebUrl(text: string): URL | null {
  const url = text.length <= MAX_URL_CHARACTERS ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hash !== '') return null;
  // Names and passwords of a URL end up in logs.
  return url.username === '' && url.password === '' ? url : null;
}

export const webUrl = checked(
  (text) => parseWebUrl(text) !== null,
  'is no web address',
  'bad-url',
  'write `https://HOST/PATH`, without user, password and fragment, at most 2048 characters',
);

/** As {@link webUrl}, or empty for none. */
export const webUrlOrEmpty = checked(
  (text) => text === OFF || parseWebUrl(text) !== null,
  'is no web address',
  'bad-url',
  'write `https://HOST/PATH`, without user, password and fragment; empty for none',
);

export const proxyUrl = checked(
  (text) => {
    const url = parseWebUrl(text);
    return url?.protocol === 'http:' && url.pathname === '/' && url.search === '';
  },
  'is no address of a proxy',
  'bad-url',
  'write `http://HOST:PORT`',
);

export const isHttpUrl = (text: string): boolean => parseWebUrl(text)?.protocol === 'http:';

/** Goes into file names, too. */
export const instanceName = checked(
  (text) => /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/.test(text),
  'is no name of an instance',
  'bad-instance',
  'letters, digits, `.`, `-` and `_`, at most 128; empty for the host name',
);

/** A claim by its name, or inside objects by the names on the way. */
export const claimReference = checked(
  (text) => text.length <= 512 && /^(?:[^[\]\s]+|(?:\[[^[\]]+\]){1,8})$/.test(text),
  'names no claim',
  'bad-claim',
  'write the name, or `[a][b]` for `b` in the object `a`',
).refine((text) => !isSecretName(text), {
  error: 'is a claim that holds a secret',
  params: { code: 'secret-claim', hint: 'leave it out: secrets are never recorded' },
});

/** RFC 6749 §3.3: names with one space between; empty for none. */
export const scopeText = checked(
  (text) => text.length <= 1024 && /^(?:[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*)?$/.test(text),
  'is no scope',
  'bad-scope',
  'write the names with one space between, without quotes and backslashes',
);

/** A name that policies refer to. */
export const plainName = checked(
  (text) => /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(text),
  'is no name',
  'bad-name',
  'letters, digits, `.`, `-` and `_`, at most 64',
);

/** RFC 6749 Appendix A.1, not empty. */
export const clientIdText = checked(
  (text) => /^[\x20-\x7e]{1,1024}$/.test(text),
  'is no client id',
  'bad-client-id',
  'printable ASCII, at most 1024 characters',
);

/** The host of a URL, as Host headers have it, or all below one. */
export const hostPattern = checked(
  (text) => text.length <= 255 && /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[1-9][0-9]{0,4})?$/.test(text),
  'is no host',
  'bad-host',
  'write `shop.example.com`, `shop.example.com:8443` or `*.example.com`, in lower case',
);

export const parameterName = checked(
  (text) => /^[A-Za-z0-9._~-]{1,64}$/.test(text),
  'is no name of a query parameter',
  'bad-parameter-name',
  'letters, digits, `.`, `_`, `~` and `-`, at most 64',
);

/** The SPIFFE standard, §2.1: lower-case letters, digits, dot, dash, underscore; at most 255. */
export const trustDomain = checked(
  (text) => /^[a-z0-9._-]{1,255}$/.test(text),
  'is no SPIFFE trust domain',
  'bad-trust-domain',
  'lower-case letters, digits, `.`, `-` and `_` only, without `spiffe://`',
);

/** RFC 1123 label, as Kubernetes asks of a namespace. */
export const kubernetesNamespace = checked(
  (text) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text),
  'is no namespace',
  'bad-namespace',
  'lower-case letters, digits and `-`, at most 63',
);

/** SPIFFE §2.3: an ID has at most 2048 bytes. */
const MAX_SAN_PATTERN_CHARACTERS = 2048;

/** A URI, whole or up to a `*` at its end; never all of them. */
const isUriPattern = (text: string): boolean =>
  text.length <= MAX_SAN_PATTERN_CHARACTERS && /^[a-z][a-z0-9+.-]*:\/\/[\x21-\x29\x2b-\x7e]+\*?$/i.test(text);

/** A DNS name whose first label may be `*`. */
const isDnsPattern = (text: string): boolean =>
  text.length <= MAX_SAN_PATTERN_CHARACTERS && /^dns:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i.test(text);

/** What lib/x509/san-pattern.ts matches. A pattern that could never match is a mistake, so it is an error. */
export const sanPattern = checked(
  (text) => isUriPattern(text) || isDnsPattern(text),
  'is no SAN pattern',
  'bad-san-pattern',
  'write `spiffe://TRUST-DOMAIN/PATH` (a `*` at the end is any rest), `dns:NAME` or `dns:*.NAME`',
);

/** Who speaks in a mesh has a SPIFFE ID: of a peer, Envoy names a URI. */
export const peerPattern = checked(
  isUriPattern,
  'is no pattern of a peer',
  'bad-peer-pattern',
  'write `spiffe://TRUST-DOMAIN/PATH`; a `*` at the end is any rest',
);

/** The name of a metadata namespace, which is that of an Envoy filter; empty: off. */
export const metadataNamespace = checked(
  (text) => /^[\x21-\x7e]{0,255}$/.test(text),
  'is no metadata namespace',
  'bad-metadata-namespace',
  'write the name of the Envoy filter, such as `envoy.filters.http.jwt_authn`; empty for none',
);

/** RFC 9110 §5.6.2 token. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
/** A request header that may be recorded; in the result in lower case. */
export const recordedHeader = checked(
  (text) => HEADER_NAME.test(text),
  'is no header name',
  'bad-header-name',
  "letters, digits and ``!#$%&'*+.^_`|~-``",
)
  .refine((text) => !isSecretName(text), {
    error: 'is a header that holds a secret',
    params: { code: 'secret-header', hint: 'leave it out: secrets are never recorded' },
  })
  .transform((text) => text.toLowerCase());

/** RFC 9110 §5.5 without obs-text, and without white space at the ends. */
const HEADER_VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]{0,4094}[\x21-\x7e])?)?$/;
/** More than these is not a denial page but a mistake; each costs bytes in every such answer. */
const MAX_RESPONSE_HEADERS = 64;

/**
 * Headers that a denial must not carry: those that belong to the connection or to the framing
 * (RFC 9110 §7.6.1), and those that Envoy and the mesh give a meaning to.
 */
const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-client-cert',
]);

/** Header lines of a denial: name → value. In the result names are lower case, in the order written. */
export const responseHeaders = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    const names = Object.keys(headers);
    if (names.length > MAX_RESPONSE_HEADERS) {
      fail(context, [], 'has too many headers', 'out-of-range', `at most ${String(MAX_RESPONSE_HEADERS)}`);
    }
    const seen = new Set<string>();
    for (const name of names) {
      const lower = name.toLowerCase();
      if (!HEADER_NAME.test(name)) {
        fail(context, [name], 'is no header name', 'bad-header-name', "letters, digits and ``!#$%&'*+.^_`|~-``");
      } else if (FORBIDDEN_HEADERS.has(lower) || lower.startsWith('x-envoy-')) {
        fail(context, [name], 'is a header that Envoy owns', 'forbidden-header', 'leave it out');
      } else if (seen.has(lower)) {
        fail(context, [name], 'is there twice, in different case', 'duplicate-header', 'keep one of them');
      } else if (!HEADER_VALUE.test(headers[name] ?? '')) {
        fail(
          context,
          [name],
          'has a value that no header can have',
          'bad-header-value',
          'printable ASCII without white space at the ends, at most 4096 characters',
        );
      }
      seen.add(lower);
    }
  })
  .transform(
    (headers): ReadonlyMap<string, string> =>
      new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  );

function fail(
  context: z.core.$RefinementCtx<Record<string, string>>,
  path: string[],
  message: string,
  code: string,
  hint: string,
): void {
  const params: CheckParams = { code, hint };
  context.addIssue({ code: 'custom', path, message, params: { ...params } });
}
