import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadConfig } from '../../src/config/load.ts';
import type { LoadedConfig } from '../../src/config/load.ts';
import type { ServiceConfig } from '../../src/config/config.ts';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function write(text: string): string {
  files += 1;
  const file = join(directory, `config-${files}.yaml`);
  writeFileSync(file, text);
  return file;
}

/** `line:column code message | hint`, in the order reported. */
function problems(text: string): string[] {
  return shown(loadConfig({ file: write(text) }));
}

function shown({ diagnostics }: LoadedConfig): string[] {
  return diagnostics.map(
    ({ code, message, hint, position }) => `${position.line}:${position.column} ${code} ${message} | ${hint ?? ''}`,
  );
}

function valid(loaded: LoadedConfig): ServiceConfig {
  expect(shown(loaded)).toEqual([]);
  if (loaded.config === null) throw new Error('no configuration');
  return loaded.config;
}

describe('what is assumed when nothing is said', () => {
  it('is the documented default of every key', () => {
    const silent = { status: null, body: null, headers: new Map() };
    expect(valid(loadConfig())).toEqual({
      policies: ['policies'],
      state: '',
      listen: '127.0.0.1:9191',
      admin: {
        address: '127.0.0.1:9192',
        tokenFile: null,
        tls: null,
        allowHttp: false,
        actions: false,
        recent: { maxEntries: 500, maxBytes: 8 * 1024 * 1024 },
      },
      health: null,
      management: null,
      workers: null,
      tls: null,
      reflection: true,
      transport: 'native',
      defaultAction: 'DENY',
      allowEmpty: false,
      rootNamespace: 'istio-system',
      trustDomain: 'cluster.local',
      trustDomainAliases: [],
      requests: { ambiguousPaths: 'deny' },
      clientIp: { useRemoteAddress: false, xffTrustedHops: 0, explicit: false },
      identity: {
        jwtMetadata: '',
        xfcc: { enabled: false, trustedPeers: [], depth: 0, trustEmptyPeer: 'never' },
        fetch: {
          targets: [],
          timeoutSeconds: 5,
          maxBytes: 1024 * 1024,
          refreshSeconds: 300,
          firstKeysWaitSeconds: 2,
          unknownKeyCooldownSeconds: 30,
        },
        clients: [],
        tokens: { maxEntries: 20_000, maxBytes: 64 * 1024 * 1024, maxTtlSeconds: 300 },
        revocation: { file: null, url: null, refreshSeconds: 10, required: true },
        leaveTokens: false,
        answers: { resourceMetadata: '', scope: '', loginUrl: '', loginReturnParameter: 'rd', loginHosts: [] },
      },
      workload: { require: '' },
      responses: { forbidden: silent, unauthenticated: silent, malformed: silent, overloaded: silent },
      cache: { maxEntries: 100_000, ttlSeconds: 60 },
      limits: {
        maxMessageBytes: 64 * 1024 * 1024,
        maxHeaders: 1000,
        maxHeaderBytes: 256 * 1024,
        maxConcurrentStreams: 100_000,
        maxConnectionAgeSeconds: 1800,
      },
      overload: { maxTurnMs: 100, maxWaiting: 4096, errorResponse: false },
      drainSeconds: 20,
      log: { level: 'info' },
      audit: {
        denials: true,
        allowSample: 0,
        required: false,
        headers: [],
        claims: [],
        sinks: ['stderr'],
        flushMs: 1000,
        maxQueueBytes: 16 * 1024 * 1024,
        directory: null,
        maxSpillBytes: 1024 * 1024 * 1024,
        instance: '',
        file: { directory: null, maxBytes: 128 * 1024 * 1024, maxAgeSeconds: 86_400, maxFiles: 0 },
        http: { url: '', gzip: true, timeoutSeconds: 10, headersFile: null, caFile: null, format: 'lines' },
        otlp: { url: '', gzip: true, timeoutSeconds: 10, headersFile: null, caFile: null },
        integrity: { method: 'none', keyFile: null },
      },
      telemetry: {
        metrics: true,
        serviceName: '',
        resource: {},
        rules: { maxSeries: 500 },
        otlp: {
          endpoint: '',
          metrics: true,
          intervalSeconds: 60,
          gzip: false,
          timeoutSeconds: 10,
          headersFile: null,
          caFile: null,
        },
        traces: { enabled: false, ratio: 0, maxPerSecond: 100, maxQueue: 4096 },
      },
      reload: { debounceMs: 200, pollMs: 2000 },
    });
  });

  it.each(['', '# only a comment\n', '{}', '---\n'])('is the same for the file %j', (text) => {
    expect(valid(loadConfig({ file: write(text) }))).toEqual(valid(loadConfig()));
  });

  it('is frozen all the way down', () => {
    const config = valid(loadConfig());
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.identity.xfcc.trustedPeers)).toBe(true);
    expect(() => {
      (config.cache as { ttlSeconds: number }).ttlSeconds = 1;
    }).toThrow(TypeError);
  });
});

