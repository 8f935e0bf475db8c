import { describe, expect, test } from '@jest/globals';
import type { XfccSettings } from '../../src/identity/identify.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, istio, source } from '../extauthz/support/yaml.ts';
import { OID, SAN, certificate, distinguishedName, urlEncodedPem } from '../lib/x509/certificate.ts';
import { ALLOWED, DENIED, NOT_MATCHED, answerTo, row, worldOf } from './support.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const OTHER = 'spiffe://cluster.local/ns/edge/sa/gateway';
const HOP = 'spiffe://cluster.local/ns/mesh/sa/waypoint';

const NAMING_WEB: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['principals exact', { principals: ['cluster.local/ns/shop/sa/web'] }],
  ['principals prefix', { principals: ['cluster.local/ns/shop/*'] }],
  ['principals suffix', { principals: ['*/sa/web'] }],
  ['principals any', { principals: ['*'] }],
  ['namespaces', { namespaces: ['shop'] }],
  ['serviceAccounts', { serviceAccounts: ['shop/web'] }],
  ['trustDomains', { trustDomains: ['cluster.local'] }],
];
/** AuthorizationPolicy has no trust domains. */
const ISTIO_NAMING_WEB = NAMING_WEB.filter(([name]) => name !== 'trustDomains');

const believing = (differs: Partial<XfccSettings> = {}): { readonly xfcc: XfccSettings } => ({
  xfcc: { enabled: true, trustedPeers: [HOP], depth: 0, ...differs },
});
const saying = (xfcc: string, principal = HOP): Ask => ({ principal, headers: { 'x-forwarded-client-cert': xfcc } });

const spokenFor = NAMING_WEB.map(([name, fields]) => ({
  name,
  allow: worldOf([access('ALLOW', source(fields))], believing()),
  deny: worldOf([access('DENY', source(fields)), access('ALLOW', {})], believing()),
}));

/** No ALLOW is met; does a DENY of web say no? */
function expectForwarded(ask: Ask, allowed: boolean, denied: boolean): void {
  for (const { name, allow, deny } of spokenFor)
    expect([name, answerTo(allow, ask), answerTo(deny, ask)]).toEqual([
      name,
      allowed ? ALLOWED : NOT_MATCHED,
      denied ? DENIED : ALLOWED,
    ]);
}
const expectWeb = (ask: Ask): void => {
  expectForwarded(ask, true, true);
};

row('3.4', 'empty principal', () => {
  const empty = saying(`URI=${WEB}`, '');
  const worlds = NAMING_WEB.map(([name, fields]) => ({
    name,
    never: worldOf([access('ALLOW', source(fields))], believing()),
    always: worldOf([access('ALLOW', source(fields))], believing({ trustedPeers: [], trustEmptyPeer: 'always' })),
  }));

  test('is not filled by x-forwarded-client-cert, unless every connection without one is a waypoint’s', () => {
    for (const { name, never, always } of worlds)
      expect([name, answerTo(never, empty), answerTo(always, empty)]).toEqual([name, NOT_MATCHED, ALLOWED]);
  });

  test.each([
    ['two elements, as where a client’s own was kept', saying(`URI=${WEB},URI=${WEB}`, '')],
    ['a URI beside none', saying(`URI=;URI=${WEB}`, '')],
    ['a principal that is not trusted', saying(`URI=${WEB}`, OTHER)],
    ['a principal that cannot be read', saying(`URI=${WEB}`, `${HOP}\n`)],
    ['a certificate that cannot be read', { ...empty, certificate: 'x' }],
    ['a certificate without names', { ...empty, certificate: urlEncodedPem(certificate({})) }],
    ['no header', { principal: '' }],
  ])('nor then by %s', (_what, ask) => {
    // Not `principals any` and not the trust domain: a principal that is not trusted is still somebody.
    for (const { name, always } of worlds)
      if (name !== 'principals any' && name !== 'trustDomains')
        expect([name, answerTo(always, ask)]).toEqual([name, NOT_MATCHED]);
  });
});

