/**
 * The configuration in force, for people: an allow-list, so that a setting that is added later is not told before somebody
 * has thought about it. Files are named and never read.
 */
import { REDACTED, redactTarget } from '../audit/redact.ts';
import type { ServiceConfig } from '../config/config.ts';
import { isSecretName } from '../lib/secret-name.ts';

/** `all`: as it is. `url`: without the values of a query. `headers`: by name, without those of secrets. */
type Shown = 'all' | 'url' | 'headers' | readonly [Shown] | { readonly [key: string]: Shown };

const TLS: Shown = { certFile: 'all', keyFile: 'all', clientCaFile: 'all', allowedClients: 'all' };
const RESPONSE: Shown = { status: 'all', body: 'all', headers: 'headers' };
const COLLECTOR = { url: 'url', gzip: 'all', timeoutSeconds: 'all', headersFile: 'all', caFile: 'all' } as const;

const SHOWN: Shown = {
  policies: 'all',
  listen: 'all',
  admin: { address: 'all', tokenFile: 'all', tls: TLS, allowHttp: 'all', actions: 'all', recent: 'all' },
  health: 'all',
  management: 'all',
  tls: TLS,
  workers: 'all',
  reflection: 'all',
  transport: 'all',
  defaultAction: 'all',
  state: 'all',
  allowEmpty: 'all',
  rootNamespace: 'all',
  trustDomain: 'all',
  trustDomainAliases: 'all',
  requests: 'all',
  clientIp: 'all',
  identity: {
    jwtMetadata: 'all',
    xfcc: 'all',
    fetch: {
      targets: [
        {
          url: 'url',
          allowHttp: 'all',
          allowLoopback: 'all',
          allowLinkLocal: 'all',
          caFile: 'all',
          bearerTokenFile: 'all',
          proxy: 'url',
        },
      ],
      timeoutSeconds: 'all',
      maxBytes: 'all',
      refreshSeconds: 'all',
      firstKeysWaitSeconds: 'all',
      unknownKeyCooldownSeconds: 'all',
    },
    clients: [{ name: 'all', endpoints: ['url'], method: 'all', clientId: 'all', secretFile: 'all', tokenFile: 'all' }],
    tokens: 'all',
    revocation: { file: 'all', url: 'url', refreshSeconds: 'all', required: 'all' },
    leaveTokens: 'all',
    answers: {
      resourceMetadata: 'url',
      scope: 'all',
      loginUrl: 'url',
      loginReturnParameter: 'all',
      loginHosts: 'all',
    },
  },
  workload: 'all',
  responses: { forbidden: RESPONSE, unauthenticated: RESPONSE, malformed: RESPONSE, overloaded: RESPONSE },
  cache: 'all',
  limits: 'all',
  overload: 'all',
  drainSeconds: 'all',
  log: 'all',
  audit: {
    denials: 'all',
    allowSample: 'all',
    required: 'all',
    headers: 'all',
    claims: 'all',
    sinks: 'all',
    flushMs: 'all',
    maxQueueBytes: 'all',
    directory: 'all',
    maxSpillBytes: 'all',
    instance: 'all',
    file: 'all',
    http: { ...COLLECTOR, format: 'all' },
    otlp: COLLECTOR,
    integrity: 'all',
  },
  telemetry: {
    metrics: 'all',
    serviceName: 'all',
    resource: 'all',
    rules: 'all',
    otlp: {
      endpoint: 'url',
      metrics: 'all',
      intervalSeconds: 'all',
      gzip: 'all',
      timeoutSeconds: 'all',
      headersFile: 'all',
      caFile: 'all',
    },
    traces: 'all',
  },
  reload: 'all',
};

export function configDump(config: ServiceConfig): unknown {
  return dump(config, SHOWN);
}

function dump(value: unknown, shown: Shown | undefined): unknown {
  if (shown === undefined) return REDACTED;
  if (value === null || value === undefined) return null;
  if (shown === 'all') return value;
  if (shown === 'url') return typeof value === 'string' ? redactTarget(value) : REDACTED;
  if (shown === 'headers') return headersOf(value);
  if (isListOf(shown)) return Array.isArray(value) ? value.map((item) => dump(item, shown[0])) : REDACTED;
  if (typeof value !== 'object') return REDACTED;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, dump(item, shown[key])]));
}

function isListOf(shown: Shown): shown is readonly [Shown] {
  return Array.isArray(shown);
}

function headersOf(value: unknown): unknown {
  if (!(value instanceof Map)) return REDACTED;
  const headers = value as ReadonlyMap<string, string>;
  return Object.fromEntries([...headers].map(([name, text]) => [name, isSecretName(name) ? REDACTED : text]));
}