describe('a file', () => {
  it('sets every documented key', () => {
    const config = valid(
      loadConfig({
        file: write(`
defaultAction: ALLOW
allowEmpty: true
rootNamespace: mesh
trustDomain: example.org
trustDomainAliases: [old.example.org]
requests: {ambiguousPaths: evaluate}
clientIp: {useRemoteAddress: true, xffTrustedHops: 2}
identity:
  jwtMetadata: envoy.filters.http.jwt_authn
  xfcc: {enabled: true, trustedPeers: ["spiffe://example.org/ns/edge/*"], depth: 1, trustEmptyPeer: marked}
workload: {require: inventory}
responses:
  forbidden: {status: 404, body: "no\\n", headers: {Content-Type: text/plain, x-from: mesh}}
cache: {maxEntries: 0, ttlSeconds: 0.5}
transport: native
tls: {certFile: /tls/cert.pem, keyFile: /tls/key.pem, clientCaFile: /tls/ca.pem, allowedClients: ["dns:*.example.org"]}
listen: unix:/run/portcullis.sock
admin: "[::1]:0"
health: 0.0.0.0:9193
policies: [/policies]
`),
      }),
    );
    expect(config).toMatchObject({
      defaultAction: 'ALLOW',
      allowEmpty: true,
      rootNamespace: 'mesh',
      trustDomain: 'example.org',
      trustDomainAliases: ['old.example.org'],
      requests: { ambiguousPaths: 'evaluate' },
      clientIp: { useRemoteAddress: true, xffTrustedHops: 2, explicit: true },
      identity: {
        jwtMetadata: 'envoy.filters.http.jwt_authn',
        xfcc: {
          enabled: true,
          trustedPeers: ['spiffe://example.org/ns/edge/*'],
          depth: 1,
          trustEmptyPeer: 'marked',
        },
      },
      workload: { require: 'inventory' },
      cache: { maxEntries: 0, ttlSeconds: 0.5 },
      transport: 'native',
      tls: {
        certFile: '/tls/cert.pem',
        keyFile: '/tls/key.pem',
        clientCaFile: '/tls/ca.pem',
        allowedClients: ['dns:*.example.org'],
      },
      listen: 'unix:/run/portcullis.sock',
      admin: { address: '[::1]:0' },
      health: '0.0.0.0:9193',
      policies: ['/policies'],
    });
    expect(config.responses.forbidden).toEqual({
      status: 404,
      body: 'no\n',
      headers: new Map([
        ['content-type', 'text/plain'],
        ['x-from', 'mesh'],
      ]),
    });
  });

  it('takes its relative paths from its own directory', () => {
    const config = valid(
      loadConfig({ file: write('policies: [rules, /abs]\ntls: {certFile: c.pem, keyFile: /k.pem}\n') }),
    );
    expect(config.policies).toEqual([join(directory, 'rules'), '/abs']);
    expect(config.tls).toMatchObject({ certFile: join(directory, 'c.pem'), keyFile: '/k.pem', clientCaFile: null });
  });

  it('switches admin and health off when they are empty', () => {
    expect(valid(loadConfig({ file: write('admin: ""\nhealth: ""\n') }))).toMatchObject({
      admin: { address: null },
      health: null,
    });
  });

  it('takes the address of the admin server by itself, or in a map', () => {
    const short = valid(loadConfig({ file: write('admin: 127.0.0.1:1\n') }));
    const long = valid(loadConfig({ file: write('admin: {address: "127.0.0.1:1"}\n') }));
    expect(long).toEqual(short);
    const flags = { admin: '127.0.0.1:2' };
    expect(valid(loadConfig({ file: write('admin: {actions: true}\n'), flags })).admin).toMatchObject({
      address: '127.0.0.1:2',
      actions: true,
    });
  });

  it.each([
    'admin: {address: 0.0.0.0:1, tls: {certFile: c, keyFile: k, clientCaFile: a}}',
    'admin: {address: 0.0.0.0:1, tokenFile: t, tls: {certFile: c, keyFile: k}}',
    'admin: {address: 0.0.0.0:1, tokenFile: t, allowHttp: true}',
    'admin: {address: "[::1]:1", tokenFile: t}',
  ])('lets the admin server be where others reach it with %s', (text) => {
    expect(valid(loadConfig({ file: write(text) })).admin.address).not.toBeNull();
  });

  it.each([
    ['clientIp: {}', false],
    ['clientIp: {xffTrustedHops: 0}', true],
    ['clientIp: {useRemoteAddress: false}', true],
  ])('knows that %s sets the client address explicitly: %s', (text, explicit) => {
    expect(valid(loadConfig({ file: write(text) })).clientIp.explicit).toBe(explicit);
  });
});

