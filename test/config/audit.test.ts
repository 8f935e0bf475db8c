import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function load(text: string) {
  const file = join(directory, 'portcullis.yaml');
  writeFileSync(file, text);
  return loadConfig({ file });
}

function problems(text: string): readonly string[] {
  return load(text).diagnostics.map(({ code, message, hint }) => `${code} ${message} | ${hint}`);
}

describe('the names that the decision log had in `log`', () => {
  it('are refused with the place that they have moved to', () => {
    expect(problems('log: {denials: false, allowSample: 1}')).toEqual([
      'moved-key `log.denials` is called `audit.denials` now | write `audit.denials`',
      'moved-key `log.allowSample` is called `audit.allowSample` now | write `audit.allowSample`',
    ]);
  });

  it('are so as variables, too', () => {
    expect(loadConfig({ env: { PORTCULLIS_LOG_ALLOW_SAMPLE: '1' } }).diagnostics).toMatchObject([
      { severity: 'error', code: 'moved-key', hint: 'set `PORTCULLIS_AUDIT_ALLOW_SAMPLE`' },
    ]);
  });
});

describe('headers and claims to be recorded', () => {
  it('are those that are named', () => {
    const { config } = load('audit: {headers: [X-Tenant, user-agent], claims: [sub, "[realm_access][roles]"]}');
    expect(config?.audit).toMatchObject({
      headers: ['x-tenant', 'user-agent'],
      claims: ['sub', '[realm_access][roles]'],
    });
  });

  it.each([
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'dpop',
    'DPoP',
    'x-api-key',
    'apikey',
    'api_key',
    'x-auth-token',
    'x-amz-security-token',
    'x-forwarded-client-cert',
    'x-csrf-token',
    'x-session-id',
    'x-goog-iap-jwt-assertion',
    'x-hub-signature',
    'x-client-secret',
    'x-password',
    'x-aws-access-key',
    'x-authentication',
  ])('are never the header %s', (name) => {
    expect(problems(`audit: {headers: [${name}]}`)).toEqual([
      'secret-header `audit.headers[0]` is a header that holds a secret | leave it out: secrets are never recorded',
    ]);
  });

  it.each(['access_token', '[ext][client_secret]', 'session_state'])('are never the claim %s', (name) => {
    expect(problems(`audit: {claims: ['${name}']}`)).toEqual([
      'secret-claim `audit.claims[0]` is a claim that holds a secret | leave it out: secrets are never recorded',
    ]);
  });

  it.each(['[a', 'a b', '[]', 'a[b]'])('are no claim %s', (name) => {
    expect(problems(`audit: {claims: ['${name}']}`)[0]).toMatch(/^bad-claim /);
  });
});

describe('sinks', () => {
  it.each([
    ['sinks: [file]', 'missing-key `audit.file.directory` is needed for the sink `file`'],
    ['sinks: [http]', 'missing-key `audit.http.url` is needed for the sink `http`'],
    ['sinks: [otlp]', 'missing-key `audit.otlp.url` is needed for the sink `otlp`'],
    ['sinks: [stderr, stderr]', 'duplicate-sink `audit.sinks` has one sink twice'],
    [
      'http: {url: "http://logs.example/", headersFile: /h}',
      'secret-over-http `audit.http.headersFile` would be sent without TLS',
    ],
    [
      'sinks: [http], http: {url: "https://logs.example/"}, required: true',
      'required-without-directory `audit.required` needs `audit.directory`',
    ],
    ['integrity: {method: ed25519}', 'seal-without-key `audit.integrity.method` needs `audit.integrity.keyFile`'],
    ['integrity: {keyFile: /k}', 'key-without-method `audit.integrity.keyFile` is a key that nothing is sealed with'],
    ['instance: ../a', 'bad-instance `audit.instance` is no name of an instance'],
  ])('{%s} is refused', (text, problem) => {
    const found = problems(`audit: {${text}}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  it('may get secret headers over plain HTTP on this machine', () => {
    expect(problems('audit: {sinks: [http], http: {url: "http://127.0.0.1:1/", headersFile: /h}}')).toEqual([]);
  });

  it('are found beside the file that names them', () => {
    const { config } = load('audit: {sinks: [file], file: {directory: logs}, directory: wait}');
    expect(config?.audit).toMatchObject({
      directory: join(directory, 'wait'),
      file: { directory: join(directory, 'logs') },
    });
  });
});
