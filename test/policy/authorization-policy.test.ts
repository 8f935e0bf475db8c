import { describe, expect, it, test } from '@jest/globals';
import { access, errorCodes, istio, line, load, onlyPolicy } from './support.ts';

describe('an AuthorizationPolicy that Istio takes', () => {
  it.each([
    ['no spec fields', '{}', 0],
    ['an empty list of rules', '{rules: []}', 0],
    ['null for rules', '{rules: null}', 0],
    ['one rule that says nothing', '{rules: [{}]}', 1],
    ['one rule that is null', '{rules: [null]}', 1],
  ])('has as many rules as written: %s', (_, spec, count) => {
    const policy = onlyPolicy(istio(spec));
    expect(policy.action).toBe('ALLOW');
    expect(policy.rules).toHaveLength(count);
  });

  it('may have no spec at all', () => {
    const text = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n';
    expect(onlyPolicy(text).rules).toEqual([]);
    expect(onlyPolicy(`${text}spec: null\n`).rules).toEqual([]);
  });

  it.each(['from: []', 'from: null', 'to: []', 'to: null', 'when: []', 'when: null'])(
    'takes `%s` as if the field were absent',
    (field) => {
      const [rule] = onlyPolicy(istio(`{rules: [{${field}}]}`)).rules;
      expect(rule).toMatchObject({ from: null, to: null, when: [] });
    },
  );

  it('takes an empty list of values as if the field were absent', () => {
    const [rule] = onlyPolicy(istio('{rules: [{to: [{operation: {methods: [], paths: ["/a"]}}]}]}')).rules;
    expect(Object.keys(rule!.to![0]!.is)).toEqual(['paths']);
  });

  it('reads fields, their notX twins and conditions with their places', () => {
    const { rules } = onlyPolicy(
      istio(`
  action: DENY
  rules:
  - from:
    - source: {principals: ["a/b"], notNamespaces: [x]}
    to:
    - operation: {ports: ["0080"], notPaths: ["/a/{*}"]}
    when:
    - key: request.auth.claims[a][b]
      values: [v]
      notValues: [w]`),
    );
    expect(rules[0]).toMatchObject({
      index: 0,
      name: null,
      position: { line: 7, column: 5 },
      from: [
        {
          is: { principals: { values: ['a/b'], position: { line: 8, column: 16 } } },
          not: { namespaces: { values: ['x'], position: { line: 8, column: 37 } } },
        },
      ],
      to: [{ is: { ports: { values: ['0080'] } }, not: { paths: { values: ['/a/{*}'] } } }],
      when: [
        {
          key: { kind: 'request.auth.claims', path: ['a', 'b'], text: 'request.auth.claims[a][b]' },
          values: { values: ['v'] },
          notValues: { values: ['w'] },
        },
      ],
    });
  });

  it('is taken in both versions', () => {
    const v1beta1 = istio('{}').replace('/v1\n', '/v1beta1\n');
    expect(onlyPolicy(v1beta1).kind).toBe('AuthorizationPolicy');
  });

  it.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('is dry run with the annotation "%s"', (value) => {
    expect(onlyPolicy(annotated(value)).mode).toBe('dry-run');
  });

  it.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])('is enforced with the annotation "%s"', (value) => {
    expect(onlyPolicy(annotated(value)).mode).toBe('enforce');
  });

  it('keeps the Gateways of its target references, and attaches to nothing else', () => {
    const gateway = '{group: gateway.networking.k8s.io, kind: Gateway, name: gw}';
    expect(onlyPolicy(istio(`{targetRefs: [${gateway}]}`)).targetGateways).toEqual(['gw']);
    expect(onlyPolicy(istio(`{targetRef: ${gateway}}`)).targetGateways).toEqual(['gw']);
    expect(onlyPolicy(istio('{targetRefs: [{kind: Service, name: a, group: ""}]}')).targetGateways).toEqual([]);
    expect(onlyPolicy(istio('{targetRefs: []}')).targetGateways).toBeNull();
  });

  it('selects all with an empty selector', () => {
    expect(onlyPolicy(istio('{selector: {}}')).matchLabels.size).toBe(0);
    expect(onlyPolicy(istio('{selector: {matchLabels: {app: a}}}')).matchLabels).toEqual(new Map([['app', 'a']]));
  });

  test.each([
    ['AUDIT', '{action: AUDIT}', 'audit-ignored'],
    ['CUSTOM', '{action: CUSTOM, provider: {name: x}, rules: [{}]}', 'custom-skipped'],
  ])('action %s is left out with a note', (_, spec, code) => {
    const { set, diagnostics } = load(istio(spec));
    expect(set?.policies).toEqual([]);
    expect(diagnostics).toMatchObject([{ severity: 'note', code }]);
  });
});