describe('mistakes in a file', () => {
  it('are all reported, each with its place', () => {
    expect(
      problems(`defaultAcion: DENY
defaultAction: deny
cache:
  ttlSeconds: -1
  maxEntries: many
identity: {xfcc: 7}
trustDomain:
`),
    ).toEqual([
      '1:1 unknown-key unknown key `defaultAcion` | did you mean `defaultAction`?',
      '2:16 bad-value `defaultAction` cannot be `deny` | did you mean `DENY`?',
      '4:15 out-of-range `cache.ttlSeconds` is too small | at least 0',
      '5:15 wrong-type `cache.maxEntries` must be a number, not a text | write a number',
      '6:18 wrong-type `identity.xfcc` must be a map of keys, not a number | write a map of keys',
      '7:1 empty-value `trustDomain` has no value | give it one, or remove the line',
    ]);
  });

  it.each([
    ['cache: {foo: 1}', '1:9 unknown-key unknown key `cache.foo` | known here: `maxEntries`, `ttlSeconds`'],
    ['__proto__: {allowEmpty: true}', '1:1 unknown-key unknown key `__proto__` | remove it'],
    ['1: x', '1:1 unknown-key a key that is no text | put quotes around it'],
    ['allowEmpty: yes', '1:13 wrong-type `allowEmpty` must be `true` or `false`, not a text | write `true` or `false`'],
    [
      'reload: {pollMs: 1.5}',
      '1:18 wrong-type `reload.pollMs` must be a whole number, not a number with a fraction | write a whole number',
    ],
    ['tls: {certFile: c.pem}', '1:6 missing-key `tls.keyFile` is missing | add it: a text'],
    [
      'tls: {certFile: c.pem, keyFile: }',
      '1:24 empty-value `tls.keyFile` has no value | give it one, or remove the line',
    ],
    ['tls: ~', '1:1 empty-value `tls` has no value | give it one, or remove the line'],
    ['policies: []', '1:11 out-of-range `policies` is too short a list | at least 1'],
    ['policies: [""]', '1:12 bad-path `policies[0]` is no path | write the path of a file'],
    [
      'trustDomain: spiffe://x',
      '1:14 bad-trust-domain `trustDomain` is no SPIFFE trust domain | lower-case letters, digits, `.`, `-` and `_` only, without `spiffe://`',
    ],
    [
      'rootNamespace: Istio',
      '1:16 bad-namespace `rootNamespace` is no namespace | lower-case letters, digits and `-`, at most 63',
    ],
    ['transport: grpc', '1:12 bad-value `transport` cannot be `grpc` | write one of `grpc-js`, `native`'],
    [
      'admin: 0.0.0.0:9192',
      '1:8 admin-not-loopback `admin.address` is no loopback address, and the admin server asks nobody who they are | set `admin.tokenFile` or `admin.tls.clientCaFile`, or use a host in 127.0.0.0/8 or `[::1]`; for probes and Prometheus set `health`',
    ],
    [
      'admin: {address: 0.0.0.0:1, tokenFile: t}',
      '1:18 secret-over-http `admin.address` is no loopback address, and tokens would come without TLS | set `admin.tls`, or `admin.allowHttp` where something else encrypts',
    ],
    [
      'admin: {address: 0.0.0.0:1, tls: {certFile: c, keyFile: k}}',
      '1:18 admin-not-loopback `admin.address` is no loopback address, and the admin server asks nobody who they are | set `admin.tokenFile` or `admin.tls.clientCaFile`, or use a host in 127.0.0.0/8 or `[::1]`; for probes and Prometheus set `health`',
    ],
    [
      'admin: {tls: {certFile: c, keyFile: k, allowedClients: ["dns:a"]}}',
      '1:56 allowed-clients-without-ca `admin.tls.allowedClients` needs `admin.tls.clientCaFile`: without it no client proves who it is | set `admin.tls.clientCaFile`',
    ],
    ['admin: 9192', '1:8 wrong-type `admin` must be a map of keys, not a number | write a map of keys'],
    [
      'admin: 127.0.0.1:9191',
      '1:8 address-in-use `admin.address` is the same address as `listen` | give each listener its own port',
    ],
    [
      'identity: {xfcc: {enabled: true}}',
      '1:28 xfcc-without-trusted-peers `identity.xfcc.enabled` needs `identity.xfcc.trustedPeers`: anyone can write x-forwarded-client-cert | list the SANs of the hops that write the header; at ambient waypoints see `identity.xfcc.trustEmptyPeer`',
    ],
    [
      'identity: {xfcc: {enabled: true, trustedPeers: ["spiffe://a.example/b"], trustEmptyPeer: always}}',
      '1:90 xfcc-trusts-everyone `identity.xfcc.trustEmptyPeer` cannot be `always` beside `identity.xfcc.trustedPeers`: a listener that knows hops by their certificates may take connections without one too, and would believe their clients | use `marked`, or give the waypoints a service of their own',
    ],
    [
      'tls: {certFile: c, keyFile: k, allowedClients: ["dns:x"]}',
      '1:48 allowed-clients-without-ca `tls.allowedClients` needs `tls.clientCaFile`: without it no client proves who it is | set `tls.clientCaFile`',
    ],
    ['a: 1\na: 2', '2:1 duplicate-key this key is there twice | keep one of them'],
    ['---\n{}\n---\n{}', '3:1 many-documents a second document | one file holds one document'],
    ['log: &l {level: info}\nreload: *l', '2:9 yaml-alias the alias `*l` is not taken here | write the value out'],
    ['[a]', '1:1 wrong-type the configuration must be a map of keys, not a list | write a map of keys'],
  ])('%s', (text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  const tls = 'certFile: /c, keyFile: /k, clientCaFile: /ca';
  const URI_PATTERNS = [
    'spiffe://example.org/ns/a/sa/b',
    'spiffe://example.org/ns/a/*',
    'spiffe://example.org/*',
    'https://ca.example/x',
  ];
  const DNS_PATTERNS = ['dns:pdp.example.org', 'dns:*.example.org', 'dns:x'];

  it.each([...URI_PATTERNS, ...DNS_PATTERNS])('are not the client pattern %s', (pattern) => {
    const file = write(`tls: {${tls}, allowedClients: ["${pattern}"]}`);
    expect(valid(loadConfig({ file })).tls?.allowedClients).toEqual([pattern]);
  });

  it.each(URI_PATTERNS)('are not the peer pattern %s', (pattern) => {
    const file = write(`identity: {xfcc: {enabled: true, trustedPeers: ["${pattern}"]}}`);
    expect(valid(loadConfig({ file })).identity.xfcc.trustedPeers).toEqual([pattern]);
  });

  const BAD_PATTERNS = [
    '*',
    '',
    'example.org/ns/a/sa/b',
    'spiffe://',
    'spiffe://*',
    'spiffe://a/*/sa/b',
    'spiffe://a/b c',
    'dns:',
    'dns:*',
    'dns:a.*.b',
    'dns:*.*.b',
    'email:a@b',
    'uri:x',
  ];

  it.each(BAD_PATTERNS)('are the client pattern %j, which would match all or nothing', (pattern) => {
    const { diagnostics } = loadConfig({ file: write(`tls: {${tls}, allowedClients: ["${pattern}"]}`) });
    expect(diagnostics.map(({ code }) => code)).toEqual(['bad-san-pattern']);
  });

  it.each([...BAD_PATTERNS, ...DNS_PATTERNS])(
    'are the peer pattern %j, which would match all or nothing',
    (pattern) => {
      const { diagnostics } = loadConfig({ file: write(`identity: {xfcc: {trustedPeers: ["${pattern}"]}}`) });
      expect(diagnostics.map(({ code }) => code)).toEqual(['bad-peer-pattern']);
    },
  );

  it('of YAML itself are reported with their place', () => {
    const [problem] = loadConfig({ file: write('cache: {ttlSeconds: 1\nlog: [') }).diagnostics;
    expect(problem).toMatchObject({ code: 'yaml-syntax', severity: 'error', position: { line: 2, column: 1 } });
  });

  it.each([
    ['status: 200', 'out-of-range'],
    ['status: 600', 'out-of-range'],
    ['status: "403"', 'wrong-type'],
    ['headers: {"x y": a}', 'bad-header-name'],
    ['headers: {":status": "200"}', 'bad-header-name'],
    ['headers: {Connection: close}', 'forbidden-header'],
    ['headers: {Content-Length: "3"}', 'forbidden-header'],
    ['headers: {X-Envoy-Upstream: a}', 'forbidden-header'],
    ['headers: {a: "1", A: "2"}', 'duplicate-header'],
    ['headers: {a: "x\\r\\ny: z"}', 'bad-header-value'],
    ['headers: {a: " x"}', 'bad-header-value'],
    ['headers: {a: "ü"}', 'bad-header-value'],
    ['headers: {a: 1}', 'wrong-type'],
    ['headers: {__proto__: a}', 'unknown-key'],
    ['stauts: 400', 'unknown-key'],
  ])('in a denial, %s, are %s', (text, code) => {
    const { config, diagnostics } = loadConfig({ file: write(`responses: {forbidden: {${text}}}`) });
    expect(config).toBeNull();
    expect(diagnostics.map((each) => each.code)).toEqual([code]);
    expect(diagnostics[0]?.position.line).toBe(1);
  });

  it('are also a file that is not there, or is too large', () => {
    const missing = join(directory, 'none.yaml');
    expect(loadConfig({ file: missing })).toMatchObject({
      config: null,
      diagnostics: [{ code: 'unreadable-file', position: { file: missing, line: 1, column: 1 } }],
    });
    expect(loadConfig({ file: write(`#${'x'.repeat(1024 * 1024)}`) })).toMatchObject({
      config: null,
      diagnostics: [{ code: 'unreadable-file' }],
    });
  });

  it('never throw, whatever the file holds', () => {
    const word = fc.constantFrom(
      'cache',
      'tls',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '\n',
      ' ',
      '*a',
      '&a ',
      '!!x ',
      '"',
      '1',
      '- ',
      '? ',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const { config, diagnostics } = loadConfig({ file: write(words.join('')) });
        expect(config === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 300 },
    );
    expect(loadConfig({ file: write('['.repeat(100_000)) }).config).toBeNull();
  });
});

describe('environment and flags', () => {
  it('override the file, flags the environment', () => {
    const file = write('listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\nhealth: 127.0.0.1:3\ncache: {maxEntries: 4}\n');
    const env = {
      PORTCULLIS_ADMIN: '127.0.0.1:22',
      PORTCULLIS_ADMIN_ACTIONS: 'true',
      PORTCULLIS_HEALTH: '127.0.0.1:33',
      PORTCULLIS_CACHE_TTL_SECONDS: '5',
    };
    const flags = { health: '127.0.0.1:333', policies: ['a', 'b'], listen: undefined };
    expect(valid(loadConfig({ file, env, flags }))).toMatchObject({
      listen: '127.0.0.1:1',
      admin: { address: '127.0.0.1:22', actions: true },
      health: '127.0.0.1:333',
      cache: { maxEntries: 4, ttlSeconds: 5 },
      policies: ['a', 'b'],
    });
  });

  it('name the file when nothing else does', () => {
    const file = write('allowEmpty: true');
    expect(valid(loadConfig({ env: { PORTCULLIS_CONFIG: file } })).allowEmpty).toBe(true);
    expect(valid(loadConfig({ env: { PORTCULLIS_CONFIG: file }, file: write('{}') })).allowEmpty).toBe(false);
    expect(valid(loadConfig({ env: { PORTCULLIS_CONFIG: '' } })).allowEmpty).toBe(false);
  });

  it('are named in errors', () => {
    const env = { PORTCULLIS_DRAIN_SECONDS: '10s', PORTCULLIS_LOG_LEVEL: 'verbose', PORTCULLIS_TRUST_DOMAIN: 'X' };
    const { config, diagnostics } = loadConfig({ env, flags: { listen: 'nowhere', unheard: 'x' } });
    expect(config).toBeNull();
    expect(diagnostics.map(({ position, code }) => `${position.file} ${code}`)).toEqual([
      '--listen bad-address',
      '--unheard unknown-key',
      'PORTCULLIS_DRAIN_SECONDS wrong-type',
      'PORTCULLIS_LOG_LEVEL bad-value',
      'PORTCULLIS_TRUST_DOMAIN bad-trust-domain',
    ]);
  });

  it('do not hide a mistake of the file that stands in their way', () => {
    const loaded = loadConfig({ file: write('cache: 7'), env: { PORTCULLIS_CACHE_MAX_ENTRIES: '1' } });
    expect(shown(loaded)).toEqual(['1:8 wrong-type `cache` must be a map of keys, not a number | write a map of keys']);
  });

  it('keep paths as they are: the file moves, the working directory does not', () => {
    const loaded = loadConfig({ file: write('policies: [x]'), env: { PORTCULLIS_POLICIES: 'rules, more' } });
    expect(valid(loaded).policies).toEqual(['rules', 'more']);
  });
});
