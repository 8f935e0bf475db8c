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
  'workload.require': 'inventory',
  'limits.maxMessageBytes': '100000',
  'limits.maxHeaders': '50',
  'limits.maxHeaderBytes': '10000',
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
  admin: '127.0.0.1:2',
  health: '127.0.0.1:3',
  reflection: 'false',
  transport: 'native',
  allowEmpty: 'true',
  'cache.maxEntries': '1',
  'cache.ttlSeconds': '1',
  'limits.maxConcurrentStreams': '2000',
  'limits.maxConnectionAgeSeconds': '1',
  drainSeconds: '1',
  'log.level': 'debug',
  'log.denials': 'false',
  'log.allowSample': '1',
  'reload.debounceMs': '1',
  'reload.pollMs': '1',
};

/** Only together with others; tested below, or (tls) about who may ask, not about what is answered. */
const COMBINED = ['tls.certFile', 'tls.keyFile', 'tls.clientCaFile', 'tls.allowedClients'].concat(
  ['enabled', 'trustedPeers', 'depth', 'trustEmptyPeer'].map((key) => `identity.xfcc.${key}`),
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

  it('does not depend on the order or repetition of what is a set', () => {
    expect(fingerprintWith({ PORTCULLIS_TRUST_DOMAIN_ALIASES: 'b,a,b' })).toBe(
      fingerprintWith({ PORTCULLIS_TRUST_DOMAIN_ALIASES: 'a,b' }),
    );
  });
});
