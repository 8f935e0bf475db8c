/** Each trap is found where it is one, and what looks like it is let be. */
import { describe, expect, it } from '@jest/globals';
import { access, istio, object } from '../support.ts';
import { lintFor } from './support.ts';

const inSource = (source: string, action = 'ALLOW'): string =>
  istio(`{action: ${action}, rules: [{from: [{source: ${source}}]}]}`);
const inOperation = (operation: string, action = 'ALLOW'): string =>
  istio(`{action: ${action}, rules: [{to: [{operation: ${operation}}]}]}`);
const inWhen = (when: string, action = 'ALLOW'): string => istio(`{action: ${action}, rules: [{when: [${when}]}]}`);
const ours = (text: string): string =>
  text.replace('security.istio.io/v1', 'portcullis.dev/v1').replace('AuthorizationPolicy', 'AccessPolicy');
const inRoot = (text: string): string => text.replace('namespace: shop', 'namespace: istio-system');

describe('direct-peer-address', () => {
  const find = (text: string, hops = 0): string[] => lintFor('direct-peer-address', text, { xffTrustedHops: hops });

  it('finds the address of the peer behind trusted proxies', () => {
    expect(find(inSource('{ipBlocks: [10.0.0.1]}'), 1)).toEqual([
      '4:49 direct-peer-address: `ipBlocks` is the address of the direct peer, and `clientIp.xffTrustedHops` names a proxy before the listener: all clients have its address [use `remoteIpBlocks` for the address of the client]',
    ]);
    expect(find(inWhen('{key: source.ip, values: [10.0.0.1]}'), 2)).toEqual([
      expect.stringContaining('[use `remote.ip` for'),
    ]);
    expect(find(inSource('{notIpBlocks: [10.0.0.1]}'), 2)).toEqual([
      expect.stringContaining('[use `notRemoteIpBlocks` for'),
    ]);
  });

  it.each([
    ['a target Gateway', 'targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]'],
    ['the selector of Istio’s gateway', 'selector: {matchLabels: {istio: ingressgateway}}'],
    ['a label of the Gateway API', 'selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: gw}}'],
  ])('finds it at %s', (_, attached) => {
    expect(find(istio(`{${attached}, rules: [{from: [{source: {ipBlocks: [10.0.0.1]}}]}]}`))).toHaveLength(1);
  });

  it('lets it be elsewhere, and the address of the client everywhere', () => {
    expect(find(inSource('{ipBlocks: [10.0.0.1]}'))).toEqual([]);
    expect(
      find(
        istio('{selector: {matchLabels: {app: gateway-docs}}, rules: [{from: [{source: {ipBlocks: [10.0.0.1]}}]}]}'),
      ),
    ).toEqual([]);
    expect(find(inSource('{remoteIpBlocks: [10.0.0.1]}'), 1)).toEqual([]);
  });
});

