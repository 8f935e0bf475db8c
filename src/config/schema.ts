/**
 * The configuration of the service, defined once: what is valid, what is assumed when nothing is
 * said, the types, the environment variables and the published JSON Schema all come from here.
 */
import * as z from 'zod';
import { admin } from './admin-schema.ts';
import { audit } from './audit-schema.ts';
import { identity } from './identity-schema.ts';
import { telemetry } from './telemetry-schema.ts';
import {
  filePath,
  healthAddress,
  kubernetesNamespace,
  listenAddress,
  responseHeaders,
  sanPattern,
  trustDomain,
} from './values.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Node's timers take at most 2^31 − 1 ms; a day is far below that, and far above any use here. */
const MAX_SECONDS = 86_400;
/** A body above this is no denial text any more, and Envoy buffers all of it. */
const MAX_BODY_CHARACTERS = 64 * KIB;

const requests = z
  .strictObject({
    ambiguousPaths: z
      .enum(['deny', 'evaluate'])
      .default('deny')
      .describe('What happens to a path that hosts could read in two ways: deny (400), or evaluate it as Istio does.'),
  })
  .prefault({});

const clientIp = z
  .strictObject({
    useRemoteAddress: z
      .boolean()
      .optional()
      .describe("Envoy's use_remote_address of the listener that asks. Default false."),
    xffTrustedHops: z
      .int()
      .min(0)
      .max(64)
      .optional()
      .describe("Envoy's xff_num_trusted_hops of the listener that asks. Default 0."),
  })
  .prefault({})
  .transform(({ useRemoteAddress, xffTrustedHops }) => ({
    useRemoteAddress: useRemoteAddress ?? false,
    xffTrustedHops: xffTrustedHops ?? 0,
    /** True when somebody said at least one of the two: AccessPolicy's `remoteIpBlocks` need that. */
    explicit: useRemoteAddress !== undefined || xffTrustedHops !== undefined,
  }));

const workload = z
  .strictObject({
    require: z
      .enum(['', 'contextExtensions', 'inventory', 'principal'])
      .default('')
      .describe('Accept only this source for which workload is called; empty: the first that is there.'),
  })
  .prefault({});

const response = z
  .strictObject({
    status: z
      .int()
      .min(400)
      .max(599)
      .optional()
      .transform((status) => status ?? null)
      .describe('HTTP status; when absent the status of the reason.'),
    body: z
      .string()
      .max(MAX_BODY_CHARACTERS)
      .optional()
      .transform((body) => body ?? null)
      .describe('Body; when absent a short text that tells no policy.'),
    headers: responseHeaders.prefault({}).describe('Header lines to add: name and value.'),
  })
  .prefault({});

const responses = z
  .strictObject({
    forbidden: response.describe('Answers with 403.'),
    unauthenticated: response.describe('Answers with 401: a token is missing or bad.'),
    malformed: response.describe('Answers to requests that no rule is asked about (400, 413, 431).'),
    overloaded: response.describe('Answers with 503: overloaded, draining or not ready.'),
  })
  .prefault({});

const cache = z
  .strictObject({
    maxEntries: z.int().min(0).max(10_000_000).default(100_000).describe('Decisions kept; 0: none.'),
    ttlSeconds: z
      .number()
      .min(0)
      .max(MAX_SECONDS)
      .default(60)
      .describe('How long a decision is kept at most; 0: not at all.'),
  })
  .prefault({});

const tls = z
  .strictObject({
    certFile: filePath.describe('PEM certificate chain of the gRPC listener; read again when it changes.'),
    keyFile: filePath.describe('PEM private key.'),
    clientCaFile: filePath
      .optional()
      .transform((path) => path ?? null)
      .describe('PEM certificates; clients must present a certificate that one of these signed.'),
    allowedClients: z
      .array(sanPattern)
      .max(1024)
      .default([])
      .describe('SAN patterns of clients that may ask; empty: every verified client.'),
  })
  .superRefine((value, context) => {
    if (value.allowedClients.length > 0 && value.clientCaFile === null) {
      context.addIssue({
        code: 'custom',
        path: ['allowedClients'],
        message: 'needs `tls.clientCaFile`: without it no client proves who it is',
        params: { code: 'allowed-clients-without-ca', hint: 'set `tls.clientCaFile`' },
      });
    }
  })
  .optional()
  .transform((value) => value ?? null)
  .describe('TLS of the gRPC listener; absent: plaintext.');

