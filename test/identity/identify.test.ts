import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { HeaderLines } from '../../src/attributes/header-lines.ts';
import { NO_LINES } from '../../src/attributes/header-lines.ts';
import { NO_PEER, UNREADABLE_PEER } from '../../src/attributes/peer-identity.ts';
import type { PeerIdentity } from '../../src/attributes/peer-identity.ts';
import { identify } from '../../src/identity/identify.ts';
import type { PeerProof, XfccSettings } from '../../src/identity/identify.ts';
import { readCertificate } from '../../src/lib/x509/certificate.ts';
import { PARAMETERS, named } from '../property/runs.ts';
import { OID, SAN, certificate, distinguishedName, urlEncodedPem } from '../lib/x509/certificate.ts';

const HOP = 'spiffe://td/ns/istio-system/sa/waypoint';
const CLIENT = 'spiffe://td/ns/shop/sa/web';
const TRUSTING: XfccSettings = { enabled: true, trustedPeers: ['spiffe://td/ns/istio-system/*'], depth: 0 };

function who(
  principal: string,
  lines: HeaderLines | string,
  xfcc: XfccSettings = TRUSTING,
  certificateText = '',
): string {
  const forwardedClientCert: HeaderLines = typeof lines === 'string' ? { form: 'exact', lines: [lines] } : lines;
  const { spiffeId, names } = identify({ principal, certificate: certificateText, forwardedClientCert }, xfcc);
  return spiffeId?.id ?? `nobody (${names.join()})`;
}

describe('who asks', () => {
  it('is the one for whom a trusted hop speaks', () => {
    expect(who(HOP, `By=x;URI=${CLIENT}`)).toBe('td/ns/shop/sa/web');
  });

  it('is the hop itself when it speaks for nobody', () => {
    expect(who(HOP, NO_LINES)).toBe('td/ns/istio-system/sa/waypoint');
  });

  it.each([
    ['the peer is another', 'spiffe://td/ns/shop/sa/web', TRUSTING],
    ['the peer is only named like the hop', 'spiffe://td/ns/istio-system', TRUSTING],
    ['there is no peer', '', TRUSTING],
    ['it is not enabled', HOP, { ...TRUSTING, enabled: false }],
    ['no hop is trusted', HOP, { ...TRUSTING, trustedPeers: [] }],
  ])('is not said by the header when %s', (_, principal, xfcc) => {
    expect(who(principal, 'URI=spiffe://td/ns/shop/sa/admin', xfcc)).not.toContain('admin');
  });

  it('is not said by the header when the hop’s certificate says two things', () => {
    const two = certificate({
      names: [
        [SAN.uri, HOP],
        [SAN.uri, 'spiffe://td/ns/shop/sa/evil'],
      ],
    });
    expect(who(HOP, `URI=${CLIENT}`, TRUSTING, urlEncodedPem(two))).toMatch(/^nobody/);
  });

  it('is nobody when the header is not well-formed', () => {
    expect(who(HOP, 'URI')).toBe('nobody ()');
    expect(who(HOP, '')).toBe('nobody ()');
  });

  it('is nobody when the header came on two lines', () => {
    expect(who(HOP, { form: 'exact', lines: [`URI=${CLIENT}`, 'URI=spiffe://td/admin'] })).toBe('nobody ()');
  });

  it('is nobody when there are two elements and no depth says which counts', () => {
    expect(who(HOP, `URI=spiffe://td/admin,URI=${CLIENT}`)).toBe('nobody ()');
  });

  it('is the element at the depth, from the right', () => {
    const value = `URI=spiffe://td/admin,URI=${CLIENT},URI=spiffe://td/last`;
    expect(who(HOP, value, { ...TRUSTING, depth: 1 })).toBe('td/last');
    expect(who(HOP, value, { ...TRUSTING, depth: 2 })).toBe('td/ns/shop/sa/web');
    expect(who(HOP, value, { ...TRUSTING, depth: 4 })).toBe('nobody ()');
  });

  it('is read from a joined header as from one line', () => {
    expect(who(HOP, { form: 'joined', value: `URI=a,URI=${CLIENT}` }, { ...TRUSTING, depth: 1 })).toBe(
      'td/ns/shop/sa/web',
    );
  });

  it('is not certain when the hop gives two URIs', () => {
    expect(who(HOP, `URI=${CLIENT};URI=spiffe://td/admin`)).toBe(`nobody (${CLIENT},spiffe://td/admin)`);
  });
});

const line = (value: string): HeaderLines => ({ form: 'exact', lines: [value] });

