import { describe, expect, test } from '@jest/globals';
import { policySet } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, policiesYaml, source } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';
import { files, portcullis } from '../cli/support.ts';
import { OID, SAN, certificate, distinguishedName, urlEncodedPem } from '../lib/x509/certificate.ts';
import { ALLOWED, DENIED, NOT_MATCHED, answerTo, row, withBytes, worldOf } from './support.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const OTHER = 'spiffe://cluster.local/ns/edge/sa/gateway';

const withNames = (...names: readonly (readonly [number, string | Buffer])[]): Ask => ({
  principal: '',
  certificate: urlEncodedPem(certificate({ names })),
});
const withUris = (...uris: readonly (string | Buffer)[]): Ask =>
  withNames(...uris.map((uri) => [SAN.uri, uri] as const));

/** Everything by which AccessPolicy can name a peer, and that names web. */
const NAMING_WEB: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['principals exact', { principals: ['cluster.local/ns/shop/sa/web'] }],
  ['principals prefix', { principals: ['cluster.local/ns/shop/*'] }],
  ['principals suffix', { principals: ['*/sa/web'] }],
  ['principals any', { principals: ['*'] }],
  ['namespaces', { namespaces: ['shop'] }],
  ['serviceAccounts', { serviceAccounts: ['shop/web'] }],
  ['trustDomains', { trustDomains: ['cluster.local'] }],
];
const NEGATED: Readonly<Record<string, string>> = {
  principals: 'notPrincipals',
  namespaces: 'notNamespaces',
  serviceAccounts: 'notServiceAccounts',
  trustDomains: 'notTrustDomains',
};
const negatedOf = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [NEGATED[name]!, value]));

const worlds = NAMING_WEB.map(([name, fields]) => ({
  name,
  fields,
  allow: worldOf([access('ALLOW', source(fields))]),
  deny: worldOf([access('DENY', source(fields)), access('ALLOW', {})]),
  denyNot: worldOf([access('DENY', source(negatedOf(fields))), access('ALLOW', {})]),
}));

/** Nobody to every field: not allowed by it, not meant by it, and outside of it. */
function expectNobody(ask: Ask | Buffer): void {
  for (const { name, allow, denyNot } of worlds)
    expect([name, answerTo(allow, ask), answerTo(denyNot, ask)]).toEqual([name, NOT_MATCHED, DENIED]);
}
function expectWeb(ask: Ask | Buffer): void {
  for (const { name, allow, deny, denyNot } of worlds)
    expect([name, answerTo(allow, ask), answerTo(deny, ask), answerTo(denyNot, ask)]).toEqual([
      name,
      ALLOWED,
      DENIED,
      ALLOWED,
    ]);
}

row('3.4', 'empty principal', () => {
  test('matches no field of AccessPolicy, and every negated one', () => {
    expectNobody({ principal: '' });
    expectWeb({ principal: WEB });
  });

  test.each(NAMING_WEB)('matches no field of AuthorizationPolicy: %s', (_name, fields) => {
    const allow = worldOf([istio('ALLOW', source(fields))]);
    const denyNot = worldOf([istio('DENY', source(negatedOf(fields))), istio('ALLOW', {})]);
    expect([answerTo(allow, { principal: '' }), answerTo(denyNot, { principal: '' })]).toEqual([NOT_MATCHED, DENIED]);
    expect([answerTo(allow, { principal: WEB }), answerTo(denyNot, { principal: WEB })]).toEqual([ALLOWED, ALLOWED]);
  });

  test('a certificate without any name is nobody, whatever the principal says', () => {
    expectNobody({ ...withNames(), principal: WEB });
    expectWeb(withUris(WEB));
  });

  test('that an ALLOW of all but some lets in nobody too is told by lint', async () => {
    using dir = files({
      'p.yaml': policiesYaml([access('ALLOW', source({ notPrincipals: ['cluster.local/ns/a/sa/b'] }))]),
    });
    const told = await portcullis(['lint', dir.path]);
    expect(told.stdout + told.stderr).toContain('allows-without-identity');
    dir.write('p.yaml', policiesYaml([access('ALLOW', source({ principals: ['cluster.local/ns/a/sa/b'] }))]));
    const silent = await portcullis(['lint', dir.path]);
    expect(silent.stdout + silent.stderr).not.toContain('allows-without-identity');
  });
});

