/** The settings that proofs of identity are verified with: what is taken, and what is refused where and why. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { IdentitySettings } from '../../src/identity/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-identity-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, 'config.yaml');

function problems(text: string): string[] {
  writeFileSync(file, text);
  return loadConfig({ file }).diagnostics.map(
    ({ code, message, hint, position }) => `${position.line}:${position.column} ${code} ${message} | ${hint ?? ''}`,
  );
}

function identityOf(text: string): IdentitySettings & { readonly answers: object } {
  writeFileSync(file, text);
  const { config, diagnostics } = loadConfig({ file });
  expect(diagnostics).toEqual([]);
  // The compiler holds the configuration to what the verifying side takes.
  return config!.identity;
}

const CLIENT = 'name: us, endpoints: ["https://issuer.example/introspect"]';

describe('identity', () => {
  it('takes every key, and files from beside the file that names them', () => {
    const identity = identityOf(`
identity:
  fetch:
    targets:
      - {url: "https://10.0.0.1/openid", caFile: ca.pem, bearerTokenFile: /run/token, allowLinkLocal: true}
      - {url: "http://127.0.0.1:8080", allowHttp: true, allowLoopback: true, proxy: "http://proxy:3128"}
    timeoutSeconds: 2.5
    maxBytes: 2048
    refreshSeconds: 60
    firstKeysWaitSeconds: 0
    unknownKeyCooldownSeconds: 10
  clients:
    - {${CLIENT}, clientId: portcullis, secretFile: secret}
    - {name: them, endpoints: ["https://other.example"], method: bearer, tokenFile: token}
  tokens: {maxEntries: 10, maxBytes: 100000, maxTtlSeconds: 60}
  revocation: {file: revoked.json, refreshSeconds: 5, required: false}
  leaveTokens: true
  answers:
    resourceMetadata: https://shop.example/.well-known/oauth-protected-resource
    scope: orders read:all
    loginUrl: https://login.example/start?client=shop
    loginReturnParameter: return_to
    loginHosts: [shop.example, "*.shop.example:8443"]
`);
    const none = { allowHttp: false, allowLoopback: false, allowLinkLocal: false, caFile: null };
    expect(identity).toMatchObject({
      fetch: {
        targets: [
          {
            ...none,
            url: 'https://10.0.0.1/openid',
            allowLinkLocal: true,
            caFile: join(directory, 'ca.pem'),
            bearerTokenFile: '/run/token',
            proxy: null,
          },
          {
            ...none,
            url: 'http://127.0.0.1:8080',
            allowHttp: true,
            allowLoopback: true,
            bearerTokenFile: null,
            proxy: 'http://proxy:3128',
          },
        ],
        timeoutSeconds: 2.5,
        maxBytes: 2048,
        refreshSeconds: 60,
        firstKeysWaitSeconds: 0,
        unknownKeyCooldownSeconds: 10,
      },
      tokens: { maxEntries: 10, maxBytes: 100_000, maxTtlSeconds: 60 },
      revocation: { file: join(directory, 'revoked.json'), url: null, refreshSeconds: 5, required: false },
      leaveTokens: true,
      answers: {
        resourceMetadata: 'https://shop.example/.well-known/oauth-protected-resource',
        scope: 'orders read:all',
        loginUrl: 'https://login.example/start?client=shop',
        loginReturnParameter: 'return_to',
        loginHosts: ['shop.example', '*.shop.example:8443'],
      },
    });
    expect(identity.clients).toEqual([
      {
        name: 'us',
        endpoints: ['https://issuer.example/introspect'],
        method: 'client_secret_basic',
        clientId: 'portcullis',
        secretFile: join(directory, 'secret'),
      },
      { name: 'them', endpoints: ['https://other.example'], method: 'bearer', tokenFile: join(directory, 'token') },
    ]);
  });

  it.each([
    [
      'fetch: {targets: [{url: "ftp://a"}]}',
      'bad-url `identity.fetch.targets[0].url` is no web address | write `https://HOST/PATH`, without user, password and fragment, at most 2048 characters',
    ],
    [
      'fetch: {targets: [{url: "https://a", cafile: x}]}',
      'unknown-key unknown key `identity.fetch.targets[0].cafile` | did you mean `caFile`?',
    ],
    [
      'fetch: {targets: [{url: "http://a"}]}',
      'http-not-allowed `identity.fetch.targets[0].url` is an address without TLS | use `https://`, or set `allowHttp` beside it',
    ],
    [
      'fetch: {targets: [{url: "http://a", allowHttp: true, bearerTokenFile: t}]}',
      'secret-over-http `identity.fetch.targets[0].bearerTokenFile` would be sent without TLS | use `https://`',
    ],
    [
      'fetch: {targets: [{url: "https://a", proxy: "https://p"}]}',
      'bad-url `identity.fetch.targets[0].proxy` is no address of a proxy | write `http://HOST:PORT`',
    ],
    ['fetch: {timeoutSeconds: 0}', 'out-of-range `identity.fetch.timeoutSeconds` is too small | at least 0.1'],
    ['fetch: {refreshSeconds: 1}', 'out-of-range `identity.fetch.refreshSeconds` is too small | at least 10'],
    ['tokens: {maxEntries: 0}', 'out-of-range `identity.tokens.maxEntries` is too small | at least 1'],
    [
      `clients: [{${CLIENT}}]`,
      'missing-key `identity.clients[0].clientId` is needed for `client_secret_basic` | add `clientId`',
      'missing-key `identity.clients[0].secretFile` is needed for `client_secret_basic` | add `secretFile`',
    ],
    [
      `clients: [{${CLIENT}, method: bearer, tokenFile: t, clientId: a}]`,
      'unused-key `identity.clients[0].clientId` is not used by `bearer` | remove it, or set another `method`',
    ],
    [
      `clients: [{${CLIENT}, method: bearer, tokenFile: t}, {${CLIENT}, method: bearer, tokenFile: t}]`,
      'duplicate-name `identity.clients[1].name` is the name of an earlier client: `us` | give each its own name',
    ],
    [
      'clients: [{name: us, endpoints: [], clientId: a, secretFile: s}]',
      'out-of-range `identity.clients[0].endpoints` is too short a list | at least 1',
    ],
    [
      'revocation: {file: a, url: "https://a"}',
      'conflicting-keys `identity.revocation.url` and `identity.revocation.file` are both set | keep one of them',
    ],
    [
      'answers: {loginUrl: "https://login.example"}',
      'login-without-hosts `identity.answers.loginUrl` needs `identity.answers.loginHosts`: the host of a request is what its sender says | list the hosts that people use',
    ],
    [
      'answers: {loginHosts: ["https://a"]}',
      'bad-host `identity.answers.loginHosts[0]` is no host | write `shop.example.com`, `shop.example.com:8443` or `*.example.com`, in lower case',
    ],
    [
      "answers: {scope: 'a\"b'}",
      'bad-scope `identity.answers.scope` is no scope | write the names with one space between, without quotes and backslashes',
    ],
    [
      'answers: {resourceMetadata: "https://me:pw@shop.example"}',
      'bad-url `identity.answers.resourceMetadata` is no web address | write `https://HOST/PATH`, without user, password and fragment; empty for none',
    ],
  ])('refuses {%s}', (text, ...expected) => {
    expect(problems(`identity: {${text}}\n`).map((each) => each.replace(/^1:[0-9]+ /, ''))).toEqual(expected);
  });
});

describe('lists of maps in the environment', () => {
  it('are JSON', () => {
    const text = '[{"url":"https://a","allowHttp":true},{"endpoints":["https://b"]}]';
    const [override] = readEnvironment({ PORTCULLIS_IDENTITY_FETCH_TARGETS: text }).values;
    expect(JSON.stringify(override?.value)).toBe(text);
  });

  it.each([
    '',
    'https://a',
    '{"url":"https://a"}',
    '["https://a"]',
    '[{"__proto__":"x"}]',
    '[{"a":[["b"]]}]',
    '[null]',
  ])('are not %j', (text) => {
    expect(readEnvironment({ PORTCULLIS_IDENTITY_CLIENTS: text })).toMatchObject({
      values: [],
      diagnostics: [{ code: 'wrong-type', hint: expect.stringContaining('JSON list of objects') as unknown }],
    });
  });

  it('are read without a prototype, or refused, whatever JSON there is', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { values, diagnostics } = readEnvironment({ PORTCULLIS_IDENTITY_CLIENTS: text });
        expect(values.length + diagnostics.length).toBe(1);
        for (const { value } of values) {
          for (const map of value as readonly object[]) expect(Object.getPrototypeOf(map)).toBeNull();
        }
      }),
    );
  });
});
