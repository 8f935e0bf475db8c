import { describe, expect, it } from '@jest/globals';
import { access, errorCodes, line, load, loaded, object, onlyPolicy } from './support.ts';

const rule = (text: string): string => access(`{rules: [${text}]}`);
const source = (text: string): string => rule(`{from: [{source: ${text}}]}`);
const operation = (text: string): string => rule(`{to: [{operation: ${text}}]}`);

describe('an AccessPolicy', () => {
  it('is read with all that a rule can say', () => {
    const policy = onlyPolicy(`
apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  serviceAccounts: [orders]
  action: ALLOW
  mode: Shadow
  rules:
    - name: support-reads-orders
      from: [{source: {principals: [cluster.local/ns/edge/sa/gateway]}}]
      to: [{operation: {methods: [GET], paths: ["/orders/{*}"]}}]
      when: [{key: "request.auth.claims[region]", values: [eu]}]
      condition: 'claims.acr == "mfa"'
      valid: {from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00+01:00}
      respond:
        request: {set: {X-User: "u-\${request.auth.claims[sub]}$$"}, remove: [X-Debug], query: {set: {r: "\${decision.rule}"}, remove: [q]}}
        response: {set: {x-policy: orders}}
`);
    expect(policy).toMatchObject({
      kind: 'AccessPolicy',
      namespace: 'shop',
      name: 'orders',
      action: 'ALLOW',
      mode: 'shadow',
      matchLabels: new Map([['app', 'orders']]),
      serviceAccounts: [{ namespace: 'shop', name: 'orders' }],
      targetGateways: null,
    });
    const [read] = policy.rules;
    expect(read).toMatchObject({
      name: 'support-reads-orders',
      condition: { text: 'claims.acr == "mfa"', position: { line: 15, column: 18 } },
      valid: { fromMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2026, 11, 31, 23) },
    });
    const { request, response, deny } = read!.respond!;
    expect(request.set.get('x-user')?.parts).toEqual([
      { kind: 'literal', text: 'u-' },
      { kind: 'attribute', key: { kind: 'request.auth.claims', path: ['sub'], text: 'request.auth.claims[sub]' } },
      { kind: 'literal', text: '$' },
    ]);
    expect(request.remove).toEqual(['x-debug']);
    expect(request.query.set.get('r')?.parts).toEqual([{ kind: 'decision', field: 'rule' }]);
    expect(request.query.remove).toEqual(['q']);
    expect([...response.set.keys()]).toEqual(['x-policy']);
    expect(deny).toBeNull();
  });

  it('allows and enforces unless it says otherwise, and may have no rules', () => {
    expect(onlyPolicy(access('{}'))).toMatchObject({
      action: 'ALLOW',
      mode: 'enforce',
      rules: [],
      serviceAccounts: null,
    });
  });

  it('says which of what it allows is recorded, and only in words that there are', () => {
    expect(onlyPolicy(access('{}')).audit).toBeUndefined();
    for (const mode of ['all', 'denied', 'sample']) expect(onlyPolicy(access(`{audit: ${mode}}`)).audit).toBe(mode);
    expect(() => onlyPolicy(access('{audit: everything}'))).toThrow('unknown value `everything`');
  });

  it('answers with status, body and headers in a DENY policy', () => {
    const policy = onlyPolicy(
      access(
        '{action: DENY, rules: [{respond: {deny: {status: 451, body: "no ${decision.id}", headers: {X-Why: law}}}}]}',
      ),
    );
    const { deny } = policy.rules[0]!.respond!;
    expect(deny).toMatchObject({ status: 451 });
    expect(deny?.body?.parts).toHaveLength(2);
    expect([...deny!.headers.keys()]).toEqual(['x-why']);
  });

  it('of the root namespace names workloads of any namespace', () => {
    const text = object('portcullis.dev/v1', 'AccessPolicy', '{serviceAccounts: [shop/web, own]}', 'p', 'istio-system');
    expect(onlyPolicy(text).serviceAccounts).toEqual([
      { namespace: 'shop', name: 'web' },
      { namespace: 'istio-system', name: 'own' },
    ]);
  });

  it('comes before AuthorizationPolicies, then by namespace and name', () => {
    const { policies } = loaded(
      [
        object('security.istio.io/v1', 'AuthorizationPolicy', '{}', 'a', 'a'),
        object('portcullis.dev/v1', 'AccessPolicy', '{}', 'b', 'b'),
        object('portcullis.dev/v1', 'AccessPolicy', '{}', 'c', 'a'),
        object('portcullis.dev/v1', 'AccessPolicy', '{}', 'b', 'a'),
      ].join('---\n'),
    );
    expect(policies.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)).toEqual([
      'AccessPolicy a/b',
      'AccessPolicy a/c',
      'AccessPolicy b/b',
      'AuthorizationPolicy a/a',
    ]);
  });
});

