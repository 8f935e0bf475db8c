import { describe, expect, it } from '@jest/globals';
import { fingerprint } from '../../src/config/fingerprint.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS, settingPathText } from '../../src/config/settings.ts';

function fingerprintWith(env: Record<string, string>): string {
  const { config, diagnostics } = loadConfig({ env });
  expect(diagnostics).toEqual([]);
  if (config === null) throw new Error('no configuration');
  return fingerprint(config);
}

/** Settings that decide or word an answer, each with a value that is not the default. */
const DECIDING: Readonly<Record<string, string>> = {
  defaultAction: 'ALLOW',
  rootNamespace: 'mesh',
  trustDomain: 'example.org',
  trustDomainAliases: 'old.example.org',
  'requests.ambiguousPaths': 'evaluate',
  'clientIp.useRemoteAddress': 'true',
  'clientIp.xffTrustedHops': '1',
  'identity.jwtMetadata': 'envoy.filters.http.jwt_authn',
  'identity.leaveTokens': 'true',
  'identity.revocation.file': '/lists/revoked.json',
  'identity.revocation.url': 'https://lists.example/revoked',
  'identity.answers.resourceMetadata': 'https://shop.example/.well-known/oauth-protected-resource',
  'identity.answers.scope': 'orders',
  'identity.answers.loginReturnParameter': 'return_to',
  'identity.answers.loginHosts': 'shop.example',
  'workload.require': 'inventory',
  'limits.maxMessageBytes': '100000',
  'limits.maxHeaders': '50',
  'limits.maxHeaderBytes': '10000',
  'overload.errorResponse': 'true',
  'audit.required': 'true',
  ...Object.fromEntries(
    ['forbidden', 'unauthenticated', 'malformed', 'overloaded'].flatMap((kind) => [
      [`responses.${kind}.status`, '418'],
      [`responses.${kind}.body`, 'no'],
      [`responses.${kind}.headers`, '{"x-a":"1"}'],
    ]),
  ),
};

/** Settings that do not: where, how fast, how observed. `allowEmpty` decides whether a set is served, not what it says. */
const INDIFFERENT: Readonly<Record<string, string>> = {
  state: '/var/lib/portcullis',
  policies: '/elsewhere',
  listen: '127.0.0.1:1',
  'admin.address': '127.0.0.1:2',
  'admin.tokenFile': '/token',
  'admin.allowHttp': 'true',
  'admin.actions': 'true',
  'admin.recent.maxEntries': '7',
  'admin.recent.maxBytes': '70000',
  health: '127.0.0.1:3',
  management: '127.0.0.1:4',
  workers: '3',
  reflection: 'false',
  transport: 'grpc-js',
  allowEmpty: 'true',
  'identity.fetch.targets': '[{"url":"https://issuer.example","caFile":"/ca.pem"}]',
  'identity.fetch.timeoutSeconds': '1',
  'identity.fetch.maxBytes': '2000',
  'identity.fetch.refreshSeconds': '60',
  'identity.fetch.firstKeysWaitSeconds': '1',
  'identity.fetch.unknownKeyCooldownSeconds': '60',
  'identity.clients':
    '[{"name":"us","endpoints":["https://issuer.example/introspect"],"clientId":"us","secretFile":"/secret"}]',
  'identity.tokens.maxEntries': '1',
  'identity.tokens.maxBytes': '100000',
  'identity.tokens.maxTtlSeconds': '1',
  'identity.revocation.refreshSeconds': '1',
  'cache.maxEntries': '1',
  'cache.ttlSeconds': '1',
  'limits.maxConcurrentStreams': '2000',
  'limits.maxConnectionAgeSeconds': '1',
  'overload.maxTurnMs': '1',
  'overload.maxWaiting': '1',
  drainSeconds: '1',
  'log.level': 'debug',
  'audit.denials': 'false',
  'audit.allowSample': '1',
  'audit.headers': 'x-tenant',
  'audit.claims': 'sub',
  'audit.sinks': 'stdout',
  'audit.flushMs': '100',
  'audit.maxQueueBytes': '2000000',
  'audit.directory': '/audit',
  'audit.maxSpillBytes': '2000000',
  'audit.instance': 'a',
  'audit.file.directory': '/logs',
  'audit.file.maxBytes': '100000',
  'audit.file.maxAgeSeconds': '10',
  'audit.file.maxFiles': '3',
  ...Object.fromEntries(
    ['http', 'otlp'].flatMap((sink) => [
      [`audit.${sink}.url`, 'https://logs.example/'],
      [`audit.${sink}.gzip`, 'false'],
      [`audit.${sink}.timeoutSeconds`, '1'],
      [`audit.${sink}.headersFile`, '/secret'],
      [`audit.${sink}.caFile`, '/ca.pem'],
    ]),
  ),
  'audit.http.format': 'array',
  'telemetry.metrics': 'false',
  'telemetry.serviceName': 'gate',
  'telemetry.resource': '{"team":"mesh"}',
  'telemetry.rules.maxSeries': '1',
  'telemetry.otlp.endpoint': 'https://collector.example/',
  'telemetry.otlp.metrics': 'false',
  'telemetry.otlp.intervalSeconds': '10',
  'telemetry.otlp.gzip': 'true',
  'telemetry.otlp.timeoutSeconds': '1',
  'telemetry.otlp.headersFile': '/secret',
  'telemetry.otlp.caFile': '/ca.pem',
  'telemetry.traces.enabled': 'true',
  'telemetry.traces.ratio': '0.5',
  'telemetry.traces.maxPerSecond': '1',
  'telemetry.traces.maxQueue': '1',
  'reload.debounceMs': '1',
  'reload.pollMs': '1',
};