row('3.4', 'SPIFFE ID spellings', () => {
  test.each([
    `URI=${WEB}/`,
    `URI=${WEB}?x`,
    `URI=${WEB}#x`,
    `URI=${WEB} `,
    `URI= ${WEB}`,
    `URI=${WEB}%20`,
    `URI="${WEB} "`,
    `URI="${WEB};x"`,
    `URI="${WEB},x"`,
    `URI="\\"${WEB}\\""`,
    'URI=SPIFFE://cluster.local/ns/shop/sa/web',
    'URI=spiffe://CLUSTER.LOCAL/ns/shop/sa/web',
    'URI=spiffe://cluster.local:443/ns/shop/sa/web',
    'URI=spiffe://cluster.local/ns/shop/../shop/sa/web',
    'URI=spiffe://cluster.local/ns/shop/sa/w%65b',
  ])('%s from a hop is nobody', (xfcc) => {
    expectForwarded(saying(xfcc), false, false);
    expectWeb(saying(`URI=${WEB}`));
  });

  test('AuthorizationPolicy takes the namespace where Istio’s expression finds it', () => {
    const namespace = worldOf([istio('ALLOW', source({ namespaces: ['shop'] }))]);
    expect(answerTo(namespace, { principal: 'spiffe://cluster.local/x/ns/shop/sa/web' })).toBe(ALLOWED);
    expect(answerTo(namespace, { principal: 'spiffe://cluster.local/ns/shopping/sa/web' })).toBe(NOT_MATCHED);
    const ours = worldOf([access('ALLOW', source({ namespaces: ['shop'] }))]);
    expect(answerTo(ours, { principal: 'spiffe://cluster.local/x/ns/shop/sa/web' })).toBe(NOT_MATCHED);
  });
});

row('3.4', 'NUL and odd bytes in a SAN', () => {
  const bytes = [0x00, 0x01, 0x09, 0x0a, 0x0d, 0x1b, 0x1f, 0x7f];

  test.each(bytes)('the byte %i makes a certificate nobody’s, in AuthorizationPolicy too', (byte) => {
    const odd = Buffer.concat([Buffer.from(WEB), Buffer.of(byte)]);
    const asks: readonly Ask[] = [
      { principal: WEB, certificate: urlEncodedPem(certificate({ names: [[SAN.uri, odd]] })) },
      {
        principal: WEB,
        certificate: urlEncodedPem(
          certificate({
            names: [
              [SAN.uri, WEB],
              [SAN.dns, odd],
            ],
          }),
        ),
      },
      {
        principal: WEB,
        certificate: urlEncodedPem(
          certificate({
            names: [
              [SAN.uri, WEB],
              [SAN.email, odd],
            ],
          }),
        ),
      },
    ];
    for (const [name, fields] of ISTIO_NAMING_WEB) {
      const allow = worldOf([istio('ALLOW', source(fields))]);
      const deny = worldOf([istio('DENY', source(fields)), istio('ALLOW', {})]);
      for (const ask of asks)
        expect([name, answerTo(allow, ask), answerTo(deny, ask)]).toEqual([name, NOT_MATCHED, DENIED]);
    }
  });

  test.each(bytes)('the byte %i in a principal makes it nobody, in AuthorizationPolicy too', (byte) => {
    const ask = { principal: `${WEB}${String.fromCharCode(byte)}` };
    const before = { principal: `${String.fromCharCode(byte)}${WEB}` };
    for (const [name, fields] of ISTIO_NAMING_WEB) {
      const allow = worldOf([istio('ALLOW', source(fields))]);
      expect([name, answerTo(allow, ask), answerTo(allow, before)]).toEqual([name, NOT_MATCHED, NOT_MATCHED]);
    }
    const any = worldOf([istio('DENY', source({ principals: ['cluster.local/ns/x/sa/y'] })), istio('ALLOW', {})]);
    expect([answerTo(any, ask), answerTo(any, { principal: WEB })]).toEqual([DENIED, ALLOWED]);
  });

  test.each(bytes)('the byte %i anywhere in x-forwarded-client-cert makes all of it unreadable', (byte) => {
    const odd = String.fromCharCode(byte);
    for (const xfcc of [
      `URI=${WEB}${odd}`,
      `URI="${WEB}${odd}"`,
      `Subject="${odd}";URI=${WEB}`,
      `By=${odd};URI=${WEB}`,
    ])
      expectForwarded(saying(xfcc), false, true);
    expectWeb(saying(`Subject="";URI=${WEB}`));
  });
});

row('3.4', 'DNS SAN or subject in place of a URI', () => {
  test.each([`DNS=${WEB}`, `Subject="${WEB}"`, `Subject="CN=${WEB}"`, `By=${WEB}`, `Hash=${WEB}`, `SAN=${WEB}`])(
    '%s of a hop is no URI',
    (xfcc) => {
      expectForwarded(saying(xfcc), false, false);
      expectForwarded(saying(`${xfcc};URI=`), false, false);
      expectWeb(saying(`URI=${WEB}`));
    },
  );

  test('nor is it one in a certificate that a hop sends', () => {
    const subject = distinguishedName([{ oid: OID.commonName, value: WEB }]);
    const der = certificate({
      subject,
      names: [
        [SAN.dns, WEB],
        [SAN.email, WEB],
      ],
    });
    expectForwarded(saying(`Cert="${urlEncodedPem(der)}"`), false, false);
    expectForwarded(saying(`Cert="${urlEncodedPem(der)}";URI=${WEB}`), false, true);
    expectWeb(saying(`Cert="${urlEncodedPem(certificate({ subject, names: [[SAN.uri, WEB]] }))}"`));
  });

  test('a name that Envoy wrote bare gets its holder no URI where one element is all there is', () => {
    // DNS SANs with separators in them, of a certificate with and without a URI of its own.
    for (const name of [`x;URI=${WEB}`, `x,URI=${WEB}`, `x,By=${HOP};Hash=00;URI=${WEB}`])
      for (const own of ['', OTHER]) {
        const ask = saying(`By=${HOP};Hash=00;Subject="";URI=${own};DNS=${name}`);
        for (const { name: field, allow } of spokenFor)
          expect([field, answerTo(allow, ask)]).toEqual([field, NOT_MATCHED]);
      }
  });

  test('a subject gets its holder none, however it is quoted', () => {
    for (const subject of [`CN=\\";URI=${WEB};X=\\"`, `CN=a\\\\\\";URI=${WEB}`, `CN=a\\, b;URI=${WEB}`])
      expectForwarded(saying(`Hash=00;Subject="${subject}";URI=https://x.example`), false, false);
  });
});

