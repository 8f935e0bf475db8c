import { expect, test } from '@jest/globals';
import { files, portcullis, SHOP } from './support.ts';

const TIMEOUT_MS = 60_000;

const DEFAULTS = `defaults:
  request:
    workload: {namespace: shop, labels: {app: orders}}
    principal: cluster.local/ns/edge/sa/gateway
    path: /orders/1
`;

test(
  'passes when every expectation holds',
  async () => {
    using dir = files({
      'shop.yaml': SHOP,
      'shop.test.yaml': `${DEFAULTS}tests:
  - name: the gateway reads
    expect:
      decision: allow
      status: 200
      reason: allow_rule
      policy: shop/orders
      rule: gateway-reads
      headers: {set: {X-Policy: shop/orders}, remove: [x-debug]}
  - name: a rule can be called by its number
    expect: {decision: allow, rule: 0}
  - name: two names are nobody
    request: {sans: ["spiffe://cluster.local/ns/edge/sa/gateway", "spiffe://cluster.local/ns/x/sa/y"]}
    expect: {decision: deny, policy: null, rule: null, body: "access denied\\n"}
`,
    });
    expect(await portcullis(['test', dir.path])).toStrictEqual({
      code: 0,
      stdout: `${dir.at('shop.test.yaml')}
  ✓ the gateway reads
  ✓ a rule can be called by its number
  ✓ two names are nobody
3 passed, 0 failed: 3 tests in 1 file
`,
      stderr: '',
    });
  },
  TIMEOUT_MS,
);

test(
  'shows what differs and why it was decided so, and the rules that no test matched',
  async () => {
    using dir = files({
      'shop.yaml': SHOP,
      'shop.test.yaml': `${DEFAULTS}tests:
  - name: everybody posts
    request: {method: POST}
    expect: {decision: allow, rule: gateway-reads, headers: {set: {x-policy: shop/orders}}}
  - name: the gateway reads
    expect: {decision: allow}
`,
    });
    const { code, stdout } = await portcullis(['test', dir.path, '--coverage']);
    expect(code).toBe(1);
    expect(stdout).toContain(`  ✗ everybody posts (line 7)
      decision              - expected allow
                            + got      deny
      rule                  - expected gateway-reads
                            + got      (none)
      headers.set.x-policy  - expected shop/orders
                            + got      (none)
      the way of the decision:
        because ALLOW policies apply to the workload, and none of their rules matched
`);
    expect(stdout).toContain('          ✗ rule gateway-reads failed at to[0].operation.methods\n');
    expect(stdout).toContain(`coverage: 1 of 3 rules matched in some test
  not matched AccessPolicy shop/orders rule 1
  not matched AuthorizationPolicy shop/no-delete rule 0
1 passed, 1 failed: 2 tests in 1 file
`);

    const json = await portcullis(['test', dir.at('shop.yaml'), '--coverage', '--format', 'json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      files: [
        {
          file: dir.at('shop.test.yaml'),
          diagnostics: [],
          tests: [
            {
              name: 'everybody posts',
              line: 7,
              passed: false,
              differences: [
                { field: 'decision', expected: 'allow', actual: 'deny' },
                { field: 'rule', expected: 'gateway-reads', actual: null },
                { field: 'headers.set.x-policy', expected: 'shop/orders', actual: null },
              ],
              got: { decision: 'deny', reason: 'no_rule_matched' },
            },
            { name: 'the gateway reads', passed: true, differences: [] },
          ],
        },
      ],
      summary: { files: 1, tests: 2, passed: 1, failed: 1, brokenFiles: 0 },
      coverage: { total: 3, matched: 1 },
    });
  },
  TIMEOUT_MS,
);

test(
  'each file has its own policies, configuration and time',
  async () => {
    const timed = SHOP.replace(
      '- name: gateway-reads',
      `- name: gateway-reads
      when: [{key: "request.auth.claims[team]", values: [a]}]
      valid: {from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}`,
    );
    using dir = files({
      'set/shop.yaml': timed,
      'tests/one.test.yaml': `policies: [../set/shop.yaml]
config: {identity: {jwtMetadata: envoy.filters.http.jwt_authn}, defaultAction: ALLOW}
now: 2026-06-01T00:00:00Z
${DEFAULTS}    claims: {iss: i, sub: s, team: a}
tests:
  - name: in time
    expect: {decision: allow, rule: gateway-reads}
  - name: too late
    request: {time: "2027-01-01T00:00:00Z"}
    expect: {decision: deny, reason: no_rule_matched}
  - name: without a token
    request: {claims: null}
    expect: {decision: deny, reason: token_required, status: 401}
  - name: another workload
    request: {workload: {namespace: other}}
    expect: {decision: allow, reason: default_allow}
`,
    });
    const { code, stdout } = await portcullis(['test', dir.at('tests')]);
    expect(stdout).toContain('4 passed, 0 failed');
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'claims that no policy could see are told',
  async () => {
    using dir = files({
      'shop.yaml': SHOP,
      'shop.test.yaml': `${DEFAULTS}    claims: {sub: s}\ntests: [{name: x, expect: {decision: allow}}]\n`,
    });
    const { code, stdout } = await portcullis(['test', dir.path]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      'the request has claims, and neither `identity.jwtMetadata` is set, nor does an IdentityProvider',
    );
  },
  TIMEOUT_MS,
);

test(
  'errors of a test file, of its configuration and of its policies are told with their place',
  async () => {
    const tests = 'tests: [{name: x, expect: {decision: allow}}]\n';
    using dir = files({
      'file/shop.yaml': SHOP,
      'file/shop.test.yaml': 'tests: [{name: x, expects: {decision: allow}}]\n',
      'config/shop.yaml': SHOP,
      'config/shop.test.yaml': `config:\n  identity: {jwtMetadatum: x}\n${tests}`,
      'policies/shop.yaml': SHOP.replace('action: ALLOW', 'action: ALOW'),
      'policies/shop.test.yaml': tests,
    });
    const { code, stdout } = await portcullis(['test', dir.path]);
    expect(code).toBe(1);
    expect(stdout).toContain(`${dir.at('file/shop.test.yaml')}:1:19: error unknown-field`);
    expect(stdout).toMatch(
      new RegExp(`${dir.at('config/shop.test.yaml')}:\\d+:\\d+: error unknown-key: .*jwtMetadatum`),
    );
    expect(stdout).toContain(`${dir.at('policies/shop.yaml')}:6:11: error unknown-value`);
    expect(stdout).toContain('0 passed, 0 failed, 3 files with errors: 0 tests in 3 files');
  },
  TIMEOUT_MS,
);

test(
  'no tests, or no path, is bad usage',
  async () => {
    using dir = files({ 'shop.yaml': SHOP });
    expect(await portcullis(['test', dir.path])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there are no tests'),
    });
    expect(await portcullis(['test', dir.at('none')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('missing-path'),
    });
    expect(await portcullis(['test'])).toMatchObject({ code: 2 });
  },
  TIMEOUT_MS,
);
