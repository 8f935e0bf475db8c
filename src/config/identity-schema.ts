/** `identity`: where proofs of identity are verified with the help of others, and what is kept of them. */
import * as z from 'zod';
import {
  clientIdText,
  hostPattern,
  isHttpUrl,
  metadataNamespace,
  optionalFilePath,
  parameterName,
  peerPattern,
  plainName,
  proxyUrl,
  scopeText,
  webUrl,
  webUrlOrEmpty,
} from './values.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_SECONDS = 86_400;
/** Hosts that a service knows by name; more is another list given by mistake. */
const MAX_TARGETS = 256;

const xfcc = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'Take the client identity from x-forwarded-client-cert. Anyone can write that header, so see trustedPeers.',
      ),
    trustedPeers: z
      .array(peerPattern)
      .max(256)
      .default([])
      .describe('SPIFFE IDs or patterns of the hops whose x-forwarded-client-cert is believed.'),
    depth: z
      .int()
      .min(0)
      .max(64)
      .default(0)
      .describe('Which element counts, from the right, 1 being the last; 0: there must be exactly one.'),
    trustEmptyPeer: z
      .enum(['never', 'marked', 'always'])
      .default('never')
      .describe(
        'Believe one element of the header where the connection has no principal, as at ambient waypoints: `marked` where Envoy sends the context extension `portcullis.xfcc: overwritten`; `always` only where every Envoy that asks overwrites the header.',
      ),
  })
  .prefault({});

const fetchTarget = z
  .strictObject({
    url: webUrl.describe('This address and all below it.'),
    allowHttp: z.boolean().default(false).describe('Without TLS.'),
    allowLoopback: z.boolean().default(false).describe('Also where the host is this machine.'),
    allowLinkLocal: z
      .boolean()
      .default(false)
      .describe('Also where the host is a link-local address or the metadata service of a cloud.'),
    caFile: optionalFilePath.describe('PEM certificates that are trusted in place of those of the system.'),
    bearerTokenFile: optionalFilePath.describe('A token to send as `Authorization: Bearer`; read at each request.'),
    proxy: proxyUrl
      .optional()
      .transform((url) => url ?? null)
      .describe('http://HOST:PORT of a proxy that is asked to CONNECT.'),
  })
  .superRefine(({ url, allowHttp, bearerTokenFile }, context) => {
    if (!isHttpUrl(url)) return;
    if (!allowHttp) {
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: 'is an address without TLS',
        params: { code: 'http-not-allowed', hint: 'use `https://`, or set `allowHttp` beside it' },
      });
    }
    if (bearerTokenFile !== null) {
      context.addIssue({
        code: 'custom',
        path: ['bearerTokenFile'],
        message: 'would be sent without TLS',
        params: { code: 'secret-over-http', hint: 'use `https://`' },
      });
    }
  });

const fetch = z
  .strictObject({
    targets: z
      .array(fetchTarget)
      .max(MAX_TARGETS)
      .prefault([])
      .describe(
        'How addresses of keys, introspection and revocations are asked, the longest `url` that they are below: maps of `url`, `allowHttp`, `allowLoopback`, `allowLinkLocal` (default `false`), `caFile`, `bearerTokenFile` and `proxy`. Others: HTTPS only, with the authorities of the system, not on this machine.',
      ),
    timeoutSeconds: z.number().min(0.1).max(60).default(5).describe('For one request, to its last byte.'),
    maxBytes: z
      .int()
      .min(KIB)
      .max(32 * MIB)
      .default(MIB)
      .describe('Of an answer; a longer one is none.'),
    refreshSeconds: z
      .number()
      .min(10)
      .max(DAY_SECONDS)
      .default(300)
      .describe('How often keys are fetched again; while that fails, the last good ones stay.'),
    firstKeysWaitSeconds: z
      .number()
      .min(0)
      .max(30)
      .default(2)
      .describe('How long a check waits for keys that it needs at most; then it is 503.'),
    unknownKeyCooldownSeconds: z
      .number()
      .min(1)
      .max(3600)
      .default(30)
      .describe('Least time between two fetches because of a token whose key is not known.'),
  })
  .prefault({});