const limits = z
  .strictObject({
    // Above what Envoy sends by itself: headers up to 8 MiB (max_request_headers_kb), a certificate, and a
    // buffered body (with_request_body, commonly up to a few MiB).
    maxMessageBytes: z
      .int()
      .min(64 * KIB)
      .max(1024 * MIB)
      .default(64 * MIB)
      .describe('Largest CheckRequest that is looked at, in bytes; larger: 413.'),
    // Envoy's own default is 100 (max_headers_count); ten times that is nobody's real request.
    maxHeaders: z.int().min(16).max(100_000).default(1000).describe('Header lines of a request; more: 431.'),
    // Envoy's own default is 60 KiB (max_request_headers_kb); four times that leaves room for
    // listeners that raised it.
    maxHeaderBytes: z
      .int()
      .min(4 * KIB)
      .max(64 * MIB)
      .default(256 * KIB)
      .describe('Names and values of all headers of a request, in bytes; more: 431.'),
    // Envoy opens calls on a new connection before it has read our settings, and a call above the bound is
    // refused: a gRPC error, which `failure_mode_allow` makes an allow. So the bound is one that no Envoy gets
    // to (its cluster's `max_requests` is 1024 unless raised; Istio lifts it), and never below that.
    maxConcurrentStreams: z.int().min(1024).max(10_000_000).default(100_000).describe('Open calls a connection.'),
    // Long enough to cost nothing, short enough that load spreads over new replicas in half an hour.
    maxConnectionAgeSeconds: z
      .number()
      .min(0)
      .max(MAX_SECONDS)
      .default(1800)
      .describe('Connections are asked to leave after about this time; 0: never.'),
  })
  .prefault({});

const overload = z
  .strictObject({
    // Half of the 200 ms that Envoy waits where nobody says otherwise. What is read in one turn of the event loop
    // may have come at the beginning of the one before, and a turn goes on behind the bound, with quick refusals.
    maxTurnMs: z
      .number()
      .min(0)
      .max(60_000)
      .default(100)
      .describe(
        'Work between two looks at the sockets, in milliseconds, above which only what is kept is answered; other checks are refused (503).',
      ),
    // One to two seconds of verifying signatures on one core: nobody waits longer for more.
    maxWaiting: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(4096)
      .describe(
        'Checks that wait for a token to be verified or keys to be fetched, in each worker; more are refused (503).',
      ),
    errorResponse: z
      .boolean()
      .default(false)
      .describe(
        'Tell Envoy (1.37 or newer) of `overloaded`, `not_ready` and `deadline_exceeded` as errors, not as denials. With `failure_mode_allow` in Envoy or `failOpen` in Istio such requests then pass unchecked.',
      ),
  })
  .prefault({});

const log = z
  .strictObject({
    level: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info')
      .describe('Least level of the service log, which goes to standard error as JSON lines.'),
  })
  .prefault({});

const reload = z
  .strictObject({
    debounceMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(200)
      .describe('Changes of policy files closer together than this are one change.'),
    pollMs: z
      .int()
      .min(0)
      .max(3_600_000)
      .default(2000)
      .describe('How often policy files are looked at besides file events, which some file systems lose; 0: never.'),
  })
  .prefault({});