row('3.4', 'SPIFFE ID spellings', () => {
  const spellings = [
    'spiffe://cluster.local/ns/shop/../shop/sa/web',
    'spiffe://cluster.local/ns/shop/./sa/web',
    'spiffe://cluster.local/ns//shop/sa/web',
    'spiffe://cluster.local//ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/sa/web/',
    'spiffe://cluster.local/ns/shop/sa/web?x',
    'spiffe://cluster.local/ns/shop/sa/web#x',
    'spiffe://cluster.local/ns/shop/sa/web%20',
    'spiffe://cluster.local/ns/shop/sa/w%65b',
    'spiffe://cluster.local/ns/shop%2fsa/web',
    'spiffe://cluster.local/ns/shop/sa/web ',
    'spiffe://cluster.local/ns/shop/sa/web\n',
    'spiffe://cluster.local/ns/shop/sa/web;x',
    'spiffe://cluster.local/ns/shop/sa/web,x',
    'spiffe://cluster.local/ns/shop/sa/web\\',
    'spiffe://CLUSTER.local/ns/shop/sa/web',
    'spiffe://cluster.local:443/ns/shop/sa/web',
    'spiffe://user@cluster.local/ns/shop/sa/web',
    'spiffe://evil@cluster.local/ns/shop/sa/web',
    'SPIFFE://cluster.local/ns/shop/sa/web',
    'Spiffe://cluster.local/ns/shop/sa/web',
    'spiffe:/cluster.local/ns/shop/sa/web',
    'spiffe:cluster.local/ns/shop/sa/web',
    'spiffe:///ns/shop/sa/web',
    'spiffe://',
    'https://cluster.local/ns/shop/sa/web',
    ' spiffe://cluster.local/ns/shop/sa/web',
    'xspiffe://cluster.local/ns/shop/sa/web',
    `spiffe://cluster.local/ns/shop/sa/web/${'a'.repeat(2048)}`,
    `spiffe://${'a'.repeat(256)}/ns/shop/sa/web`,
  ];
  describe.each(spellings)('%j', (uri) => {
    test('is nobody to AccessPolicy, as a principal and as a SAN', () => {
      expectNobody({ principal: uri });
      expectNobody(withUris(uri));
    });
  });
  test('the plain spelling is somebody', () => {
    expectWeb({ principal: WEB });
    expectWeb(withUris(WEB));
  });

  test.each([
    'spiffe://cluster.local/x/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/sa/web/x',
    'spiffe://cluster.local/ns/evil/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/x/sa/web',
    'spiffe://cluster.local/NS/shop/SA/web',
    'spiffe://cluster.local/ns/shop',
    'spiffe://cluster.local/ns/evil/sa/ns/shop/sa/web',
  ])('%s has no namespace and no service account', (uri) => {
    for (const fields of [{ namespaces: ['shop'] }, { namespaces: ['*'] }, { serviceAccounts: ['shop/web'] }]) {
      const world = worldOf([access('ALLOW', source(fields))]);
      expect([answerTo(world, { principal: uri }), answerTo(world, withUris(uri))]).toEqual([NOT_MATCHED, NOT_MATCHED]);
      expect([answerTo(world, { principal: WEB }), answerTo(world, withUris(WEB))]).toEqual([ALLOWED, ALLOWED]);
    }
  });

  test.each([
    [
      'serviceAccounts',
      'shop/we.b',
      'spiffe://cluster.local/ns/shop/sa/we.b',
      'spiffe://cluster.local/ns/shop/sa/weXb',
    ],
    ['trustDomains', 'clu.ster', 'spiffe://clu.ster/ns/shop/sa/web', 'spiffe://cluxster/ns/shop/sa/web'],
    [
      'principals',
      'cluster.local/ns/shop/sa/w.b',
      'spiffe://cluster.local/ns/shop/sa/w.b',
      'spiffe://cluster.local/ns/shop/sa/web',
    ],
  ])('a dot in %s is a dot', (field, value, named, near) => {
    for (const kind of [access, istio]) {
      const world = worldOf([kind('ALLOW', source({ [field]: [value] }))]);
      expect([answerTo(world, { principal: named }), answerTo(world, { principal: near })]).toEqual([
        ALLOWED,
        NOT_MATCHED,
      ]);
    }
  });

  test.each(['shop/we+', 'shop/(web|x)', 'shop/[a-z]+', 'shop/.*'])('the service account %s is no pattern', (value) => {
    for (const kind of [access, istio]) {
      const text = policiesYaml([kind('ALLOW', source({ serviceAccounts: [value] }))]);
      let refused = false;
      try {
        policySet(text);
      } catch {
        refused = true;
      }
      const world = refused ? null : worldOf([kind('ALLOW', source({ serviceAccounts: [value] }))]);
      expect(world === null ? NOT_MATCHED : answerTo(world, { principal: WEB })).toBe(NOT_MATCHED);
    }
  });

  test('the longest ID is one', () => {
    const id = `spiffe://cluster.local/${'a'.repeat(2048 - 23)}`;
    const world = worldOf([access('ALLOW', source({ trustDomains: ['cluster.local'] }))]);
    expect([answerTo(world, { principal: id }), answerTo(world, { principal: `${id}a` })]).toEqual([
      ALLOWED,
      NOT_MATCHED,
    ]);
  });
});