const client = z
  .strictObject({
    name: plainName.describe('What `introspection.client` of an IdentityProvider says.'),
    endpoints: z
      .array(webUrl)
      .min(1)
      .max(64)
      .describe('Addresses, and all below them, that may get its secret, whatever policies name.'),
    method: z
      .enum(['client_secret_basic', 'client_secret_post', 'bearer'])
      .default('client_secret_basic')
      .describe('How it proves who it is.'),
    clientId: clientIdText.optional().describe('Not for `bearer`.'),
    secretFile: optionalFilePath.describe('Its secret; not for `bearer`. Read at each request.'),
    tokenFile: optionalFilePath.describe('Its token, for `bearer`. Read at each request.'),
  })
  .superRefine((value, context) => {
    const isBearer = value.method === 'bearer';
    for (const key of ['clientId', 'secretFile', 'tokenFile'] as const) {
      const isNeeded = (key === 'tokenFile') === isBearer;
      if (((value[key] ?? null) !== null) === isNeeded) continue;
      context.addIssue({
        code: 'custom',
        path: [key],
        message: isNeeded ? `is needed for \`${value.method}\`` : `is not used by \`${value.method}\``,
        params: isNeeded
          ? { code: 'missing-key', hint: `add \`${key}\`` }
          : { code: 'unused-key', hint: 'remove it, or set another `method`' },
      });
    }
  })
  .transform(({ name, endpoints, method, clientId, secretFile, tokenFile }) =>
    // What is missing has been refused above.
    method === 'bearer'
      ? { name, endpoints, method, tokenFile: tokenFile ?? '' }
      : { name, endpoints, method, clientId: clientId ?? '', secretFile: secretFile ?? '' },
  );

const clients = z
  .array(client)
  .max(MAX_TARGETS)
  .superRefine((list, context) => {
    for (const [index, { name }] of list.entries()) {
      if (list.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `is the name of an earlier client: \`${name}\``,
        params: { code: 'duplicate-name', hint: 'give each its own name' },
      });
    }
  })
  .prefault([])
  .describe(
    'Who we are at servers that introspect tokens: maps of `name`, `endpoints` (addresses that may get the secret), `method` (`client_secret_basic`, the default, `client_secret_post` or `bearer`), `clientId` and `secretFile`, or `tokenFile`.',
  );

const tokens = z
  .strictObject({
    maxEntries: z.int().min(1).max(10_000_000).default(20_000).describe('Verified tokens that are remembered.'),
    maxBytes: z
      .int()
      .min(64 * KIB)
      .max(16 * KIB * MIB)
      .default(64 * MIB)
      .describe('Memory for them, about; as much again for introspected ones.'),
    maxTtlSeconds: z
      .number()
      .min(1)
      .max(DAY_SECONDS)
      .default(300)
      .describe('A token is verified again after this long, however long it lives.'),
  })
  .prefault({});

const revocation = z
  .strictObject({
    file: optionalFilePath.describe('A list of revoked tokens and subjects (JSON); read again when it changes.'),
    url: webUrl
      .optional()
      .transform((url) => url ?? null)
      .describe('Where such a list is fetched from, in place of `file`; see identity.fetch.'),
    refreshSeconds: z
      .number()
      .min(1)
      .max(DAY_SECONDS)
      .default(10)
      .describe('How often the list is looked at; while that fails, the last good one stays.'),
    required: z
      .boolean()
      .default(true)
      .describe('Until the list was read once, requests with a good proof are answered with 503.'),
  })
  .superRefine(({ file, url }, context) => {
    if (file === null || url === null) return;
    context.addIssue({
      code: 'custom',
      path: ['url'],
      message: 'and `identity.revocation.file` are both set',
      params: { code: 'conflicting-keys', hint: 'keep one of them' },
    });
  })
  .prefault({});

const answers = z
  .strictObject({
    resourceMetadata: webUrlOrEmpty
      .default('')
      .describe(
        'Address of the protected resource metadata (RFC 9728) that 401 answers name in WWW-Authenticate; empty: none.',
      ),
    scope: scopeText.default('').describe('Scope that 401 answers ask for in WWW-Authenticate; empty: none.'),
    loginUrl: webUrlOrEmpty
      .default('')
      .describe(
        'Where browsers are sent (302) in place of a 401, with the address that they asked for; empty: nowhere.',
      ),
    loginReturnParameter: parameterName
      .default('rd')
      .describe('Query parameter of loginUrl that gets the address that was asked for.'),
    loginHosts: z
      .array(hostPattern)
      .max(256)
      .default([])
      .describe('Hosts whose requests are sent to loginUrl; the address asked for is never of another host.'),
  })
  .superRefine(({ loginUrl, loginHosts }, context) => {
    if (loginUrl === '' || loginHosts.length > 0) return;
    context.addIssue({
      code: 'custom',
      path: ['loginUrl'],
      message: 'needs `identity.answers.loginHosts`: the host of a request is what its sender says',
      params: { code: 'login-without-hosts', hint: 'list the hosts that people use' },
    });
  })
  .prefault({});

export const identity = z
  .strictObject({
    jwtMetadata: metadataNamespace
      .default('')
      .describe(
        'Metadata namespace that holds verified token claims under `payload`, such as envoy.filters.http.jwt_authn; empty: none.',
      ),
    xfcc,
    fetch,
    clients,
    tokens,
    revocation,
    leaveTokens: z
      .boolean()
      .default(false)
      .describe("Leave verified JWTs in the request whatever policies say: Istio's own jwt_authn verifies them again."),
    answers,
  })
  .prefault({});