/** The code of a value that could never match, by field. */
const NEVER: Readonly<Record<string, string>> = {
  principals: 'bad-principal',
  requestPrincipals: 'bad-request-principal',
  namespaces: 'bad-namespace',
  serviceAccounts: 'bad-service-account',
  trustDomains: 'bad-trust-domain',
  methods: 'bad-method',
  hosts: 'bad-host',
  paths: 'bad-path',
  ports: 'bad-port',
};

describe('an AccessPolicy refuses', () => {
  it.each([
    ['DENY without rules', access('{action: DENY}'), ['deny-without-rules']],
    [
      'a spec that is not there',
      'apiVersion: portcullis.dev/v1\nkind: AccessPolicy\nmetadata: {name: p, namespace: n}\n',
      ['missing-field'],
    ],
    ['an empty list of sources', rule('{from: []}'), ['empty-list']],
    ['null for sources', rule('{from: null}'), ['wrong-type']],
    ['a rule that is null', rule('null'), ['wrong-type']],
    ['an empty list of values', source('{principals: []}'), ['empty-list']],
    ['an empty source', source('{}'), ['empty-source']],
    ['an empty operation', operation('{}'), ['empty-operation']],
    ['an entry without source', rule('{from: [{}]}'), ['missing-field']],
    ['target references', access('{targetRefs: []}'), ['unknown-field']],
    ['action AUDIT', access('{action: AUDIT}'), ['unknown-value']],
    ['a mode in lower case', access('{mode: shadow}'), ['unknown-value']],
    [
      'Istio’s dry-run annotation',
      access('{}').replace('{name: p,', '{name: p, annotations: {istio.io/dry-run: "true"},'),
      ['bad-dry-run'],
    ],
    ['two rules of one name', access('{rules: [{name: a}, {name: b}, {name: a}]}'), ['duplicate-rule-name']],
    ['a rule name with a blank', rule('{name: a b}'), ['bad-name']],
    ['a foreign workload', access('{serviceAccounts: [other/web]}'), ['foreign-namespace']],
    ['its own namespace before an account', access('{serviceAccounts: [shop/web]}'), ['foreign-namespace']],
    ['a wildcard account', access('{serviceAccounts: ["*"]}'), ['bad-service-account']],
    ['an empty window', rule('{valid: {}}'), ['bad-window']],
    [
      'a window that ends before it begins',
      rule('{valid: {from: 2027-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z}}'),
      ['bad-window'],
    ],
    ['a day without zone', rule('{valid: {until: 2026-01-01}}'), ['bad-timestamp']],
    ['a day that does not exist', rule('{valid: {until: 2026-02-30T00:00:00Z}}'), ['bad-timestamp']],
    ['a condition that is no CEL', rule('{condition: "claims.a =="}'), ['bad-condition']],
    ['an empty condition', rule('{condition: ""}'), ['empty-value']],
    ['a yes without quotes', rule('{when: [{key: "request.auth.claims[a]", values: [yes]}]}'), ['yaml-boolean']],
    ['the path as a header', rule('{when: [{key: "request.headers[:path]", values: [b]}]}'), ['bad-header-name']],
    ['the host as a header', rule('{when: [{key: "request.headers[Host]", values: [b]}]}'), ['bad-header-name']],
    ['a header that no request has', rule('{when: [{key: "request.headers[x a]", values: [b]}]}'), ['bad-header-name']],
  ])('%s', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
  });

  it.each([
    ['principals', 'spiffe://cluster.local/ns/a/sa/b', 'write `cluster.local/ns/a/sa/b`'],
    ['principals', 'cluster.local', 'use `trustDomains`'],
    ['principals', 'Cluster.local/ns/a', 'write `cluster.local/ns/a`'],
    ['principals', 'a/*/b', 'a `*` stands only at one end'],
    ['principals', '*/sa/*', 'a `*` stands only at one end'],
    ['principals', 'td//a', 'a segment is empty'],
    ['principals', 'td/../a', 'a segment is empty'],
    ['principals', 'td/a/', 'a segment is empty'],
    ['principals', 'td/a?b', 'characters that SPIFFE IDs do not have'],
    ['namespaces', 'Shop', 'can never match'],
    ['serviceAccounts', 'a/b/c', 'more than one slash'],
    ['serviceAccounts', 'Web', 'lower-case'],
    ['trustDomains', 'A', 'can never match'],
    ['requestPrincipals', 'https://issuer.example', 'write `https://issuer.example/subject`'],
    ['requestPrincipals', 'issuer', 'no subject'],
    ['requestPrincipals', 'issuer/', 'its subject is empty'],
    ['requestPrincipals', '*/*', 'write `*`'],
    ['requestPrincipals', 'https://*', 'is cut at its last slash'],
  ])('%s `%s`, which could never match', (field, value, words) => {
    const [problem, ...others] = load(source(`{${field}: ["${value}"]}`)).diagnostics;
    expect(others).toEqual([]);
    expect(problem!.code).toBe(value.includes('{*}x') ? 'bad-path-template' : NEVER[field]);
    expect(line(problem!)).toContain(words);
  });

  it.each([
    ['principals', 'cluster.local/ns/a/sa/b'],
    ['principals', '*'],
    ['principals', '*/sa/b'],
    ['principals', 'cluster.local/ns/a*'],
    ['principals', 'cluster*'],
    ['principals', 'other.example/any/path_1'],
    ['namespaces', 'team-*'],
    ['serviceAccounts', 'other/web'],
    ['trustDomains', '*.example'],
    ['requestPrincipals', '*'],
    ['requestPrincipals', 'https://issuer.example/*'],
    ['requestPrincipals', '*/alice'],
    ['groups', 'g'],
  ])('nothing of %s `%s`', (field, value) => {
    const group = object('portcullis.dev/v1', 'PrincipalGroup', '{spiffeIds: ["*"]}', 'g');
    expect(errorCodes(`${source(`{${field}: ["${value}"]}`)}---\n${group}`)).toEqual([]);
  });

  it.each([
    ['methods', 'get', 'did you mean `GET`?'],
    ['methods', 'GE T', 'not an HTTP method'],
    ['hosts', 'a.example:443', 'write `a.example`'],
    ['hosts', 'a.example:*', 'write `a.example`'],
    ['hosts', 'a.example.', 'write `a.example`'],
    ['hosts', '*.*', 'a `*` stands only at one end'],
    ['hosts', 'https://a', 'without scheme'],
    ['hosts', 'a/b', 'without scheme'],
    ['hosts', '::1', 'write `[::1]`'],
    ['paths', 'a', 'does not begin with `/`'],
    ['paths', '/a?b=c', 'without query'],
    ['paths', '/a#b', 'without query'],
    ['paths', '/a\\tb', 'a control character'],
    ['paths', '/a//b', 'write one slash'],
    ['paths', '/a/../b', 'a dot segment'],
    ['paths', '/a;v=1', 'without its `;parameters`'],
    ['paths', '/a%2Fb', 'such an escape'],
    ['paths', '/a%252fb', 'such an escape'],
    ['paths', '/a/..;x/b', 'a dot segment'],
    ['paths', '/a/*/b', 'use the template `{*}`'],
    ['paths', '/a%2', 'two hexadecimal digits'],
    ['paths', '/{*}x', 'neither `{*}` nor `{**}`'],
    ['ports', '70000', 'not a port'],
  ])('%s `%s`, which could never match', (field, value, words) => {
    const [problem, ...others] = load(operation(`{${field}: ["${value}"]}`)).diagnostics;
    expect(others).toEqual([]);
    expect(problem!.code).toBe(value.includes('{*}x') ? 'bad-path-template' : NEVER[field]);
    expect(line(problem!)).toContain(words);
  });

  it.each([
    ['methods', 'GET'],
    ['methods', '*'],
    ['methods', 'X-*'],
    ['hosts', 'A.example'],
    ['hosts', '*.example.com'],
    ['hosts', 'api.*'],
    ['hosts', '[::1]'],
    ['hosts', '10.0.0.1'],
    ['paths', '/'],
    ['paths', '*'],
    ['paths', '*.png'],
    ['paths', '/a/*'],
    ['paths', '/caf\u00e9'],
    ['paths', '/a%20b'],
    ['paths', '/a b'],
    ['paths', '/{*}/x/{**}'],
    ['paths', '/a..b/.well-known'],
  ])('nothing of %s `%s`', (field, value) => {
    expect(errorCodes(operation(`{${field}: ["${value}"]}`))).toEqual([]);
  });
});