row('3.4', 'NUL and odd bytes in a SAN', () => {
  test.each([
    `${WEB}\0`,
    `${WEB}\0.evil.example`,
    `\0${WEB}`,
    'spiffe://cluster.local\0/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop\0x/sa/web',
  ])('%j is nobody to both kinds', (uri) => {
    expectNobody({ principal: uri });
    expectNobody(withUris(uri));
    for (const [, fields] of NAMING_WEB) {
      const world = worldOf([istio('ALLOW', source(fields))]);
      expect([answerTo(world, { principal: uri }), answerTo(world, withUris(uri))]).toEqual([NOT_MATCHED, NOT_MATCHED]);
      expect(answerTo(world, withUris(WEB))).toBe(ALLOWED);
    }
  });

  test('one such name taints the others of its certificate', () => {
    expectNobody(withUris(WEB, `${OTHER}\0`));
    expectNobody(withUris(`${OTHER}\0`, WEB));
    expectNobody(withNames([SAN.uri, WEB], [SAN.dns, 'a\0b']));
    expectWeb(withNames([SAN.uri, WEB], [SAN.dns, 'ab']));
  });

  test.each([0x01, 0x0a, 0x1f, 0x7f, 0x80, 0xe9, 0xff])('the byte %i makes nobody of a SAN', (byte) => {
    expectNobody(withUris(Buffer.concat([Buffer.from(WEB), Buffer.of(byte)])));
    expectNobody(
      withUris(Buffer.concat([Buffer.from('spiffe://cluster.local/ns/sh'), Buffer.of(byte), Buffer.from('op/sa/web')])),
    );
    expectNobody(withBytes({ principal: `${WEB}Q` }, 'webQ', [0x77, 0x65, 0x62, byte]));
  });

  test.each([
    'no certificate',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    '%',
    '%zz',
    '-----BEGIN%20CERTIFICATE-----',
  ])('the certificate %j that cannot be read is nobody to ALLOW and anybody to DENY', (text) => {
    for (const { name, allow, deny, denyNot } of worlds) {
      const ask = { principal: WEB, certificate: text };
      expect([name, answerTo(allow, ask), answerTo(deny, ask), answerTo(denyNot, ask)]).toEqual([
        name,
        NOT_MATCHED,
        DENIED,
        DENIED,
      ]);
    }
    expectWeb({ principal: WEB });
  });

  test('nor is a certificate that cannot be read a way around AuthorizationPolicy', () => {
    const unreadable = { principal: OTHER, certificate: 'no certificate' };
    for (const [, fields] of NAMING_WEB) {
      const deny = worldOf([istio('DENY', source(fields)), istio('ALLOW', {})]);
      expect([answerTo(deny, unreadable), answerTo(deny, { principal: '' })]).toEqual([DENIED, ALLOWED]);
      const allowNot = worldOf([istio('ALLOW', source(negatedOf(fields)))]);
      expect([answerTo(allowNot, unreadable), answerTo(allowNot, { principal: 'x' })]).toEqual([
        NOT_MATCHED,
        'principals' in fields && fields['principals'] instanceof Array && fields['principals'][0] === '*'
          ? NOT_MATCHED
          : ALLOWED,
      ]);
    }
  });
});

