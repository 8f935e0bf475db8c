import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadPolicySet } from '../../src/policy/load.ts';
import { parsePolicyTests } from '../../src/policy/test-file.ts';
import { OPTIONS } from './support.ts';

const POLICIES = `
apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: orders, namespace: shop, labels: &x {a: b}, annotations: *x}
spec:
  selector: {matchLabels: {app: orders}}
  serviceAccounts: [orders]
  rules:
    - name: reads
      from: [{source: {principals: [cluster.local/ns/edge/sa/gateway], groups: [support]}}]
      to: [{operation: {methods: [GET], paths: ["/orders/{*}"], hosts: ["*.example"], ports: ["80"]}}]
      when: [{key: "request.auth.claims[region][x]", values: [eu], notValues: ["us*"]}]
      condition: |
        claims.acr == "mfa" && request.path.matches("^/a")
      valid: {from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
      respond:
        request: {set: {x-user: "\${request.auth.claims[sub]}"}, remove: [x-debug], query: {set: {a: b}}}
---
apiVersion: portcullis.dev/v1
kind: PrincipalGroup
metadata: {name: support, namespace: shop, labels: {a: b}}
spec: {spiffeIds: ["*"], subjects: [{issuer: i, subjects: [s]}], claims: [{issuer: i, claim: "[a][b]", values: [c]}]}
---
apiVersion: portcullis.dev/v1
kind: IdentityProvider
metadata: {name: people, namespace: shop}
spec: {issuer: "https://i", from: {headers: [{name: x, prefix: "t "}]}, jwt: {audiences: [a], algorithms: [ES256], outputClaimToHeaders: [{header: x-sub, claim: sub}]}}
---
apiVersion: v1
kind: List
items:
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: a, namespace: b, annotations: {istio.io/dry-run: "true"}}
  spec: {action: DENY, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8], notNamespaces: [x]}}]}]}
- apiVersion: security.istio.io/v1
  kind: RequestAuthentication
  metadata: {name: a, namespace: b}
  spec: {jwtRules: [{issuer: "https://i", timeout: 5s, fromParams: [t]}]}
- apiVersion: networking.istio.io/v1
  kind: WorkloadEntry
  metadata: {name: a, namespace: b}
  spec: {address: 10.0.0.1, labels: {a: b}}
`;

const TESTS = `
policies: [a.yaml]
now: 2026-01-01T00:00:00Z
defaults: {request: {principal: td/a, headers: {a: [b, c]}}}
tests:
- name: a
  request: {method: GET, claims: {iss: i}, destination: {address: 10.0.0.1, port: 80}, workload: {namespace: n}}
  expect: {decision: allow, rule: 0, headers: {set: {a: b}}}
`;

/** Pieces that mean something to YAML or to us. */
const PIECES = [
  '[',
  ']',
  '{',
  '}',
  ': ',
  '- ',
  '\n',
  '  ',
  '\t',
  '"',
  "'",
  '|',
  '>',
  '&x ',
  '*x',
  '!!str ',
  '!',
  '#',
  '---\n',
  '...',
  '? ',
  ',',
  '%',
  '@',
  '`',
  '\\',
  '\0',
  '\uFEFF',
  '\uD800',
  'é',
  'null',
  '~',
  '1',
  'true',
  '__proto__',
  '${',
  '<<',
  '*',
  '/',
  '..',
];

const edit = fc.record({ at: fc.nat(), remove: fc.nat(12), piece: fc.constantFrom('', ...PIECES) });

function mutated(text: string): fc.Arbitrary<string> {
  return fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
    edits.reduce((whole, { at, remove, piece }) => {
      const start = at % (whole.length + 1);
      return whole.slice(0, start) + piece + whole.slice(start + remove);
    }, text),
  );
}

describe('whatever is done to a file', () => {
  it('policies load, or are refused with places inside the file: reading never throws', () => {
    expect(loadPolicySet([{ path: 'a', text: POLICIES }], OPTIONS).diagnostics).toEqual([]);
    fc.assert(
      fc.property(mutated(POLICIES), (text) => {
        const { set, diagnostics } = loadPolicySet([{ path: 'a', text }], OPTIONS);
        const lines = text.split('\n');
        expect(set === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
        for (const { position, message } of diagnostics) {
          const own = lines[position.line - 1];
          expect(own).toBeDefined();
          expect(position.column).toBeLessThanOrEqual(own!.length + 1);
          expect(message).not.toContain('\n');
        }
      }),
      { numRuns: 150 },
    );
  });

  it('a node that was read without complaint has the form that the schema asks for', () => {
    // Values of wrong types everywhere: the reader must see each that it would use, or the schema must.
    const values = fc.constantFrom('1', 'true', 'null', '[]', '{}', '[1]', '{a: 1}', '""', 'x');
    const places = [...POLICIES.matchAll(/: (?=\S)/g)].map(({ index }) => index + 2);
    fc.assert(
      fc.property(fc.constantFrom(...places), values, (at, value) => {
        const text = `${POLICIES.slice(0, at)}${value}${POLICIES.slice(at).replace(/^("[^"]*"|\[[^\]]*\]|[^\s,}]+)/, '')}`;
        expect(() => loadPolicySet([{ path: 'a', text }], OPTIONS)).not.toThrow();
      }),
      { numRuns: 150 },
    );
  });

  it('policy tests are read, or refused', () => {
    fc.assert(
      fc.property(mutated(TESTS), (text) => {
        const { file, diagnostics } = parsePolicyTests('a', text);
        expect(file === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 100 },
    );
  });
});
