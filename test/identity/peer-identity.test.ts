import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_PEER } from '../../src/attributes/peer-identity.ts';
import { identifyPeer, identityOf } from '../../src/identity/peer-identity.ts';
import { readCertificate } from '../../src/lib/x509/certificate.ts';
import { OID, SAN, certificate, distinguishedName, urlEncodedPem } from '../lib/x509/certificate.ts';

const ORDERS = 'spiffe://td/ns/shop/sa/orders';
const OTHER = 'spiffe://td/ns/edge/sa/gateway';

describe('the peer behind a principal', () => {
  it('is the SPIFFE ID that the principal is', () => {
    expect(identifyPeer(ORDERS, '')).toMatchObject({
      names: [ORDERS],
      uris: [ORDERS],
      spiffeId: { namespace: 'shop', serviceAccount: 'orders' },
    });
  });

  it.each(['orders.example.com', 'CN=spiffe://td/ns/shop/sa/orders', 'CN=x,O=y', 'td/ns/shop/sa/orders'])(
    'has a name but is no URI, for %s',
    (principal) => {
      expect(identifyPeer(principal, '')).toMatchObject({
        names: [principal],
        uris: [],
        spiffeIds: [],
        spiffeId: null,
      });
    },
  );

  it.each(['https://example.com', 'SPIFFE://td/ns/shop/sa/orders', 'spiffe://td/ns/shop/../edge/sa/x'])(
    'is a URI but no SPIFFE ID, for %s',
    (principal) => {
      expect(identifyPeer(principal, '')).toMatchObject({ uris: [principal], spiffeIds: [], spiffeId: null });
    },
  );

  it.each(['', ...['\0', '\n', '\x1f', '\x7f', '\t'].map((byte) => `${ORDERS}${byte}`), '\nCN=x', 'a\0.example.com'])(
    'is nobody, for %j',
    (principal) => {
      expect(identifyPeer(principal, '')).toBe(NO_PEER);
    },
  );
});

describe('the peer behind a certificate', () => {
  it('has every name of it, and the identity that it alone says', () => {
    const der = certificate({
      subject: distinguishedName([{ oid: OID.commonName, value: 'x' }]),
      names: [
        [SAN.dns, 'orders.example.com'],
        [SAN.uri, ORDERS],
      ],
    });
    const peer = identifyPeer('', urlEncodedPem(der));
    expect(peer.names).toEqual([ORDERS, 'orders.example.com', 'CN=x']);
    expect(peer.spiffeId?.id).toBe('td/ns/shop/sa/orders');
  });

  it('is what the certificate says, not the principal', () => {
    const peer = identifyPeer(OTHER, urlEncodedPem(certificate({ names: [[SAN.uri, ORDERS]] })));
    expect(peer.names).toEqual([ORDERS]);
  });

  it('is not certain with two URI SANs, and each of them is known', () => {
    const der = certificate({
      names: [
        [SAN.uri, ORDERS],
        [SAN.uri, OTHER],
      ],
    });
    const peer = identifyPeer(ORDERS, urlEncodedPem(der));
    expect(peer.spiffeId).toBeNull();
    expect(peer.spiffeIds.map(({ id }) => id)).toEqual(['td/ns/shop/sa/orders', 'td/ns/edge/sa/gateway']);
  });

  it('is not certain with a second URI that is no SPIFFE ID, or is empty', () => {
    for (const second of ['https://example.com', '']) {
      const der = certificate({
        names: [
          [SAN.uri, ORDERS],
          [SAN.uri, second],
        ],
      });
      expect(identifyPeer(ORDERS, urlEncodedPem(der)).spiffeId).toBeNull();
    }
  });

  it('is no SPIFFE ID when a DNS name or the subject looks like one', () => {
    const der = certificate({
      subject: distinguishedName([{ oid: OID.commonName, value: ORDERS }]),
      names: [[SAN.dns, ORDERS]],
    });
    expect(identifyPeer(ORDERS, urlEncodedPem(der))).toMatchObject({ uris: [], spiffeIds: [], spiffeId: null });
  });

  it('is that of the leaf, whatever chain stands behind it', () => {
    const leaf = certificate({ names: [[SAN.uri, ORDERS]] });
    const issuer = certificate({ names: [[SAN.uri, OTHER]] });
    expect(identifyPeer('', urlEncodedPem(leaf, issuer)).names).toEqual([ORDERS]);
  });

  it('without any name is nobody', () => {
    expect(identifyPeer('', urlEncodedPem(certificate({})))).toMatchObject({ names: [], spiffeId: null });
  });

  it.each([
    ['no PEM', 'x'],
    ['a bad escape', '%zz'],
    ['PEM around nothing', '-----BEGIN%20CERTIFICATE-----%0A-----END%20CERTIFICATE-----'],
    ['PEM around no certificate', '-----BEGIN%20CERTIFICATE-----%0AMAA%3D%0A-----END%20CERTIFICATE-----'],
    ['something else in PEM', '-----BEGIN%20PUBLIC%20KEY-----%0AMAA%3D%0A-----END%20PUBLIC%20KEY-----'],
    ['a NUL byte in a name', urlEncodedPem(certificate({ names: [[SAN.uri, `${ORDERS}\0`]] }))],
    ['too much of it', 'a'.repeat(300 * 1024)],
  ])('is nobody with %s, whatever the principal says', (_, text) => {
    expect(identifyPeer(ORDERS, text)).toBe(NO_PEER);
  });

  it('has the facts of the certificate, and none without it', () => {
    const der = certificate({ names: [[SAN.uri, ORDERS]] });
    expect(identifyPeer('', urlEncodedPem(der)).certificate).toEqual({
      ...readCertificate(der),
      key: readCertificate(der).sha256,
    });
    expect(identifyPeer(ORDERS, '').certificate).toBeNull();
    expect(NO_PEER.certificate).toBeNull();
  });

  it('has one key for all certificates of the same names, and facts that tell them apart', () => {
    const [first, second] = [1, 2].map((serial) =>
      identifyPeer('', urlEncodedPem(certificate({ serial: Buffer.of(serial), names: [[SAN.uri, ORDERS]] }))),
    );
    expect(first!.key).toBe(second!.key);
    expect(first!.certificate!.key).not.toBe(second!.certificate!.key);
  });

  it('is the same when the certificate is seen again', () => {
    const text = urlEncodedPem(certificate({ names: [[SAN.uri, ORDERS]] }));
    expect(identifyPeer('', text)).toBe(identifyPeer('', text));
  });
});

describe('the key of an identity', () => {
  it('is equal for equal names and URIs only', () => {
    const text = fc.constantFrom('', 'a', 'b', '1:a', ';', 'spiffe://td/x', 'spiffe://td/y');
    const identity = fc
      .tuple(fc.array(text, { maxLength: 3 }), fc.array(text, { maxLength: 2 }))
      .map(([uris, others]) => identityOf(uris, [...uris, ...others]));
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(identity, ({ key, names, uris }) => {
        const what = JSON.stringify([names, uris]);
        expect(seen.get(key) ?? what).toBe(what);
        seen.set(key, what);
      }),
      { numRuns: 1500 },
    );
  });

  it('tells a DNS name from a URI beside an empty one', () => {
    const uris = identityOf(['spiffe://td/x', 'spiffe://td/y'], ['spiffe://td/x', 'spiffe://td/y']);
    const oneUri = identityOf(['', 'spiffe://td/x'], ['', 'spiffe://td/x', 'spiffe://td/y']);
    expect(uris.names).toEqual(oneUri.names);
    expect(uris.key).not.toBe(oneUri.key);
  });
});