describe('the address of the client behind proxies', () => {
  it.each([
    ['remoteIpBlocks', source('{remoteIpBlocks: [10.0.0.0/8]}')],
    ['remote.ip', rule('{when: [{key: remote.ip, values: [10.0.0.1]}]}')],
    ['a condition', rule(`{condition: 'source.remoteIp == "10.0.0.1"'}`)],
    ['a template', rule('{respond: {request: {set: {x-ip: "${remote.ip}"}}}}')],
  ])('needs the configuration of hops: %s', (_, text) => {
    expect(errorCodes(text, { remoteIpConfigured: true })).toEqual([]);
    expect(errorCodes(text, { remoteIpConfigured: false })).toEqual(['client-ip-not-configured']);
  });
});

describe('a response', () => {
  const respond = (text: string, action = 'ALLOW'): string =>
    access(`{action: ${action}, rules: [{respond: ${text}}]}`);

  it.each([
    ':path',
    'Host',
    'content-length',
    'Connection',
    'TE',
    'transfer-encoding',
    'x-envoy-retry-on',
    'X-Forwarded-Client-Cert',
  ])('can neither set nor remove `%s`', (name) => {
    expect(errorCodes(respond(`{request: {set: {"${name}": a}}}`))).toEqual(['forbidden-header']);
    expect(errorCodes(respond(`{request: {remove: ["${name}"]}}`))).toEqual(['forbidden-header']);
    expect(errorCodes(respond(`{response: {set: {"${name}": a}}}`))).toEqual(['forbidden-header']);
    expect(errorCodes(respond(`{deny: {headers: {"${name}": a}}}`, 'DENY'))).toEqual(['forbidden-header']);
  });

  it.each([
    ['a name that is no name', '{request: {set: {"x y": a}}}', ['bad-header-name']],
    ['a line break in a value', '{request: {set: {x: "a\\nb"}}}', ['bad-header-value']],
    ['a letter that is not ASCII', '{response: {set: {x: "caf\u00e9"}}}', ['bad-header-value']],
    ['a name twice', '{request: {set: {x-a: a, X-A: b}}}', ['duplicate-header']],
    ['a name set and removed', '{request: {set: {x-a: a}, remove: [X-A]}}', ['set-and-removed']],
    ['a query name with an equals sign', '{request: {query: {set: {"a=b": c}}}}', ['bad-query-name']],
    ['deny in an ALLOW policy', '{deny: {status: 403}}', ['wrong-respond']],
    ['a value that is a number', '{request: {set: {x: 1}}}', ['wrong-type']],
  ])('refuses %s', (_, text, codes) => {
    expect(errorCodes(respond(text))).toEqual(codes);
  });

  it.each([
    ['changes of the request in a DENY policy', '{request: {remove: [x]}}', ['wrong-respond']],
    ['a status that is no denial', '{deny: {status: 200}}', ['bad-value']],
    ['a status past all', '{deny: {status: 600}}', ['bad-value']],
    ['a body that is too long', `{deny: {body: "${'a'.repeat(4097)}"}}`, ['string-too-long']],
    ['a body that is too long in bytes', `{deny: {body: "${'\u00e9'.repeat(2049)}"}}`, ['string-too-long']],
    ['a status that is no integer', '{deny: {status: 403.5}}', ['wrong-type']],
  ])('refuses %s', (_, text, codes) => {
    expect(errorCodes(respond(text, 'DENY'))).toEqual(codes);
  });

  it('tells the column of a bad `${…}`', () => {
    const { diagnostics } = load(
      access(`
  rules:
  - respond:
      request:
        set:
          x-user: "a-\${request.auth.claim[sub]}"
          x-rule: '\${decision.role}'
          x-open: \${decision.rule`),
    );
    expect(diagnostics.map(line)).toEqual([
      '9:24 bad-template: unknown key `request.auth.claim[sub]` [did you mean `request.auth.claims[sub]`?, and `decision.…`]',
      '10:22 bad-template: unknown name `decision.role` [did you mean `decision.rule`?]',
      '11:19 bad-template: `${` has no closing `}` [a literal `${` is written `$${`]',
    ]);
  });
});