row('3.4', 'DNS SAN or subject in place of a URI', () => {
  const subject = distinguishedName([{ oid: OID.commonName, value: WEB }]);
  test('a DNS SAN that looks like a SPIFFE ID is nobody', () => {
    expectNobody(withNames([SAN.dns, WEB]));
    expectNobody(withNames([SAN.dns, 'cluster.local/ns/shop/sa/web']));
    expectNobody(withNames([SAN.email, WEB]));
    expectWeb(withNames([SAN.dns, OTHER], [SAN.uri, WEB]));
  });
  test('a subject that looks like one is nobody', () => {
    expectNobody({ principal: '', certificate: urlEncodedPem(certificate({ subject })) });
    expectNobody({
      principal: WEB,
      certificate: urlEncodedPem(certificate({ subject, names: [[SAN.dns, 'a.example']] })),
    });
  });
  test.each([
    `CN=${WEB}`,
    'cluster.local/ns/shop/sa/web',
    'web.shop.svc.cluster.local',
    `O=x,CN=${WEB}`,
    '/ns/shop/sa/web',
  ])('the principal %s without a certificate is nobody', (principal) => {
    expectNobody({ principal });
  });
});

row('3.4', 'trust domain aliases', () => {
  const settings = { trustDomain: 'td1', trustDomainAliases: ['old'] };
  const id = (domain: string, rest = 'ns/shop/sa/web'): Ask => ({ principal: `spiffe://${domain}/${rest}` });
  test('rewrite principals of five parts, and no other', () => {
    for (const kind of [access, istio]) {
      const exact = worldOf([kind('ALLOW', source({ principals: ['td1/ns/shop/sa/web'] }))], settings);
      expect(['td1', 'old', 'new', 'OLD', 'old.evil', 'xold'].map((domain) => answerTo(exact, id(domain)))).toEqual([
        ALLOWED,
        ALLOWED,
        NOT_MATCHED,
        NOT_MATCHED,
        NOT_MATCHED,
        NOT_MATCHED,
      ]);
      const prefix = worldOf([kind('ALLOW', source({ principals: ['td1/ns/shop/*'] }))], settings);
      expect([answerTo(prefix, id('td1')), answerTo(prefix, id('old'))]).toEqual([ALLOWED, NOT_MATCHED]);
    }
  });
  test('a DENY of all others knows the alias, and nobody else', () => {
    for (const kind of [access, istio]) {
      const world = worldOf(
        [kind('DENY', source({ notPrincipals: ['td1/ns/shop/sa/web'] })), kind('ALLOW', {})],
        settings,
      );
      expect(['td1', 'old', 'evil'].map((domain) => answerTo(world, id(domain)))).toEqual([ALLOWED, ALLOWED, DENIED]);
    }
  });
});