/** The whole file. Every key is optional. */
export const configSchema = z.strictObject({
  policies: z.array(filePath).min(1).max(1024).default(['policies']).describe('Files and directories with policies.'),
  listen: listenAddress.default('127.0.0.1:9191').describe('The gRPC listener: HOST:PORT or unix:PATH.'),
  admin,
  health: healthAddress
    .prefault('')
    .describe('A server with only /livez, /readyz and /metrics, for probes and Prometheus; empty: none.'),
  management: healthAddress
    .prefault('')
    .describe('A gRPC listener of its own for people and tools, with server reflection and health; empty: none.'),
  tls,
  workers: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .transform((workers) => workers ?? null)
    .describe('Processes that answer checks; absent: as many as processors may be used, container limits and all.'),
  reflection: z
    .boolean()
    .default(true)
    .describe('Answer gRPC server reflection where Envoy asks; only with `transport: grpc-js`, see `management`.'),
  transport: z.enum(['grpc-js', 'native']).default('native').describe('The gRPC implementation.'),
  defaultAction: z
    .enum(['DENY', 'ALLOW'])
    .default('DENY')
    .describe("What happens when no ALLOW policy applies to the workload; ALLOW is Istio's rule."),
  state: z
    .string()
    .max(4096)
    .default('')
    .describe(
      'Directory in which the last good policies are kept, to be served after a restart while the files have errors; empty: none.',
    ),
  allowEmpty: z.boolean().default(false).describe('Serving with no policy at all is meant.'),
  rootNamespace: kubernetesNamespace
    .default('istio-system')
    .describe('Policies of this namespace apply to the whole mesh.'),
  trustDomain: trustDomain.default('cluster.local').describe("The mesh's SPIFFE trust domain."),
  trustDomainAliases: z.array(trustDomain).max(256).default([]).describe('Further names of the trust domain.'),
  requests,
  clientIp,
  identity,
  workload,
  responses,
  cache,
  limits,
  overload,
  drainSeconds: z
    .number()
    .min(0)
    .max(3600)
    // Below Kubernetes' default terminationGracePeriodSeconds of 30, so that the exit is ours.
    .default(20)
    .describe('On SIGTERM, how long checks in flight have to be answered.'),
  log,
  audit,
  telemetry,
  reload,
});

/** Rules between settings; they need the whole, and are checked once every setting is valid alone. */
export const checkedConfigSchema = configSchema.superRefine((config, context) => {
  const { enabled, trustedPeers, trustEmptyPeer } = config.identity.xfcc;
  if (enabled && trustedPeers.length === 0 && trustEmptyPeer === 'never') {
    context.addIssue({
      code: 'custom',
      path: ['identity', 'xfcc', 'enabled'],
      message: 'needs `identity.xfcc.trustedPeers`: anyone can write x-forwarded-client-cert',
      params: {
        code: 'xfcc-without-trusted-peers',
        hint: 'list the SANs of the hops that write the header; at ambient waypoints see `identity.xfcc.trustEmptyPeer`',
      },
    });
  }
  if (trustEmptyPeer === 'always' && trustedPeers.length > 0) {
    context.addIssue({
      code: 'custom',
      path: ['identity', 'xfcc', 'trustEmptyPeer'],
      message:
        'cannot be `always` beside `identity.xfcc.trustedPeers`: a listener that knows hops by their certificates may take connections without one too, and would believe their clients',
      params: {
        code: 'xfcc-trusts-everyone',
        hint: 'use `marked`, or give the waypoints a service of their own',
      },
    });
  }
  const listeners = [
    [['listen'], config.listen],
    [['admin', 'address'], config.admin.address],
    [['health'], config.health],
    [['management'], config.management],
  ] as const;
  for (const [index, [path, address]] of listeners.entries()) {
    const earlier = listeners.slice(0, index).find(([, other]) => other === address);
    if (address !== null && !address.endsWith(':0') && earlier !== undefined) {
      context.addIssue({
        code: 'custom',
        path: [...path],
        message: `is the same address as \`${earlier[0].join('.')}\``,
        params: { code: 'address-in-use', hint: 'give each listener its own port' },
      });
    }
  }
});