describe('a connection that proves nothing', () => {
  const ADMIN = 'spiffe://td/ns/shop/sa/admin';
  const settings = (trustEmptyPeer: NonNullable<XfccSettings['trustEmptyPeer']>, depth = 0): XfccSettings => ({
    enabled: true,
    trustedPeers: [HOP],
    depth,
    trustEmptyPeer,
  });
  const asks = (xfcc: XfccSettings, differs: Partial<PeerProof> = {}): PeerIdentity =>
    identify({ principal: '', certificate: '', forwardedClientCert: line(`URI=${ADMIN}`), ...differs }, xfcc);

  it('is nobody, whatever the header says, unless a setting says otherwise', () => {
    expect(asks({ enabled: true, trustedPeers: [HOP], depth: 0 })).toBe(NO_PEER);
    for (const xfccMarked of [true, false]) {
      expect(asks(settings('never'), { xfccMarked })).toBe(NO_PEER);
      expect(asks({ ...settings('always'), enabled: false }, { xfccMarked })).toBe(NO_PEER);
    }
  });

  it('is the one in the header where every such connection is trusted', () => {
    expect(asks(settings('always')).spiffeId?.id).toBe('td/ns/shop/sa/admin');
    expect(asks(settings('always'), { xfccMarked: true }).spiffeId?.id).toBe('td/ns/shop/sa/admin');
  });

  it('is the one in the header where Envoy says that it wrote it', () => {
    expect(asks(settings('marked'), { xfccMarked: true }).spiffeId?.id).toBe('td/ns/shop/sa/admin');
    expect(asks(settings('marked'), { xfccMarked: false })).toBe(NO_PEER);
    expect(asks(settings('marked'))).toBe(NO_PEER);
  });

  it('is nobody without the header', () => {
    expect(asks(settings('always'), { forwardedClientCert: NO_LINES })).toBe(NO_PEER);
  });

  it.each([
    `URI=${ADMIN},URI=${CLIENT}`,
    `URI=${CLIENT},URI=${ADMIN}`,
    `URI=${ADMIN},`,
    'URI',
    '',
    `URI=;URI=${ADMIN}`,
  ])('cannot be read when somebody else had a hand in the header: %s', (value) => {
    for (const depth of [0, 1, 2])
      expect(asks(settings('always', depth), { forwardedClientCert: line(value) })).toBe(UNREADABLE_PEER);
    expect(
      asks(settings('always'), { forwardedClientCert: { form: 'exact', lines: [`URI=${ADMIN}`, `URI=${ADMIN}`] } }),
    ).toBe(UNREADABLE_PEER);
  });

  it.each([
    ['another principal', { principal: CLIENT }],
    ['a DNS name', { principal: 'web.example.com' }],
    ['a principal that cannot be read', { principal: `${HOP}\0` }],
    ['a certificate that cannot be read', { certificate: 'x' }],
    ['a certificate without names', { certificate: urlEncodedPem(certificate({})) }],
    [
      'a certificate with two names',
      {
        certificate: urlEncodedPem(
          certificate({
            names: [
              [SAN.uri, HOP],
              [SAN.uri, HOP],
            ],
          }),
        ),
      },
    ],
  ])('is none that shows %s', (_what, proof) => {
    const peer = asks(settings('always'), { ...proof, xfccMarked: true });
    expect(JSON.stringify(peer)).not.toContain('admin');
  });

  it(named('is believed under no other settings, whatever else is there'), () => {
    const text = fc.constantFrom('', HOP, CLIENT, 'a.example', '\0', urlEncodedPem(certificate({})));
    const proof = fc.record({
      principal: text,
      certificate: text,
      forwardedClientCert: fc.constantFrom(NO_LINES, line(`URI=${ADMIN}`), line(`URI=${CLIENT},URI=${ADMIN}`)),
      xfccMarked: fc.boolean(),
    });
    const xfcc = fc.record({
      enabled: fc.boolean(),
      trustedPeers: fc.constantFrom([], [HOP]),
      depth: fc.constantFrom(0, 1, 2),
      trustEmptyPeer: fc.constantFrom('never' as const, 'marked' as const, 'always' as const),
    });
    fc.assert(
      fc.property(proof, xfcc, (shown, set) => {
        const peer = identify(shown, set);
        if (peer.spiffeId?.id !== 'td/ns/shop/sa/admin') return;
        const { principal, certificate: pem, xfccMarked } = shown;
        const hop = principal === HOP && pem === '' && set.trustedPeers.length > 0;
        const empty = principal === '' && pem === '';
        const trusted = set.trustEmptyPeer === 'always' || (set.trustEmptyPeer === 'marked' && xfccMarked);
        expect([set.enabled, hop || (empty && trusted)]).toEqual([true, true]);
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
    );
  });
});

describe('the certificate of the one for whom a hop speaks', () => {
  const der = certificate({
    serial: Buffer.of(1, 2),
    subject: distinguishedName([{ oid: OID.commonName, value: 'web, "1"' }]),
    names: [
      [SAN.uri, CLIENT],
      [SAN.dns, 'web.example.com'],
    ],
  });
  const facts = readCertificate(der);
  const OTHER_HASH = 'ab'.repeat(32);
  const forwarded = (value: string): PeerIdentity =>
    identify({ principal: HOP, certificate: '', forwardedClientCert: line(value) }, TRUSTING);

  it('is known by what the hop says of it', () => {
    expect(forwarded(`Hash=${OTHER_HASH};Subject="CN=web\\, x";URI=${CLIENT};DNS=web.example.com`).certificate).toEqual(
      {
        sha256: OTHER_HASH,
        serial: null,
        issuer: null,
        subject: 'CN=web\\, x',
        notBeforeMs: null,
        notAfterMs: null,
        uris: [CLIENT],
        dnsNames: ['web.example.com'],
        emails: [],
        ipAddresses: [],
        key: expect.stringMatching(/^x/),
      },
    );
    expect(forwarded(`Hash=${OTHER_HASH};URI=${CLIENT}`).certificate).toMatchObject({
      sha256: OTHER_HASH,
      subject: null,
    });
  });

  it('is not known without its hash', () => {
    expect(forwarded(`Subject="CN=web";URI=${CLIENT}`).certificate).toBeNull();
    expect(forwarded(`Hash=00;URI=${CLIENT}`).certificate).toBeNull();
  });

  it('is read where the hop sends all of it, whatever keys come with it', () => {
    const all = `Hash=${facts.sha256};Cert="${urlEncodedPem(der)}";Subject="CN=web\\, \\"1\\"";URI=${CLIENT};DNS=web.example.com`;
    for (const value of [all, `Cert="${urlEncodedPem(der)}"`, `Cert="${urlEncodedPem(der)}";URI=${CLIENT}`]) {
      const peer = forwarded(value);
      expect(peer.certificate).toEqual({ ...facts, key: facts.sha256 });
      expect([peer.spiffeId?.id, peer.names]).toEqual([
        'td/ns/shop/sa/web',
        [CLIENT, 'web.example.com', 'CN=web\\, \\"1\\"'],
      ]);
    }
    // The same certificate is the same identity, whoever shows it.
    const direct = identify(
      { principal: '', certificate: urlEncodedPem(der), forwardedClientCert: NO_LINES },
      { ...TRUSTING, enabled: false },
    );
    expect(forwarded(all).key).toBe(direct.key);
  });

  it.each([
    ['another hash', `Hash=${OTHER_HASH};Cert="${urlEncodedPem(der)}";URI=${CLIENT}`],
    ['another URI', `Cert="${urlEncodedPem(der)}";URI=spiffe://td/ns/shop/sa/admin`],
    ['one more URI', `Cert="${urlEncodedPem(der)}";URI=${CLIENT};URI=spiffe://td/ns/shop/sa/admin`],
    ['another DNS name', `Cert="${urlEncodedPem(der)}";DNS=admin.example.com`],
    ['nothing that can be read', `Cert="x";URI=${CLIENT}`],
    [
      'a NUL byte in a name',
      `Cert="${urlEncodedPem(certificate({ names: [[SAN.uri, `${CLIENT}\0`]] }))}";URI=${CLIENT}`,
    ],
  ])('is nobody’s when it has %s', (_what, value) => {
    expect(forwarded(value)).toBe(UNREADABLE_PEER);
  });

  it('has facts that are told apart', () => {
    const keys = [
      `Hash=${OTHER_HASH};URI=${CLIENT}`,
      `Hash=${OTHER_HASH};URI=${CLIENT};Subject=""`,
      `Hash=${OTHER_HASH};URI=${CLIENT};Subject="CN=a"`,
      `Hash=${OTHER_HASH};DNS=${CLIENT}`,
      `Hash=${OTHER_HASH}`,
      `Hash=${facts.sha256};URI=${CLIENT};DNS=web.example.com`,
      `Cert="${urlEncodedPem(der)}"`,
    ].map((value) => forwarded(value).certificate!.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