describe('client-ip-not-configured', () => {
  it('finds the address of the client where nobody said how it is found', () => {
    const text = inSource('{notRemoteIpBlocks: [10.0.0.1]}', 'DENY');
    expect(lintFor('client-ip-not-configured', text, { remoteIpConfigured: false })).toEqual([
      expect.stringMatching(/^4:48 .*`notRemoteIpBlocks` asks .* which a client can write itself \[set `clientIp\./),
    ]);
    expect(lintFor('client-ip-not-configured', text)).toEqual([]);
    expect(
      lintFor('client-ip-not-configured', inSource('{ipBlocks: [10.0.0.1]}'), { remoteIpConfigured: false }),
    ).toEqual([]);
  });
});

describe('allows-without-identity', () => {
  const find = (text: string): string[] => lintFor('allows-without-identity', text);

  it('finds an ALLOW that says only who may not', () => {
    expect(find(inSource('{notPrincipals: [a/ns/b/sa/c]}'))).toEqual([
      '4:49 allows-without-identity: `notPrincipals` alone allows everybody else, callers without any certificate too [add `principals: ["*"]` to the source to ask for an identity, or say who may instead]',
    ]);
    expect(find(inSource('{notRequestPrincipals: ["*"]}'))).toEqual([
      expect.stringContaining('requests without any token too'),
    ]);
    expect(find(inSource('{notNamespaces: [a], ipBlocks: [10.0.0.0/8]}'))).toHaveLength(1);
    expect(find(access('{rules: [{from: [{source: {notTrustDomains: [a]}}]}]}'))).toHaveLength(1);
  });

  it('finds it in conditions', () => {
    expect(find(inWhen('{key: source.namespace, notValues: [a]}'))).toEqual([
      expect.stringContaining('`source.namespace notValues` alone allows everybody else, callers without any'),
    ]);
    expect(find(inWhen('{key: "request.auth.claims[a]", notValues: [b]}'))).toEqual([
      expect.stringContaining('requests without any token too'),
    ]);
  });

  it.each([
    ['a DENY, where it keeps out who proves nothing', inSource('{notPrincipals: [a]}', 'DENY')],
    ['a source that asks for an identity', inSource('{principals: ["*"], notPrincipals: [a]}')],
    ['a source that asks for a namespace', inSource('{namespaces: ["*"], notPrincipals: [a]}')],
    ['addresses', inSource('{notIpBlocks: [10.0.0.1]}')],
    [
      'an exception among those who proved something',
      istio('{rules: [{from: [{source: {principals: ["*"]}}], when: [{key: source.namespace, notValues: [a]}]}]}'),
    ],
    ['a condition in CEL', access(`{rules: [{from: [{source: {notNamespaces: [a]}}], condition: 'has(claims.sub)'}]}`)],
    ['an exception of a header', inWhen('{key: "request.headers[x]", notValues: [a]}')],
    [
      'a condition that asks for an identity',
      istio('{rules: [{from: [{source: {notNamespaces: [a]}}], when: [{key: source.principal, values: ["*"]}]}]}'),
    ],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('value-never-matches', () => {
  const find = (text: string): string[] => lintFor('value-never-matches', text);

  it.each([
    ['principals', inSource('{principals: ["spiffe://td/ns/a/sa/b"]}'), 'write `td/ns/a/sa/b`'],
    ['source.principal', inWhen('{key: source.principal, values: ["spiffe://td/*"]}'), 'write `td/*`'],
    ['paths', inOperation('{paths: ["/a?x=1"]}'), 'write `/a`'],
    ['paths', inOperation('{paths: ["/a#b"]}'), 'write `/a`'],
    ['paths', inOperation('{paths: ["a/b"]}'), 'write `/a/b`'],
    ['paths', inOperation('{paths: ["/a b"]}'), 'write `/a%20b`'],
    ['paths', inOperation('{paths: ["/café"]}'), 'write `/caf%C3%A9`'],
    ['paths', inOperation('{paths: ["/a/../b"]}'), 'write the path that it resolves to'],
    ['paths', inOperation('{paths: ["/a/.."]}'), 'write the path that it resolves to'],
    ['methods', inOperation('{methods: [get]}'), 'write `GET`'],
    ['methods', inOperation('{methods: ["GET POST"]}'), 'write e.g. `GET`'],
    ['connection.sni', inWhen('{key: connection.sni, values: ["*.Shop.example"]}'), 'write `*.shop.example`'],
    ['requestPrincipals', inSource('{requestPrincipals: ["*/*"]}'), 'write `*` for any token'],
    ['requestPrincipals', inSource('{requestPrincipals: ["https://*"]}'), 'write the whole issuer and a slash'],
    [
      'requestPrincipals',
      inSource('{requestPrincipals: ["https://a.example*"]}'),
      'write the whole issuer and a slash',
    ],
    ['requestPrincipals', inSource('{requestPrincipals: ["https://a.example"]}'), 'write `https://a.example/*`'],
    ['requestPrincipals', inSource('{requestPrincipals: ["https://a.example/"]}'), 'write `https://a.example/*`'],
  ])('finds it in %s: %s', (field, text, hint) => {
    expect(find(text)).toEqual([expect.stringContaining(`in \`${field}\` matches no real request: `)]);
    expect(find(text)[0]).toContain('; the rule allows nothing by it');
    expect(find(text)[0]).toContain(`[${hint}`);
    expect(find(text.replace('action: ALLOW', 'action: DENY'))[0]).toContain('; the rule denies nothing by it');
  });

  it('says what it leads to: nothing for one value of several, an open door for an exception', () => {
    expect(find(inOperation('{methods: [get, PUT]}'))[0]).not.toContain(';');
    expect(find(inOperation('{notMethods: [delete]}'))[0]).toContain('; it excludes nobody');
  });

  it.each([
    ['a principal without scheme', inSource('{principals: ["td/spiffe", "*/spiffe", "*"]}')],
    [
      'ordinary paths',
      inOperation('{paths: ["/a", "/a.b/..c", "/a/...", "*/x", "*.js", "/a%20b", "/a/{*}", "/a/.*", "*"]}'),
    ],
    ['methods of one’s own', inOperation('{methods: [M-SEARCH, patch-it, "*", "G*"]}')],
    ['server names in lower case', inWhen('{key: connection.sni, values: ["*.shop.example", "*"]}')],
    [
      'token patterns that match',
      inSource('{requestPrincipals: ["*", "https://a.example/*", "*/bob", "a/b", "*.example/x"]}'),
    ],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('host-without-port', () => {
  const find = (text: string): string[] => lintFor('host-without-port', text);

  it('finds a host whose form with a port is another one', () => {
    expect(find(inOperation('{hosts: [a.example]}', 'DENY'))).toEqual([
      '4:49 host-without-port: `a.example` in `hosts` does not match the host with a port, as in `a.example:8080`: a client gets past by writing one [add `a.example:*`]',
    ]);
    expect(find(inOperation('{hosts: [a.example]}'))[0]).not.toContain('gets past');
    expect(find(inOperation('{notHosts: [a.example]}'))[0]).toContain('gets past');
    expect(find(inOperation('{hosts: ["*.example"]}', 'DENY'))[0]).toContain('[name the hosts, each with `:*` too');
  });

  it.each([
    ['a host with both forms', inOperation('{hosts: [a.example, "A.example:*"]}')],
    ['a host with one port', inOperation('{hosts: [a.example, "a.example:8080"]}')],
    ['a host that names its port', inOperation('{hosts: ["a.example:8080"]}')],
    ['a prefix', inOperation('{hosts: [a.example, "a.*"]}')],
    ['any host', inOperation('{hosts: ["*"]}')],
    ['an AccessPolicy, which compares without port', ours(inOperation('{hosts: [a.example, "*.example"]}'))],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('account-of-root-namespace', () => {
  const find = (text: string): string[] => lintFor('account-of-root-namespace', text);

  it('finds an account that falls to the root namespace', () => {
    expect(find(inRoot(inSource('{serviceAccounts: [web, shop/web]}')))).toEqual([
      '4:49 account-of-root-namespace: `web` in `serviceAccounts` is an account of the root namespace `istio-system`, not of the namespace that is called [write `namespace/web`, or `istio-system/web` when that is meant]',
    ]);
    expect(find(inRoot(inWhen('{key: source.serviceAccount, notValues: [web]}')))).toHaveLength(1);
    expect(find(ours(inRoot(inSource('{serviceAccounts: [web]}'))))).toHaveLength(1);
  });

  it('lets whole names be, and other namespaces', () => {
    expect(find(inRoot(inSource('{serviceAccounts: [shop/web]}')))).toEqual([]);
    expect(find(inSource('{serviceAccounts: [web]}'))).toEqual([]);
  });
});

describe('prefix-matches-siblings', () => {
  const find = (text: string): string[] => lintFor('prefix-matches-siblings', text);

  it('finds a prefix that ends within a name, where it opens', () => {
    expect(find(inOperation('{paths: ["/admin*"]}'))).toEqual([
      '4:50 prefix-matches-siblings: `/admin*` in `paths` matches `/admin-other` and `/admin2/x` too: all paths that begin so are allowed [write `/admin` and `/admin/*` for the path and what is below it]',
    ]);
    expect(find(inOperation('{notPaths: ["/admin*"]}', 'DENY'))[0]).toContain('are left out of this DENY');
  });

  it.each([
    ['what is below a path', inOperation('{paths: ["/admin", "/admin/*", "/*", "*"]}')],
    ['a prefix that ends in a mark', inOperation('{paths: ["/v1.*", "/report-*", "/a=*"]}')],
    ['a suffix', inOperation('{paths: ["*admin"]}')],
    ['a DENY, where more is safer', inOperation('{paths: ["/admin*"]}', 'DENY')],
    ['an exception of an ALLOW', inOperation('{notPaths: ["/admin*"]}')],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('trailing-slash', () => {
  const find = (text: string): string[] => lintFor('trailing-slash', text);

  it.each([
    ['/a', '/a/'],
    ['/a/', '/a'],
    ['/a/*', '/a'],
    ['/a/{**}', '/a'],
  ])('finds that `%s` leaves `%s` open', (path, other) => {
    expect(find(inOperation(`{paths: ["${path}"]}`, 'DENY'))).toEqual([
      `4:49 trailing-slash: \`${path}\` in \`paths\` does not match \`${other}\`, which many applications take for the same: a client gets past by it [add \`${other}\`]`,
    ]);
    expect(find(inOperation(`{notPaths: ["${path}"]}`))).toHaveLength(1);
    expect(find(ours(inOperation(`{paths: ["${path}"]}`, 'DENY')))).toHaveLength(1);
  });

  it.each([
    ['both forms', '{paths: ["/a", "/a/"]}'],
    ['a path and what is below', '{paths: ["/a", "/a/*"]}'],
    ['a path and its template', '{paths: ["/a", "/a/{**}"]}'],
    ['a wider prefix', '{paths: ["/a*", "/a/*"]}'],
    ['everything', '{paths: ["/*", "/", "*", "/{**}"]}'],
    ['a file', '{paths: [/robots.txt]}'],
    ['a gRPC method', '{paths: [/shop.v1.Orders/Get]}'],
    ['a suffix', '{paths: ["*/a"]}'],
    ['one segment', '{paths: ["/a/{*}"]}'],
  ])('lets %s be', (_, operation) => {
    expect(find(inOperation(operation, 'DENY'))).toEqual([]);
  });

  it('lets an ALLOW be, which opens no more than it says', () => {
    expect(find(inOperation('{paths: [/a]}'))).toEqual([]);
  });
});

describe('template-gap', () => {
  const find = (text: string): string[] => lintFor('template-gap', text);

  it('finds templates of Istio where a bracket slips by', () => {
    expect(find(inOperation('{paths: ["/a/{*}/b"]}', 'DENY'))).toEqual([
      '4:49 template-gap: `/a/{*}/b` in `paths` matches no path with `[` or `]` in it: a client gets past by one [write `/a/*`, or an AccessPolicy, whose templates take every character]',
    ]);
    expect(find(inOperation('{notPaths: ["/a/{**}"]}'))).toHaveLength(1);
  });

  it('lets them be where they open, beside a prefix, and in an AccessPolicy', () => {
    expect(find(inOperation('{paths: ["/a/{*}/b"]}'))).toEqual([]);
    expect(find(inOperation('{paths: ["/a/{*}/b", "/a/*"]}', 'DENY'))).toEqual([]);
    expect(find(ours(inOperation('{paths: ["/a/{*}/b"]}', 'DENY')))).toEqual([]);
  });
});

describe('header-as-sent', () => {
  const find = (text: string): string[] => lintFor('header-as-sent', text);

  it.each([
    ['request.headers[:path]', 'paths'],
    ['request.headers[:authority]', 'hosts'],
    ['request.headers[Host]', 'hosts'],
  ])('finds %s where another spelling slips by', (key, field) => {
    expect(find(inWhen(`{key: "${key}", values: [a]}`, 'DENY'))).toEqual([
      expect.stringContaining(`[use \`${field}\` in \`to\`]`),
    ]);
    expect(find(inWhen(`{key: "${key}", notValues: [a]}`))).toHaveLength(1);
    expect(find(inWhen(`{key: "${key}", values: [a]}`))).toEqual([]);
  });

  it('lets presence and other headers be', () => {
    expect(find(inWhen('{key: "request.headers[:authority]", values: ["*"]}', 'DENY'))).toEqual([]);
    expect(find(inWhen('{key: "request.headers[x-host]", values: [a]}', 'DENY'))).toEqual([]);
  });
});

describe('method-override', () => {
  const find = (text: string): string[] => lintFor('method-override', text);
  const denies = inOperation('{methods: [GET, DELETE]}', 'DENY');

  it('is told once, at the first list of methods that a POST gets past', () => {
    const other = denies.replace('name: p', 'name: q');
    expect(find(`${denies}---\n${other}`)).toEqual([
      '4:49 method-override: where an application heeds `x-http-method-override`, a POST gets past what is said here of PUT, PATCH, DELETE [if one does, deny the header: `when: [{key: "request.headers[x-http-method-override]", values: ["*"]}]`; likewise `x-http-method` and `x-method-override`]',
    ]);
    const beside =
      '{rules: [{to: [{operation: {methods: [POST]}}]}, {from: [{source: {principals: [a]}}], to: [{operation: {methods: [PUT]}}]}]}';
    expect(find(istio(beside))).toHaveLength(1);
  });

  it.each([
    ['no method that a POST stands for', inOperation('{methods: [GET, HEAD]}', 'DENY')],
    ['a DENY of POST too', inOperation('{methods: [POST, DELETE]}', 'DENY')],
    ['an ALLOW without POST', inOperation('{methods: [DELETE]}')],
    ['a dry run', denies.replace('{name: p,', '{name: p, annotations: {istio.io/dry-run: "true"},')],
    [
      'a rule that looks at the header',
      `${denies}---\n${inWhen('{key: "request.headers[X-Method-Override]", values: ["*"]}', 'DENY').replace('name: p', 'name: q')}`,
    ],
    [
      'a condition that looks at it',
      `${denies}---\n${access(`{action: DENY, rules: [{condition: '"x-http-method" in request.headers'}]}`)}`,
    ],
    [
      'a rule that takes it away',
      `${denies}---\n${access('{rules: [{name: a, respond: {request: {remove: [x-http-method-override]}}}]}')}`,
    ],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('allows-anybody', () => {
  const find = (text: string): string[] => lintFor('allows-anybody', text);

  it.each([
    ['anybody, without a certificate too,', '{rules: [{}]}'],
    ['anybody, without a certificate too,', '{rules: [{to: [{operation: {paths: ["/*"]}}]}]}'],
    ['every workload of any trust domain', '{rules: [{from: [{source: {principals: ["*"]}}]}]}'],
    ['every workload of any trust domain', '{rules: [{from: [{source: {namespaces: ["*"]}}]}]}'],
    ['anybody', '{rules: [{from: [{source: {remoteIpBlocks: [0.0.0.0/0]}}]}]}'],
    [
      'every workload of any trust domain',
      '{rules: [{from: [{source: {principals: [a]}}, {source: {principals: ["*"]}}]}]}',
    ],
  ])('finds that %s may do everything by %s', (who, spec) => {
    for (const text of [istio(spec), access(spec)]) {
      if (text.includes('{principals: [a]}') && text.includes('AccessPolicy')) continue;
      expect(find(text)).toEqual([
        `4:16 allows-anybody: ${who} may do everything here, every method on every path [name callers in \`from\`, or paths and methods in \`to\`; no rule is needed for what stays closed]`,
      ]);
    }
  });

  it.each([
    ['a DENY', '{action: DENY, rules: [{}]}'],
    ['no rules', '{}'],
    ['some paths', '{rules: [{to: [{operation: {paths: [/healthz]}}]}]}'],
    ['some methods', '{rules: [{to: [{operation: {methods: [GET], paths: ["*"]}}]}]}'],
    ['a port', '{rules: [{to: [{operation: {ports: ["8080"]}}]}]}'],
    ['an exception', '{rules: [{to: [{operation: {notPaths: ["/admin*"]}}]}]}'],
    ['somebody', '{rules: [{from: [{source: {principals: ["td/*"]}}]}]}'],
    ['any token, which a user needs', '{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}'],
    ['a condition', '{rules: [{when: [{key: "request.headers[x]", values: [y]}]}]}'],
  ])('lets %s be', (_, spec) => {
    expect(find(istio(spec))).toEqual([]);
  });
});

describe('rule-never-matches', () => {
  const find = (text: string): string[] => lintFor('rule-never-matches', text);

  it.each([
    ['methods', 'notMethods', inOperation('{methods: [GET], notMethods: [GET]}'), '4:49'],
    ['paths', 'notPaths', inOperation('{paths: ["/a/b", "/a/{*}/x"], notPaths: ["/a/*"]}'), '4:49'],
    ['ipBlocks', 'notIpBlocks', inSource('{ipBlocks: [10.1.0.0/16], notIpBlocks: [10.0.0.0/8]}'), '4:48'],
    ['principals', 'notPrincipals', inSource('{principals: [td/a], notPrincipals: ["td/*"]}'), '4:48'],
    [
      'requestPrincipals',
      'notRequestPrincipals',
      inSource('{requestPrincipals: [a/b], notRequestPrincipals: [a/*]}'),
      '4:48',
    ],
    [
      'destination.port values',
      'ports',
      istio('{rules: [{to: [{operation: {ports: ["80"]}}], when: [{key: destination.port, values: ["81"]}]}]}'),
      '4:84',
    ],
    [
      'source.ip values',
      'source.ip values',
      istio('{rules: [{when: [{key: source.ip, values: [10.0.0.1]}, {key: source.ip, values: [10.0.0.2]}]}]}'),
      '4:79',
    ],
    [
      'request.headers[x] values',
      'request.headers[x] notValues',
      inWhen('{key: "request.headers[x]", values: [a], notValues: ["a*"]}'),
      '4:80',
    ],
    [
      'principals',
      'namespaces',
      access('{rules: [{from: [{source: {principals: [td/ns/a/sa/b], namespaces: [c]}}]}]}'),
      '4:33',
    ],
  ])('finds %s against %s', (a, b, text, at) => {
    const found = find(text);
    expect(found).toHaveLength(1);
    expect(found[0]!.split(' ')[0]).toBe(at);
    expect(
      [`\`${a}\` and \`${b}\` leave no request`, `\`${b}\` and \`${a}\` leave no request`].some((each) =>
        found[0]!.includes(each),
      ),
    ).toBe(true);
    expect(found[0]).toContain('[it allows nothing: change one of the two]');
  });

  it('says of an AuthorizationPolicy that a certificate with two names would do', () => {
    expect(find(inSource('{principals: [td/ns/a/sa/b], namespaces: [c]}', 'DENY'))).toEqual([
      expect.stringContaining('leave no request that meets both, but for a certificate with several names [it denies'),
    ]);
  });

  it.each([
    ['a value left', inOperation('{methods: [GET, PUT], notMethods: [GET]}')],
    ['a part left', inOperation('{paths: ["/a/*"], notPaths: ["/a/b"]}')],
    [
      'two claims, of which a token may have both',
      inWhen('{key: "request.auth.claims[a]", values: [x]}, {key: "request.auth.claims[a]", values: [y]}'),
    ],
    [
      'two lines of a header',
      inWhen('{key: "request.headers[a]", values: [x]}, {key: "request.headers[a]", values: [y]}'),
    ],
    [
      'one port of two',
      istio(
        '{rules: [{to: [{operation: {ports: ["80"]}}, {operation: {ports: ["81"]}}], when: [{key: destination.port, values: ["81"]}]}]}',
      ),
    ],
    ['the namespace of the principal', inSource('{principals: [td/ns/a/sa/b], namespaces: ["a*"]}')],
    [
      'fields of different alternatives',
      istio('{rules: [{to: [{operation: {methods: [GET]}}, {operation: {notMethods: [GET]}}]}]}'),
    ],
  ])('lets %s be', (_, text) => {
    expect(find(text)).toEqual([]);
  });
});

describe('covered-rule', () => {
  const find = (text: string): string[] => lintFor('covered-rule', text);
  const rules = (...each: string[]): string => istio(`{rules: [${each.join(', ')}]}`);
  const op = (operation: string): string => `{to: [{operation: ${operation}}]}`;
  const src = (source: string): string => `{from: [{source: ${source}}]}`;

  it('finds a rule that another one makes needless, and says where that is', () => {
    expect(find(rules(op('{methods: [GET], paths: [/a/b]}'), op('{paths: ["/a/*"]}')))).toEqual([
      '4:16 covered-rule: every request that this rule matches is matched by rule 1 of `shop/p` too (policy.yaml:4:70) [remove it: it changes nothing; or narrow the other one, if this is all that was meant]',
    ]);
  });

  it('tells of two that are alike only the second', () => {
    expect(find(rules(op('{methods: [GET]}'), op('{methods: [GET]}')))).toEqual([
      expect.stringMatching(/^4:55 .*matched by rule 0 of/),
    ]);
  });

  it.each([
    ['a template by a template', op('{paths: ["/a/{*}/b"]}'), op('{paths: ["/a/{**}"]}')],
    ['a path by a template', op('{paths: [/a/x]}'), op('{paths: ["/a/{*}"]}')],
    ['a suffix by a suffix', op('{hosts: ["*.a.example"]}'), op('{hosts: ["*.EXAMPLE"]}')],
    ['methods by any', op('{methods: ["*"], paths: [/a]}'), op('{methods: [GET, "*"]}')],
    ['a block by a block', src('{ipBlocks: [10.1.0.0/16]}'), src('{ipBlocks: [192.0.2.0/24, 10.0.0.0/8]}')],
    ['an exception by a smaller one', src('{notNamespaces: [a, b]}'), src('{notNamespaces: [a]}')],
    ['tokens by an issuer’s', src('{requestPrincipals: [i/bob]}'), src('{requestPrincipals: [i/*]}')],
    [
      'two alternatives by two',
      '{to: [{operation: {paths: [/a]}}, {operation: {paths: [/b]}}]}',
      '{to: [{operation: {paths: [/b]}}, {operation: {paths: [/a]}}]}',
    ],
    [
      'a condition by one on less',
      '{when: [{key: "request.headers[x]", values: [ab]}]}',
      '{when: [{key: "request.headers[X]", values: ["a*"]}]}',
    ],
    ['a field by a condition', op('{ports: ["80"]}'), '{when: [{key: destination.port, values: ["80", "81"]}]}'],
    ['anything by everything', src('{principals: [a]}'), '{}'],
  ])('finds %s', (_, narrow, wide) => {
    expect(find(rules(narrow, wide))).toHaveLength(1);
    expect(find(rules(wide, narrow))).toHaveLength(1);
  });

  it.each([
    ['a wider path', op('{paths: ["/a/*"]}'), op('{paths: [/a/b, "/a/{*}"]}')],
    ['a bracket that a template does not take', op('{paths: ["/a/b*"]}'), op('{paths: ["/a/{**}"]}')],
    ['a template with a segment more', op('{paths: ["/a/{**}"]}'), op('{paths: ["/a/{*}/{**}"]}')],
    ['a path above the template', op('{paths: [/a]}'), op('{paths: ["/a/{**}"]}')],
    ['a smaller exception', src('{notNamespaces: [a]}'), src('{notNamespaces: [a, b]}')],
    ['another family of addresses', src('{ipBlocks: ["::ffff:10.0.0.1"]}'), src('{ipBlocks: [10.0.0.0/8]}')],
    ['a field more', op('{paths: [/a]}'), op('{paths: [/a], methods: [GET]}')],
    ['an alternative more', '{to: [{operation: {paths: [/a]}}, {operation: {paths: [/b]}}]}', op('{paths: [/a]}')],
    [
      'another header',
      '{when: [{key: "request.headers[x]", values: [a]}]}',
      '{when: [{key: "request.headers[y]", values: [a]}]}',
    ],
    [
      'a claim with a line break',
      '{when: [{key: "request.auth.claims[x]", values: ["a*"]}]}',
      '{when: [{key: "request.auth.claims[x]", values: ["*"]}]}',
    ],
    ['an account by a namespace', src('{serviceAccounts: [b/a]}'), src('{namespaces: [b]}')],
  ])('lets %s be', (_, narrow, wide) => {
    expect(find(rules(narrow, wide)).filter((each) => each.startsWith('4:16'))).toEqual([]);
  });

  const policy = (name: string, spec: string, namespace = 'shop'): string =>
    object('portcullis.dev/v1', 'AccessPolicy', spec, name, namespace);
  const ALL = 'rules: [{to: [{operation: {methods: [GET]}}]}]';
  const NARROW = 'rules: [{to: [{operation: {methods: [GET], ports: ["80"]}}]}]';

  it.each([
    ['the same workloads', policy('b', `{${ALL}}`)],
    ['fewer labels', policy('b', `{selector: {matchLabels: {app: x}}, ${ALL}}`)],
    ['all workloads of the mesh', policy('b', `{${ALL}}`, 'istio-system')],
  ])('finds a rule of another policy for %s', (_, other) => {
    const one = policy('a', `{selector: {matchLabels: {app: x, tier: y}}, serviceAccounts: [s], ${NARROW}}`);
    expect(find(`${one}---\n${other}`)).toHaveLength(1);
  });

  it.each([
    ['another namespace', policy('b', `{${ALL}}`, 'other')],
    ['other labels', policy('b', `{selector: {matchLabels: {app: z}}, ${ALL}}`)],
    ['one account', policy('b', `{serviceAccounts: [t], ${ALL}}`)],
    ['Shadow mode', policy('b', `{mode: Shadow, ${ALL}}`)],
    ['another action', policy('b', `{action: DENY, ${ALL}}`)],
    ['some time', policy('b', `{${ALL.replace('{to', '{valid: {until: 2099-01-01T00:00:00Z}, to')}}`)],
    ['a condition', policy('b', `{${ALL.replace('{to', `{condition: 'has(request.host)', to`)}}`)],
    ['another kind', object('security.istio.io/v1', 'AuthorizationPolicy', `{${ALL}}`, 'b')],
  ])('lets it be for %s', (_, other) => {
    expect(find(`${policy('a', `{selector: {matchLabels: {app: x}}, ${NARROW}}`)}---\n${other}`)).toEqual([]);
  });

  it('minds windows, equal conditions, groups and parts of a principal', () => {
    const pair = (narrow: string, wide: string): string[] =>
      find(
        [
          access(`{rules: [${narrow}, ${wide}]}`),
          object('portcullis.dev/v1', 'PrincipalGroup', '{spiffeIds: [td/a]}', 'g'),
          object('portcullis.dev/v1', 'PrincipalGroup', '{spiffeIds: [td/a]}', 'h'),
        ].join('---\n'),
      );
    const year = (from: number, until: number): string =>
      `{valid: {from: ${from}-01-01T00:00:00Z, until: ${until}-01-01T00:00:00Z}}`;
    expect(pair(year(2026, 2027), year(2025, 2028))).toHaveLength(1);
    expect(pair(year(2026, 2029), year(2025, 2028))).toHaveLength(0);
    expect(pair(`{condition: 'has(request.host)'}`, `{condition: 'has(request.host)'}`)).toHaveLength(1);
    expect(pair(`{condition: 'has(request.host)'}`, `{condition: 'has(request.sni)'}`)).toHaveLength(0);
    expect(pair(src('{groups: [g]}'), src('{groups: [h, g]}'))).toHaveLength(1);
    expect(pair(src('{groups: [g]}'), src('{groups: [h]}'))).toHaveLength(0);
    expect(pair(src('{principals: [td/ns/a/sa/b]}'), src('{namespaces: [a]}'))).toHaveLength(1);
    expect(pair(src('{principals: [td/ns/a/sa/b]}'), src('{trustDomains: [other]}'))).toHaveLength(0);
  });

  it('lets a rule be that answers in its own way before the wider one', () => {
    const respond = 'respond: {response: {set: {x-a: b}}}';
    const narrow = (more: string): string => `{to: [{operation: {methods: [GET], ports: ["80"]}}]${more}}`;
    const wide = (more: string): string => `{to: [{operation: {methods: [GET]}}]${more}}`;
    const two = (a: string, b: string): number => find(access(`{rules: [${a}, ${b}]}`)).length;
    expect(two(narrow(''), wide(''))).toBe(1);
    expect(two(narrow(`, ${respond}`), wide(''))).toBe(0);
    expect(two(narrow(''), wide(`, ${respond}`))).toBe(0);
    expect(two(wide(`, ${respond}`), narrow(''))).toBe(1);
  });

  it('lets a rule be that is recorded in another way than the wider one behind it', () => {
    const two = (a: string, b: string): number =>
      find(`${policy('a', `{${a} ${NARROW}}`)}---\n${policy('b', `{${b} ${ALL}}`)}`).length;
    expect(two('audit: all,', '')).toBe(0);
    expect(two('', 'audit: all,')).toBe(0);
    expect(two('audit: sample,', '')).toBe(1);
    expect(two('audit: all,', 'audit: all,')).toBe(1);
    // The wider one in front decides, whatever stands behind it.
    expect(find(`${policy('a', `{${ALL}}`)}---\n${policy('b', `{audit: all, ${NARROW}}`)}`)).toHaveLength(1);
    // Denials are recorded whatever a policy says.
    expect(two('action: DENY, audit: all,', 'action: DENY,')).toBe(1);
  });
});

describe('denied-rule', () => {
  const find = (text: string): string[] => lintFor('denied-rule', text);
  const allow = istio('{rules: [{to: [{operation: {paths: [/admin/x]}}]}]}');
  const deny = (spec: string): string => istio(`{action: DENY, ${spec}}`).replace('name: p', 'name: d');
  const ADMIN = 'rules: [{to: [{operation: {paths: ["/admin/*"]}}]}]';

  it('finds an ALLOW that a DENY takes back whole', () => {
    expect(find(`${allow}---\n${deny(ADMIN)}`)).toEqual([
      '4:16 denied-rule: this rule never allows anything: rule 0 of `shop/d` (policy.yaml:9:30) denies every request that it matches [remove it, or narrow the DENY: no ALLOW overrides one]',
    ]);
    expect(find(`${allow}---\n${deny('rules: [{}]')}`)).toHaveLength(1);
  });

  it('lets a part be left, other workloads, and what is not enforced', () => {
    expect(find(`${allow}---\n${deny(ADMIN.replace('paths:', 'methods: [PUT], paths:'))}`)).toEqual([]);
    expect(find(`${allow}---\n${deny(`selector: {matchLabels: {app: x}}, ${ADMIN}`)}`)).toEqual([]);
    const dryRun = deny(ADMIN).replace('{name: d,', '{name: d, annotations: {istio.io/dry-run: "true"},');
    expect(find(`${allow}---\n${dryRun}`)).toEqual([]);
  });
});