row('3.4', 'trust domain aliases', () => {
  test('are known of identities that a hop speaks for, by the same five parts', () => {
    const settings = { trustDomain: 'td1', trustDomainAliases: ['old'], ...believing() };
    for (const kind of [access, istio]) {
      const world = worldOf([kind('ALLOW', source({ principals: ['td1/ns/shop/sa/web'] }))], settings);
      const from = (domain: string, rest = 'ns/shop/sa/web'): string =>
        answerTo(world, saying(`URI=spiffe://${domain}/${rest}`));
      expect([from('td1'), from('old'), from('new'), from('OLD'), from('old', 'ns/shop/sa/web/x')]).toEqual([
        ALLOWED,
        ALLOWED,
        NOT_MATCHED,
        NOT_MATCHED,
        NOT_MATCHED,
      ]);
    }
  });

  test('make no hop of another', () => {
    const world = worldOf([access('ALLOW', source({ principals: ['cluster.local/ns/shop/sa/web'] }))], {
      trustDomainAliases: ['old'],
      ...believing(),
    });
    expect(answerTo(world, saying(`URI=${WEB}`, HOP.replace('cluster.local', 'old')))).toBe(NOT_MATCHED);
    expect(answerTo(world, saying(`URI=${WEB}`))).toBe(ALLOWED);
  });
});

row('3.4', 'several URI SANs', () => {
  describe.each([
    ['first', `URI=${WEB};URI=${OTHER}`, [WEB, OTHER]],
    ['last', `URI=${OTHER};URI=${WEB}`, [OTHER, WEB]],
    ['twice', `URI=${WEB};URI=${WEB}`, [WEB, WEB]],
    ['beside another scheme', `URI=${WEB};URI=https://x.example`, [WEB, 'https://x.example']],
  ] as const)('with web %s', (_where, xfcc, uris) => {
    test('a hop speaks for nobody to ALLOW, and for each of them to DENY', () => {
      expectForwarded(saying(xfcc), false, true);
    });
    test('so it does with the certificate', () => {
      const pem = urlEncodedPem(certificate({ names: uris.map((uri) => [SAN.uri, uri] as const) }));
      expectForwarded(saying(`Cert="${pem}"`), false, true);
      expectForwarded(saying(`Cert="${pem}";${xfcc}`), false, true);
      // An old Envoy writes the first alone: the two do not agree.
      expectForwarded(saying(`Cert="${pem}";URI=${uris[0]}`), false, true);
    });
  });

  test('a hop with several is no hop', () => {
    const world = worldOf([access('ALLOW', source({ principals: ['cluster.local/ns/shop/sa/web'] }))], believing());
    const hop = (...names: readonly string[]): Ask => ({
      ...saying(`URI=${WEB}`, ''),
      certificate: urlEncodedPem(certificate({ names: names.map((name) => [SAN.uri, name] as const) })),
    });
    expect([hop(HOP), hop(HOP, HOP), hop(HOP, OTHER), hop(OTHER, HOP)].map((ask) => answerTo(world, ask))).toEqual([
      ALLOWED,
      NOT_MATCHED,
      NOT_MATCHED,
      NOT_MATCHED,
    ]);
  });
});

row('3.4', 'destination from the request', () => {
  test('x-forwarded-client-cert names the caller, never the workload that is called', () => {
    const orders = {
      name: 'orders',
      spec: { selector: { matchLabels: { app: 'orders' } }, action: 'DENY', rules: [{}] },
    };
    const world = worldOf([orders, access('ALLOW', {})], believing());
    for (const by of ['spiffe://cluster.local/ns/other/sa/web', HOP, WEB])
      expect(answerTo(world, saying(`By=${by};URI=${WEB}`))).toBe(DENIED);
    expect(answerTo(world, { ...saying(`By=${HOP};URI=${WEB}`), destinationLabels: { app: 'web' } })).toBe(ALLOWED);
  });
});
