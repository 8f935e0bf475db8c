import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { X509Certificate } from 'node:crypto';
import { DerError } from '../../../src/lib/x509/der.ts';
import { readCertificateNames } from '../../../src/lib/x509/names.ts';
import { OID, SAN, TYPES, certificate, distinguishedName, extension, subjectAltName } from './certificate.ts';
import type { NameAttribute } from './certificate.ts';

function subjectOf(...relative: readonly (readonly NameAttribute[])[]): string {
  return readCertificateNames(certificate({ subject: distinguishedName(...relative) })).subject;
}

const commonName = (value: string | Buffer, tag: number = TYPES.utf8): string =>
  subjectOf([{ oid: OID.commonName, tag, value }]);

describe('the names of a certificate', () => {
  it('are its URIs and DNS names, each in their order, and its subject', () => {
    const der = certificate({
      subject: distinguishedName([{ oid: OID.commonName, value: 'x' }]),
      names: [
        [SAN.dns, 'a.example.com'],
        [SAN.uri, 'spiffe://td/ns/a/sa/b'],
        [SAN.email, 'x@example.com'],
        [SAN.ip, Buffer.of(10, 0, 0, 1)],
        [SAN.uri, 'https://example.com'],
        [SAN.dns, 'b.example.com'],
      ],
    });
    expect(readCertificateNames(der)).toEqual({
      uris: ['spiffe://td/ns/a/sa/b', 'https://example.com'],
      dnsNames: ['a.example.com', 'b.example.com'],
      subject: 'CN=x',
    });
  });

  it('may all be absent', () => {
    expect(readCertificateNames(certificate({}))).toEqual({ uris: [], dnsNames: [], subject: '' });
  });

  it('are read from a critical extension, and from behind others', () => {
    const der = certificate({
      names: [[SAN.uri, 'spiffe://td/x']],
      criticalNames: true,
      otherExtensions: [extension('2.5.29.19', Buffer.from('3000', 'hex'), true)],
    });
    expect(readCertificateNames(der).uris).toEqual(['spiffe://td/x']);
  });

  it('are all read when the extension comes twice', () => {
    const second = extension('2.5.29.17', subjectAltName([[SAN.uri, 'spiffe://td/y']]));
    const der = certificate({ names: [[SAN.uri, 'spiffe://td/x']], otherExtensions: [second] });
    expect(readCertificateNames(der).uris).toEqual(['spiffe://td/y', 'spiffe://td/x']);
  });

  it('are those of version 1, which has a subject only', () => {
    const der = certificate({ version1: true, subject: distinguishedName([{ oid: OID.commonName, value: 'old' }]) });
    expect(readCertificateNames(der)).toEqual({ uris: [], dnsNames: [], subject: 'CN=old' });
  });

  it('are not those of an issuer, nor of an issuer’s alternative names', () => {
    const der = certificate({
      otherExtensions: [extension('2.5.29.18', subjectAltName([[SAN.uri, 'spiffe://td/issuer']]))],
    });
    expect(readCertificateNames(der)).toEqual({ uris: [], dnsNames: [], subject: '' });
  });

  it('cannot imitate one another: what looks like a second name is part of the first', () => {
    const der = certificate({ names: [[SAN.dns, 'a.example.com, URI:spiffe://td/admin']] });
    expect(readCertificateNames(der)).toMatchObject({ uris: [], dnsNames: ['a.example.com, URI:spiffe://td/admin'] });
  });

  it('are bytes', () => {
    const der = certificate({ names: [[SAN.uri, 'spiffe://td/caf\xc3\xa9\xff']] });
    expect(readCertificateNames(der).uris).toEqual(['spiffe://td/caf\xc3\xa9\xff']);
  });

  it.each([
    ['a URI', certificate({ names: [[SAN.uri, 'spiffe://td/a\0b']] })],
    ['a DNS name', certificate({ names: [[SAN.dns, 'a.example.com\0.evil.com']] })],
    ['the subject', certificate({ subject: distinguishedName([{ oid: OID.commonName, value: 'a\0b' }]) })],
  ])('are refused with a NUL byte in %s', (_, der) => {
    expect(() => readCertificateNames(der)).toThrow(DerError);
  });

  it('agree with what Node reads', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const names = fc.array(
      fc.oneof(
        label.map((text) => [SAN.dns, `${text}.example.com`] as const),
        label.map((text) => [SAN.uri, `spiffe://td/${text}`] as const),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(names, (list) => {
        const der = certificate({ names: list });
        const { uris, dnsNames } = readCertificateNames(der);
        const node = (new X509Certificate(der).subjectAltName ?? '').split(', ');
        expect(node.filter((text) => text.startsWith('URI:'))).toEqual(uris.map((uri) => `URI:${uri}`));
        expect(node.filter((text) => text.startsWith('DNS:'))).toEqual(dnsNames.map((name) => `DNS:${name}`));
      }),
      { numRuns: 100 },
    );
  });
});