/** Only together with others; tested below, or (tls) about who may ask, not about what is answered. */
const TLS = ['tls.certFile', 'tls.keyFile', 'tls.clientCaFile', 'tls.allowedClients'];
const COMBINED = [...TLS, ...TLS.map((key) => `admin.${key}`)].concat(
  ['enabled', 'trustedPeers', 'depth', 'trustEmptyPeer'].map((key) => `identity.xfcc.${key}`),
  ['identity.revocation.required', 'identity.answers.loginUrl', 'audit.integrity.method', 'audit.integrity.keyFile'],
);

function variableOf(key: string): string {
  const setting = SETTINGS.find(({ path }) => settingPathText(path) === key);
  if (setting === undefined) throw new Error(`no setting ${key}`);
  return setting.variable;
}

describe('the fingerprint', () => {
  const base = fingerprintWith({});

  it('is thought about for every setting', () => {
    expect([...Object.keys(DECIDING), ...Object.keys(INDIFFERENT), ...COMBINED].sort()).toEqual(
      SETTINGS.map(({ path }) => settingPathText(path)).sort(),
    );
  });

  it.each(Object.entries(DECIDING))('changes with %s', (key, value) => {
    expect(fingerprintWith({ [variableOf(key)]: value })).not.toBe(base);
  });

  it.each(Object.entries(INDIFFERENT))('stays with %s', (key, value) => {
    expect(fingerprintWith({ [variableOf(key)]: value })).toBe(base);
  });

  it('changes with XFCC trust, and with its depth and peers only when it is on', () => {
    const peers = { PORTCULLIS_IDENTITY_XFCC_TRUSTED_PEERS: 'spiffe://a/b,spiffe://a/c' };
    const on = { ...peers, PORTCULLIS_IDENTITY_XFCC_ENABLED: 'true' };
    expect(fingerprintWith(peers)).toBe(base);
    expect(fingerprintWith(on)).not.toBe(base);
    expect(fingerprintWith({ ...on, PORTCULLIS_IDENTITY_XFCC_DEPTH: '1' })).not.toBe(fingerprintWith(on));
    const marked = { PORTCULLIS_IDENTITY_XFCC_TRUST_EMPTY_PEER: 'marked' };
    expect(fingerprintWith({ ...on, ...marked })).not.toBe(fingerprintWith(on));
    expect(fingerprintWith(marked)).toBe(base);
  });

  it('changes with the login address, and with the need for a revocation list only where there is one', () => {
    const hosts = { PORTCULLIS_IDENTITY_ANSWERS_LOGIN_HOSTS: 'shop.example' };
    const login = { ...hosts, PORTCULLIS_IDENTITY_ANSWERS_LOGIN_URL: 'https://login.example/' };
    expect(fingerprintWith(login)).not.toBe(fingerprintWith(hosts));
    const optional = { PORTCULLIS_IDENTITY_REVOCATION_REQUIRED: 'false' };
    const list = { PORTCULLIS_IDENTITY_REVOCATION_FILE: '/lists/revoked.json' };
    expect(fingerprintWith(optional)).toBe(base);
    expect(fingerprintWith({ ...list, ...optional })).not.toBe(fingerprintWith(list));
  });

  it('does not depend on the order or repetition of what is a set', () => {
    expect(fingerprintWith({ PORTCULLIS_TRUST_DOMAIN_ALIASES: 'b,a,b' })).toBe(
      fingerprintWith({ PORTCULLIS_TRUST_DOMAIN_ALIASES: 'a,b' }),
    );
  });
});
