import { describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../src/config/environment.ts';
import { SETTINGS } from '../../src/config/settings.ts';

describe('a variable', () => {
  it('exists for every setting, each with its own name', () => {
    const names = SETTINGS.map(({ variable }) => variable);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining([
        'PORTCULLIS_DEFAULT_ACTION',
        'PORTCULLIS_CLIENT_IP_XFF_TRUSTED_HOPS',
        'PORTCULLIS_IDENTITY_XFCC_TRUSTED_PEERS',
        'PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS',
        'PORTCULLIS_TLS_CERT_FILE',
      ]),
    );
  });

  it.each([
    ['PORTCULLIS_TRUST_DOMAIN', 'example.org', 'example.org'],
    ['PORTCULLIS_HEALTH', '', ''],
    ['PORTCULLIS_CACHE_MAX_ENTRIES', '12', 12],
    ['PORTCULLIS_AUDIT_ALLOW_SAMPLE', '0.25', 0.25],
    ['PORTCULLIS_ALLOW_EMPTY', 'true', true],
    ['PORTCULLIS_REFLECTION', 'false', false],
    ['PORTCULLIS_POLICIES', 'a, b', ['a', 'b']],
    ['PORTCULLIS_TRUST_DOMAIN_ALIASES', '', []],
  ])('%s=%s is read as its type', (variable, text, value) => {
    expect(readEnvironment({ [variable]: text })).toMatchObject({
      values: [{ value, position: { file: variable } }],
      diagnostics: [],
    });
  });

  it('holds headers as a JSON object', () => {
    const [override] = readEnvironment({ PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS: '{"x-a":"1"}' }).values;
    expect({ ...(override?.value as object) }).toEqual({ 'x-a': '1' });
  });

  it.each([
    ['PORTCULLIS_CACHE_MAX_ENTRIES', ''],
    ['PORTCULLIS_CACHE_MAX_ENTRIES', '0x10'],
    ['PORTCULLIS_CACHE_MAX_ENTRIES', '1e3'],
    ['PORTCULLIS_ALLOW_EMPTY', 'yes'],
    ['PORTCULLIS_ALLOW_EMPTY', ''],
    ['PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS', 'x-a: 1'],
    ['PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS', '["x-a"]'],
    ['PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS', '{"x-a":1}'],
    ['PORTCULLIS_RESPONSES_FORBIDDEN_HEADERS', '{"__proto__":"x"}'],
  ])('%s=%j is refused', (variable, text) => {
    expect(readEnvironment({ [variable]: text })).toMatchObject({
      values: [],
      diagnostics: [{ severity: 'error', code: 'wrong-type', position: { file: variable } }],
    });
  });

  it('that is nearly a setting is an error, a far one a warning', () => {
    expect(readEnvironment({ PORTCULLIS_DEFAULT_ACTON: 'DENY', PORTCULLIS_XYZ: '1' }).diagnostics).toMatchObject([
      { severity: 'error', code: 'unknown-variable', hint: 'did you mean `PORTCULLIS_DEFAULT_ACTION`?' },
      { severity: 'warning', code: 'unknown-variable', message: 'environment variable `PORTCULLIS_XYZ` is no setting' },
    ]);
  });

  it('that Kubernetes made for a Service called portcullis is passed over', () => {
    expect(
      readEnvironment({
        PORTCULLIS_SERVICE_HOST: '10.0.0.1',
        PORTCULLIS_SERVICE_PORT: '9191',
        PORTCULLIS_SERVICE_PORT_GRPC: '9191',
        PORTCULLIS_PORT: 'tcp://10.0.0.1:9191',
        PORTCULLIS_PORT_9191_TCP: 'tcp://10.0.0.1:9191',
        PORTCULLIS_PORT_9191_TCP_PROTO: 'tcp',
        PORTCULLIS_PORT_9191_TCP_PORT: '9191',
        PORTCULLIS_PORT_9191_TCP_ADDR: '10.0.0.1',
        PORTCULLIS_ADMIN_SERVICE_HOST: '10.0.0.2',
        PORTCULLIS_ADMIN_PORT: 'tcp://10.0.0.2:9192',
        HOME: '/root',
      }),
    ).toEqual({ values: [], diagnostics: [] });
  });

  it('never has a name that Kubernetes could make for a Service', () => {
    for (const { variable } of SETTINGS) {
      expect(variable).not.toMatch(/_SERVICE_HOST$|_SERVICE_PORT|_PORT$|_PORT_[0-9]/);
    }
  });
});