function annotated(value: string): string {
  return istio('{}').replace('{name: p,', `{name: p, annotations: {istio.io/dry-run: "${value}"},`);
}

describe('an AuthorizationPolicy that Istio refuses is refused', () => {
  const inSource = (source: string): string => istio(`{rules: [{from: [{source: ${source}}]}]}`);
  const inOperation = (operation: string): string => istio(`{rules: [{to: [{operation: ${operation}}]}]}`);
  const inWhen = (when: string): string => istio(`{rules: [{when: [${when}]}]}`);

  it.each([
    ['DENY without rules', istio('{action: DENY}'), ['deny-without-rules']],
    ['DENY with an empty list of rules', istio('{action: DENY, rules: []}'), ['deny-without-rules']],
    ['CUSTOM without rules', istio('{action: CUSTOM, provider: {name: x}}'), ['deny-without-rules']],
    ['CUSTOM without provider', istio('{action: CUSTOM, rules: [{}]}'), ['bad-provider']],
    ['a provider beside ALLOW', istio('{provider: {name: x}}'), ['bad-provider']],
    [
      'peer fields with CUSTOM',
      istio('{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {namespaces: [a]}}]}]}'),
      ['not-with-custom'],
    ],
    [
      'trust domains with CUSTOM',
      istio('{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {notTrustDomains: [a]}}]}]}'),
      ['not-with-custom'],
    ],
    [
      'token keys with CUSTOM',
      istio('{action: CUSTOM, provider: {name: x}, rules: [{when: [{key: request.auth.principal, values: [a]}]}]}'),
      ['not-with-custom'],
    ],
    ['an action in lower case', istio('{action: allow}'), ['unknown-value']],
    ['an empty source', inSource('{}'), ['empty-source']],
    ['a source of empty lists', inSource('{principals: [], namespaces: null}'), ['empty-source']],
    ['a source that is null', inSource('null'), ['empty-source']],
    ['an entry of from without source', istio('{rules: [{from: [{}]}]}'), ['empty-source']],
    ['an entry of from that is null', istio('{rules: [{from: [null]}]}'), ['empty-source']],
    ['an empty operation', inOperation('{}'), ['empty-operation']],
    ['an entry of to that is null', istio('{rules: [{to: [null]}]}'), ['empty-operation']],
    ['a condition that is null', inWhen('null'), ['missing-field']],
    ['a condition without key', inWhen('{values: [a]}'), ['missing-field']],
    ['a condition without values', inWhen('{key: source.ip}'), ['missing-values']],
    ['a condition with empty lists', inWhen('{key: source.ip, values: [], notValues: []}'), ['missing-values']],
    ['an empty string', inSource('{principals: [""]}'), ['empty-value']],
    [
      'serviceAccounts beside principals',
      inSource('{serviceAccounts: [a], notPrincipals: [b]}'),
      ['conflicting-fields'],
    ],
    [
      'notServiceAccounts beside namespaces',
      inSource('{notServiceAccounts: [a], namespaces: [b]}'),
      ['conflicting-fields'],
    ],
    ['17 service accounts', inSource(`{serviceAccounts: [${'a,'.repeat(17)}]}`), ['too-many']],
    ['a wildcard service account', inSource('{serviceAccounts: ["a*"]}'), ['bad-service-account']],
    ['a service account with two slashes', inSource('{serviceAccounts: ["a/b/c"]}'), ['bad-service-account']],
    ['a service account without name', inSource('{serviceAccounts: ["a/"]}'), ['bad-service-account']],
    [
      'a service account that is too long',
      inSource(`{serviceAccounts: ["${'a'.repeat(321)}"]}`),
      ['bad-service-account'],
    ],
    ['a trust domain with a slash', inSource('{trustDomains: ["a/b"]}'), ['bad-trust-domain']],
    ['a trust domain with a star inside', inSource('{trustDomains: ["a*b"]}'), ['bad-trust-domain']],
    ['a trust domain with two stars', inSource('{trustDomains: ["*a*"]}'), ['bad-trust-domain']],
    ['a bad CIDR block', inSource('{ipBlocks: ["10.0.0.0/33"]}'), ['bad-ip-block']],
    ['a bad address', inSource('{remoteIpBlocks: ["10.0.0.256"]}'), ['bad-ip-block']],
    ['a leading zero in an address', inSource('{ipBlocks: ["010.0.0.1"]}'), ['bad-ip-block']],
    ['a port out of range', inOperation('{ports: ["65536"]}'), ['bad-port']],
    ['a port with a sign', inOperation('{ports: ["+80"]}'), ['bad-port']],
    ['a bad port as condition', inWhen('{key: destination.port, notValues: [http]}'), ['bad-port']],
    ['a bad address as condition', inWhen('{key: destination.ip, values: [x]}'), ['bad-ip-block']],
    ['{**} before another operator', inOperation('{paths: ["/{*}/{**}/{*}"]}'), ['bad-path-template']],
    ['an operator that is no whole segment', inOperation('{notPaths: ["/a{*}"]}'), ['bad-path-template']],
    ['a named variable', inOperation('{paths: ["/{id}"]}'), ['bad-path-template']],
    ['a template with a star', inOperation('{paths: ["/{*}/a*"]}'), ['bad-path-template']],
    ['a template with a bad character', inOperation('{paths: ["/a^b/{*}"]}'), ['bad-path-template']],
    ['a template with an empty segment', inOperation('{paths: ["/a//{*}"]}'), ['bad-path-template']],
    ['a wildcard in a selector', istio('{selector: {matchLabels: {app: "a*"}}}'), ['bad-selector']],
    ['a selector label without name', istio('{selector: {matchLabels: {"": a}}}'), ['bad-selector']],
    [
      'a selector beside target references',
      istio('{selector: {}, targetRefs: [{kind: Service, name: a}]}'),
      ['conflicting-fields'],
    ],
    ['a target of another kind', istio('{targetRefs: [{kind: Pod, name: a}]}'), ['bad-target']],
    ['a target without name', istio('{targetRefs: [{kind: Service}]}'), ['bad-target']],
    ['a target in a namespace', istio('{targetRefs: [{kind: Service, name: a, namespace: b}]}'), ['bad-target']],
    ['a port that is a number', inOperation('{ports: [80]}'), ['wrong-type']],
    ['a value that is a boolean', inWhen('{key: source.ip, values: [true]}'), ['wrong-type']],
    ['an unknown field in an operation', inOperation('{method: [GET]}'), ['unknown-field']],
    ['an annotation that is no boolean', annotated('yes'), ['bad-dry-run']],
    ['an annotation in odd case', annotated('tRUE'), ['bad-dry-run']],
    ['an empty annotation', annotated(''), ['bad-dry-run']],
    ['dry run of AUDIT', annotated('true').replace('spec: {}', 'spec: {action: AUDIT}'), ['bad-dry-run']],
  ])('%s', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
  });
});

