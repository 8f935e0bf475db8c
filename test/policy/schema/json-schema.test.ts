import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { schemaFiles } from '../../../src/policy/schema/json-schema.ts';
import { access, errorCodes, istio, object } from '../support.ts';

const FOLDER = new URL('../../../policies/schema/', import.meta.url);

describe('the files of policies/schema', () => {
  it.each([...schemaFiles().keys()])('%s is what the definitions say (`npm run schema` writes it)', (name) => {
    expect(readFileSync(new URL(name, FOLDER), 'utf8')).toBe(schemaFiles().get(name));
  });

  it('are these, and those of the configuration and of the decision log', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    expect(files.sort()).toEqual([...schemaFiles().keys(), 'config.schema.json', 'decision-record.schema.json'].sort());
  });
});

function validator(name: string): (text: string) => boolean {
  const validate = new Ajv({ strict: true, strictTypes: false, allErrors: true }).compile(
    JSON.parse(schemaFiles().get(name)!) as object,
  );
  return (text) => validate(parse(text));
}

describe('the schema of all kinds', () => {
  const isValid = validator('policies.schema.json');

  it.each([
    access(
      '{action: DENY, rules: [{name: a, from: [{source: {groups: [g]}}], valid: {until: "2027-01-01T00:00:00Z"}, respond: {deny: {status: 451}}}]}',
    ),
    object('portcullis.dev/v1', 'PrincipalGroup', '{claims: [{issuer: i, claim: "[a][b]", values: [c]}]}'),
    object(
      'portcullis.dev/v1',
      'IdentityProvider',
      '{issuer: "https://i", jwt: {audiences: [a], algorithms: [EdDSA]}}',
    ),
    object(
      'portcullis.dev/v1',
      'IdentityProvider',
      '{issuer: i, apiKeys: {keys: [{id: a, owner: b, sha256: [0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef]}]}}',
    ),
    istio('{rules: [null, {from: null}]}'),
    object('security.istio.io/v1beta1', 'RequestAuthentication', '{jwtRules: [{issuer: i}]}'),
    object('networking.istio.io/v1', 'WorkloadEntry', '{address: 10.0.0.1}'),
    `apiVersion: v1\nkind: List\nitems:\n- ${access('{}').replaceAll('\n', '\n  ')}`,
  ])('takes what loads: %#', (text) => {
    expect(isValid(text)).toBe(true);
  });

  it.each([
    ['an unknown field', access('{acton: ALLOW}')],
    ['an unknown value', access('{action: AUDIT}')],
    ['a port that is a number', istio('{rules: [{to: [{operation: {ports: [80]}}]}]}')],
    ['an empty list', access('{rules: [{from: []}]}')],
    ['a status that is no denial', access('{action: DENY, rules: [{respond: {deny: {status: 200}}}]}')],
    ['a window without zone', access('{rules: [{valid: {until: "2027-01-01"}}]}')],
    ['a missing issuer', object('portcullis.dev/v1', 'PrincipalGroup', '{subjects: [{subjects: [a]}]}')],
    ['no way to prove anything', object('portcullis.dev/v1', 'IdentityProvider', '{issuer: i}')],
    ['a token for nobody', object('portcullis.dev/v1', 'IdentityProvider', '{issuer: "https://i", jwt: {}}')],
    [
      'a secret algorithm',
      object(
        'portcullis.dev/v1',
        'IdentityProvider',
        '{issuer: "https://i", jwt: {audiences: [a], algorithms: [HS256]}}',
      ),
    ],
    [
      'a key that is no hash',
      object('portcullis.dev/v1', 'IdentityProvider', '{issuer: i, apiKeys: {keys: [{id: a, owner: b, sha256: [c]}]}}'),
    ],
    ['a missing namespace', access('{}').replace(', namespace: shop', '')],
    ['an unknown version', object('portcullis.dev/v2', 'AccessPolicy', '{}')],
    ['an unknown kind', object('v1', 'ConfigMap', '{}')],
    [
      'a bad item of a List',
      `apiVersion: v1\nkind: List\nitems:\n- ${access('{acton: ALLOW}').replaceAll('\n', '\n  ')}`,
    ],
  ])('refuses what does not load: %s', (_, text) => {
    expect(isValid(text)).toBe(false);
    expect(errorCodes(text)).not.toEqual([]);
  });
});

describe('the schemas of one kind', () => {
  it('take that kind only', () => {
    const group = object('portcullis.dev/v1', 'PrincipalGroup', '{spiffeIds: ["*"]}');
    expect(validator('access-policy.schema.json')(access('{}'))).toBe(true);
    expect(validator('access-policy.schema.json')(group)).toBe(false);
    expect(validator('principal-group.schema.json')(group)).toBe(true);
    expect(validator('principal-group.schema.json')(access('{}'))).toBe(false);
  });
});

describe('the schema of policy tests', () => {
  const isValid = validator('policy-test.schema.json');

  it('takes every field', () => {
    expect(
      isValid(`
policies: [shop.yaml]
config: {trustDomain: td}
now: "2026-06-01T00:00:00Z"
defaults: {request: {principal: td/ns/a/sa/b}}
tests:
- name: a
  request:
    {sans: [a], method: GET, scheme: https, protocol: HTTP/2, host: h, path: /, headers: {a: b, c: [d, e]}, size: 1,
     claims: {iss: i, n: 1, l: [a]}, sourceIp: 10.0.0.1, destination: {address: 10.0.0.2, port: 80, principal: p, labels: {a: b}},
     workload: {namespace: n, serviceAccount: s, labels: {a: b}}, sni: s, time: "2026-01-01T00:00:00Z"}
  expect:
    {decision: deny, status: 403, reason: deny_rule, policy: a/b, rule: 0, headers: {set: {a: b}, remove: [c]},
     query: {set: {a: b}, remove: [c]}, responseHeaders: {a: b}, body: c}
- name: b
  request: {principal: null}
  expect: {decision: allow, policy: null, rule: null}
`),
    ).toBe(true);
  });

  it.each([
    'tests: []',
    'tests: [{name: a}]',
    'tests: [{name: a, expect: {decision: maybe}}]',
    'tests: [{name: a, expect: {decision: allow}, requst: {}}]',
    'tests: [{name: a, request: {headers: {a: 1}}, expect: {decision: allow}}]',
    '{}',
  ])('refuses `%s`', (text) => {
    expect(isValid(text)).toBe(false);
  });
});