row('3.4', 'several URI SANs', () => {
  test.each([
    ['first', withUris(WEB, OTHER)],
    ['last', withUris(OTHER, WEB)],
    ['twice', withUris(WEB, WEB)],
    ['beside a URI that is no SPIFFE ID', withUris(WEB, 'https://x.example')],
    ['behind a URI that is no SPIFFE ID', withUris('https://x.example', WEB)],
    ['beside a malformed one', withUris(WEB, 'spiffe://cluster.local/ns/x/../y/sa/z')],
  ])('with web %s, no ALLOW is met and a DENY of web is', (_where, ask) => {
    for (const { name, allow, deny, denyNot } of worlds)
      expect([name, answerTo(allow, ask), answerTo(deny, ask), answerTo(denyNot, ask)]).toEqual([
        name,
        NOT_MATCHED,
        DENIED,
        DENIED,
      ]);
    expectWeb(withUris(WEB));
  });

  test('the principal beside the certificate changes nothing', () => {
    for (const principal of [WEB, OTHER, ''])
      expect(answerTo(worlds[0]!.allow, { ...withUris(WEB, OTHER), principal })).toBe(NOT_MATCHED);
    expect(answerTo(worlds[0]!.allow, { ...withUris(OTHER), principal: WEB })).toBe(NOT_MATCHED);
    expect(answerTo(worlds[0]!.allow, { ...withUris(WEB), principal: OTHER })).toBe(ALLOWED);
  });

  test('each of them counts to AuthorizationPolicy, as in Istio, for DENY too', () => {
    const web = source({ principals: ['cluster.local/ns/shop/sa/web'] });
    for (const ask of [withUris(WEB, OTHER), withUris(OTHER, WEB)]) {
      expect(answerTo(worldOf([istio('ALLOW', web)]), ask)).toBe(ALLOWED);
      expect(answerTo(worldOf([istio('DENY', web), istio('ALLOW', {})]), ask)).toBe(DENIED);
    }
    expect(answerTo(worldOf([istio('ALLOW', web)]), withUris(OTHER, OTHER))).toBe(NOT_MATCHED);
  });

  test('the chain behind the own certificate lends no name', () => {
    const chain = urlEncodedPem(certificate({ names: [[SAN.uri, OTHER]] }), certificate({ names: [[SAN.uri, WEB]] }));
    expect(answerTo(worlds[0]!.allow, { principal: '', certificate: chain })).toBe(NOT_MATCHED);
    const own = urlEncodedPem(certificate({ names: [[SAN.uri, WEB]] }), certificate({ names: [[SAN.uri, OTHER]] }));
    expect(answerTo(worlds[0]!.allow, { principal: '', certificate: own })).toBe(ALLOWED);
  });
});

row('3.4', 'destination from the request', () => {
  const orders: PolicyText = {
    name: 'orders',
    spec: { selector: { matchLabels: { app: 'orders' } }, action: 'DENY', rules: [{}] },
  };
  const world = worldOf([orders, access('ALLOW', {})]);
  const web = { destinationLabels: { app: 'web' } };

  test.each([
    'x-envoy-peer-metadata',
    'x-envoy-peer-metadata-id',
    'app',
    'label.app',
    'namespace',
    'x-portcullis-workload',
    'destination.labels',
  ])('the header %s says nothing of the workload', (name) => {
    for (const value of ['web', 'app=web', 'shop']) {
      expect(answerTo(world, { headers: { [name]: value } })).toBe(DENIED);
      expect(answerTo(world, { ...web, headers: { [name]: 'orders' } })).toBe(ALLOWED);
    }
  });

  test('nor do host, path, metadata, the peer, or extensions of other names', () => {
    const asks: readonly Ask[] = [
      { host: 'web.shop' },
      { path: '/web' },
      { metadata: { istio_authn: { namespace: 'other' } } },
      { principal: 'spiffe://cluster.local/ns/other/sa/web' },
      { contextExtensions: { app: 'web', 'labels.app': 'web', 'Label.app': 'web', Namespace: 'other' } },
    ];
    for (const ask of asks) {
      expect(answerTo(world, ask)).toBe(DENIED);
      expect(answerTo(world, { ...ask, ...web })).toBe(ALLOWED);
    }
  });

  test('what only the connection could tell is not guessed', () => {
    expect(answerTo(world, { destinationPrincipal: '', destinationLabels: {} })).toBe('403 workload_unresolved');
    expect(
      answerTo(world, { destinationPrincipal: 'spiffe://cluster.local/ns/shop/../x/sa/y', destinationLabels: {} }),
    ).toBe('403 workload_unresolved');
  });
});