// Texts as `openssl x509 -subject -nameopt RFC2253` prints them.
describe('the subject of a certificate', () => {
  it('is written from the last relative name to the first', () => {
    const text = subjectOf(
      [{ oid: OID.country, tag: TYPES.printable, value: 'DE' }],
      [{ oid: OID.organization, value: 'Acme, Inc.' }],
      [{ oid: OID.commonName, value: 'x' }],
    );
    expect(text).toBe('CN=x,O=Acme\\, Inc.,C=DE');
  });

  it('has the attributes of one relative name in reverse too', () => {
    const text = subjectOf(
      [
        { oid: OID.commonName, value: 'x' },
        { oid: OID.unit, value: 'y' },
      ],
      [{ oid: OID.commonName, value: 'q' }],
    );
    expect(text).toBe('CN=q,OU=y+CN=x');
  });

  it.each([
    ['plain', 'CN=plain'],
    ['', 'CN='],
    [' #a,b+c"d\\e<f>g;h=i ', 'CN=\\ #a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i\\ '],
    ['#abc', 'CN=\\#abc'],
    ['a#b', 'CN=a#b'],
    [' ', 'CN=\\ '],
    ['   ', 'CN=\\  \\ '],
    ['Zoë €', 'CN=Zo\\C3\\AB \\E2\\82\\AC'],
    ['a\nb\x7fc\x01', 'CN=a\\0Ab\\7Fc\\01'],
    ['x,O=admin', 'CN=x\\,O=admin'],
    ['/ns/foo/', 'CN=/ns/foo/'],
  ])('escapes %j', (value, text) => {
    expect(commonName(value)).toBe(text);
  });

  it.each<[string, number, string, string]>([
    ['TeletexString', TYPES.teletex, 'e941', 'CN=\\C3\\A9A'],
    ['IA5String', TYPES.ia5, 'e941', 'CN=\\C3\\A9A'],
    ['BMPString', TYPES.bmp, '004120ac', 'CN=A\\E2\\82\\AC'],
    ['BMPString with a comma', TYPES.bmp, '002c0020', 'CN=\\,\\ '],
    ['UniversalString', TYPES.universal, '000000410001f600', 'CN=A\\F0\\9F\\98\\80'],
    ['no string', 0x30, '020105', 'CN=#3003020105'],
  ])('is UTF-8 from a %s', (_, tag, hex, text) => {
    expect(commonName(Buffer.from(hex, 'hex'), tag)).toBe(text);
  });

  it('shows attributes without a short name by OID and encoding', () => {
    expect(subjectOf([{ oid: '1.2.3.4', value: 'abc' }])).toBe('1.2.3.4=#0C03616263');
    expect(subjectOf([{ oid: '1.3.6.1.4.1.99999.1', tag: TYPES.printable, value: 'a,b' }])).toBe(
      '1.3.6.1.4.1.99999.1=#1303612C62',
    );
    expect(subjectOf([{ oid: '1.2.3.4', value: 'a'.repeat(200) }])).toBe(`1.2.3.4=#0C81C8${'61'.repeat(200)}`);
  });

  it('has OpenSSL’s names for the usual others', () => {
    const text = subjectOf(
      [{ oid: '0.9.2342.19200300.100.1.25', tag: TYPES.ia5, value: 'com' }],
      [{ oid: '0.9.2342.19200300.100.1.1', value: 'u' }],
      [{ oid: '1.2.840.113549.1.9.1', tag: TYPES.ia5, value: 'x@y' }],
      [{ oid: '2.5.4.8', value: 'st' }],
      [{ oid: '2.5.4.7', value: 'l' }],
    );
    expect(text).toBe('L=l,ST=st,emailAddress=x@y,UID=u,DC=com');
  });

  it.each([
    ['UTF-8 that is none', TYPES.utf8, '41ff'],
    ['a cut BMPString', TYPES.bmp, '004120'],
    ['a surrogate', TYPES.bmp, 'd83dde00'],
    ['a NUL in a BMPString', TYPES.bmp, '00000041'],
    ['a character past U+10FFFF', TYPES.universal, '00110000'],
  ])('is refused with %s, as OpenSSL refuses the certificate', (_, tag, hex) => {
    expect(() => commonName(Buffer.from(hex, 'hex'), tag)).toThrow(DerError);
  });
});

describe('bytes that are no certificate', () => {
  const good = certificate({
    subject: distinguishedName([{ oid: OID.commonName, value: 'x' }]),
    names: [
      [SAN.uri, 'spiffe://td/ns/a/sa/b'],
      [SAN.dns, 'a.example.com'],
    ],
  });

  function outcome(bytes: Uint8Array): string {
    try {
      readCertificateNames(bytes);
      return 'read';
    } catch (error) {
      return (error as Error).name;
    }
  }

  it('are refused wherever a certificate is cut', () => {
    for (let length = 0; length < good.length; length++) expect(outcome(good.subarray(0, length))).toBe('DerError');
  });

  it('are refused when something stands behind the certificate', () => {
    expect(outcome(Buffer.concat([good, Buffer.of(5, 0)]))).toBe('DerError');
  });

  it('never cause another error, whatever is changed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = Buffer.from(good);
          for (const [at, octet] of changes) bytes[at] = octet;
          expect(['read', 'DerError']).toContain(outcome(bytes));
        },
      ),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(outcome(bytes)).toBe('DerError');
      }),
    );
  });
});