describe('what Istio takes and then drops or fails on is refused', () => {
  const withKey = (key: string, action = 'ALLOW'): string =>
    istio(`{action: ${action}, rules: [{when: [{key: "${key}", values: [v]}]}]}`);

  it.each([
    ['request.headersX[foo]', 'unknown-attribute', 'did you mean `request.headers[foo]`?'],
    ['request.auth.claimsX[a]', 'unknown-attribute', 'did you mean `request.auth.claims[a]`?'],
    ['source.ip ', 'unknown-attribute', 'remove the blanks: `source.ip`'],
    ['destination.labels[x]', 'unknown-attribute', 'use `spec.selector.matchLabels`'],
    ['source.namepsace', 'unknown-attribute', 'did you mean `source.namespace`?'],
    ['experimental.foo[bar]', 'unknown-attribute', 'the keys are'],
    ['request.headers', 'bad-attribute-key', 'write `request.headers[name]`'],
    ['request.headers[]', 'bad-attribute-key', 'write `request.headers[name]`'],
    ['request.auth.claims[a][b', 'bad-attribute-key', 'write `request.auth.claims[name]`'],
    ['request.auth.claims[a][]', 'bad-attribute-key', 'write `request.auth.claims[name]`'],
    ['experimental.envoy.filters.a.b', 'bad-attribute-key', 'write `experimental.envoy.filters.NAME[key]`'],
  ])('the key `%s`: %s', (key, code, hint) => {
    const [problem] = load(withKey(key)).diagnostics;
    expect(problem).toMatchObject({ code, position: { line: 4, column: 45 } });
    expect(problem!.hint).toContain(hint);
  });

  const DENIES_ALL = 'only this condition: this DENY would deny everything that the rest of the rule matches';
  it.each([
    ['request.headersX[foo]', 'DENY', `Istio takes it and drops ${DENIES_ALL}`],
    ['request.headersX[foo]', 'ALLOW', 'Istio takes it and drops the whole rule: nobody would be allowed by it'],
    ['request.auth.claimsX[a]', 'DENY', `Istio takes it and drops ${DENIES_ALL}`],
    ['request.headers', 'DENY', `past its webhook Istio drops ${DENIES_ALL}`],
    ['request.headers[]', 'ALLOW', 'past its webhook Istio drops the whole rule: nobody would be allowed by it'],
    ['experimental.envoy.filters.a.b', 'DENY', `past its webhook Istio drops ${DENIES_ALL}`],
    ['source.namepsace', 'DENY', 'past its webhook Istio skips the whole rule: this DENY would deny nothing by it'],
    ['source.namepsace', 'ALLOW', 'past its webhook Istio skips the whole rule: nobody would be allowed by it'],
    ['source.namepsace', 'AUDIT', 'past its webhook Istio skips the whole rule: this AUDIT would do nothing by it'],
    [
      'request.auth.claims[a][]',
      'DENY',
      'Istio takes it and hands it to Envoy, which refuses the whole configuration of the workload',
    ],
  ])('the key `%s` of a policy with action %s: %s', (key, action, fate) => {
    const { set, diagnostics } = load(withKey(key, action));
    expect(set).toBeNull();
    expect(diagnostics.find(({ severity }) => severity === 'error')!.message.split('; ')[1]).toBe(fate);
  });

  it('a bad value, with what a DENY and an ALLOW would have become', () => {
    const bad = (action: string): string =>
      istio(`{action: ${action}, rules: [{from: [{source: {ipBlocks: [x]}}], to: [{operation: {ports: [http]}}]}]}`);
    const dropped =
      'past its webhook Istio drops only this value, and the field when none is left: this DENY would deny everything that the rest of the rule matches';
    expect(load(bad('DENY')).diagnostics.map(({ message }) => message)).toEqual([
      `\`x\` is neither an IP address nor a CIDR block; ${dropped}`,
      `\`http\` is not a port; ${dropped}`,
    ]);
    const skipped = 'past its webhook Istio drops the whole rule: nobody would be allowed by it';
    expect(load(bad('ALLOW')).diagnostics.map(({ message }) => message)).toEqual([
      `\`x\` is neither an IP address nor a CIDR block; ${skipped}`,
      `\`http\` is not a port; ${skipped}`,
    ]);
  });

  it('says nothing of Istio in our own kind', () => {
    const text = access(
      '{action: DENY, rules: [{when: [{key: source.foo, values: [v]}, {key: source.ip, values: [x]}]}]}',
    );
    for (const { message } of load(text).diagnostics) expect(message).not.toContain('Istio');
    expect(errorCodes(text)).toEqual(['unknown-attribute', 'bad-ip-block']);
  });

  it('more operators than Envoy takes', () => {
    const text = istio('{rules: [{to: [{operation: {paths: ["/{*}/{*}/{*}/{*}/{*}/{*}"]}}]}]}');
    expect(errorCodes(text)).toEqual(['bad-path-template']);
  });

  it('an address with a zone', () => {
    expect(errorCodes(istio('{rules: [{from: [{source: {ipBlocks: ["fe80::1%eth0"]}}]}]}'))).toEqual(['bad-ip-block']);
  });
});

it('tells every problem of a file, each at its place, in order', () => {
  const { set, diagnostics } = load(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  acton: DENY
  rules:
  - to:
    - operation:
        ports: [80]
        paths: ["/a/{id}"]
    when:
    - key: request.header[x]
      values: [a]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: payments}
`);
  expect(set).toBeNull();
  expect(diagnostics.map(line)).toEqual([
    '6:3 unknown-field: unknown field `acton` [did you mean `action`?]',
    '10:17 wrong-type: a string is needed here, not the number `80` [write it in quotes: "80"]',
    '11:17 bad-path-template: `/a/{id}` is not a valid path: `{id}` holds a brace and is neither `{*}` nor `{**}` [`{*}` is one whole segment, `{**}` is the rest and the last operator; other braces are not allowed]',
    '13:12 unknown-attribute: unknown key `request.header[x]`; past its webhook Istio skips the whole rule: nobody would be allowed by it [did you mean `request.headers[x]`?]',
    '18:11 missing-namespace: the object has no `namespace` [files have no default namespace: write `metadata.namespace`]',
  ]);
});
