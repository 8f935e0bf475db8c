import { describe, expect, it } from '@jest/globals';
import { configDump } from '../../src/admin/config-dump.ts';
import type { ServiceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';

/** A configuration in which every setting that may hold a secret has one. */
const FULL: Readonly<Record<string, string>> = {
  PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS: '{"x-note":"plain","x-secret":"secret-of-a-header"}',
  PORTCULLIS_IDENTITY_FETCH_TARGETS: '[{"url":"https://a.example/keys?key=secret-of-a-target"}]',
  PORTCULLIS_IDENTITY_CLIENTS:
    '[{"name":"us","endpoints":["https://a.example/in?key=secret-of-an-endpoint"],"clientId":"us","secretFile":"/f"}]',
  PORTCULLIS_IDENTITY_REVOCATION_URL: 'https://a.example/list?key=secret-of-a-list',
  PORTCULLIS_IDENTITY_ANSWERS_LOGIN_URL: 'https://a.example/login?key=secret-of-a-login',
  PORTCULLIS_IDENTITY_ANSWERS_LOGIN_HOSTS: 'a.example',
  PORTCULLIS_AUDIT_HTTP_URL: 'https://a.example/log?key=secret-of-a-log',
  PORTCULLIS_AUDIT_OTLP_URL: 'https://a.example/otlp?key=secret-of-otlp',
  PORTCULLIS_TELEMETRY_OTLP_ENDPOINT: 'https://a.example/otlp?key=secret-of-telemetry',
  PORTCULLIS_ADMIN_TOKEN_FILE: '/token',
  PORTCULLIS_TLS_CERT_FILE: '/cert.pem',
  PORTCULLIS_TLS_KEY_FILE: '/key.pem',
};

function configOf(env: Readonly<Record<string, string>>): ServiceConfig {
  const { config, diagnostics } = loadConfig({ env });
  if (config === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return config;
}

const dumpOf = (env: Readonly<Record<string, string>>): string => JSON.stringify(configDump(configOf(env)));

describe('the configuration as it is told', () => {
  it('has no secret in it', () => {
    const dump = dumpOf(FULL);
    expect(dump).not.toContain('secret-of');
    expect(JSON.parse(dump)).toMatchObject({
      responses: { forbidden: { headers: { 'x-note': 'plain', 'x-secret': '*' } } },
      identity: {
        fetch: { targets: [{ url: 'https://a.example/keys?key=*' }] },
        clients: [{ name: 'us', endpoints: ['https://a.example/in?key=*'], clientId: 'us', secretFile: '/f' }],
      },
      admin: { tokenFile: '/token' },
      tls: { certFile: '/cert.pem' },
    });
  });

  it('has every setting in it, and none that is held back without a thought', () => {
    const dump = configDump(configOf({})) as Record<string, unknown>;
    const heldBack = SETTINGS.filter(({ path }) => {
      let at: unknown = dump;
      for (const key of path) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : at;
      return at === '*' || at === undefined;
    });
    expect(heldBack.map(({ path }) => path.join('.'))).toEqual([]);
  });

  it('holds back what nobody has said of that it may be told', () => {
    const config = { ...configOf({}), added: { later: 'secret' }, responses: { new: 'secret' } };
    const dump = JSON.stringify(configDump(config as unknown as ServiceConfig));
    expect(dump).toContain('"added":"*"');
    expect(dump).toContain('"responses":{"new":"*"}');
    expect(dump).not.toContain('secret"');
  });
});
