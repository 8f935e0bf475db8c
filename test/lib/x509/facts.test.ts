import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { X509Certificate, createHash } from 'node:crypto';
import { readCertificate } from '../../../src/lib/x509/certificate.ts';
import { DerError } from '../../../src/lib/x509/der.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { tagged, utcTime } from '../../e2e/support/der.ts';
import { PARAMETERS, named } from '../../property/runs.ts';
import { OID, SAN, certificate, distinguishedName } from './certificate.ts';

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const time = (tag: number, text: string): Buffer => tagged(tag, Buffer.from(text, 'latin1'));

const notAfterOf = (last: Buffer): string => {
  const { notAfterMs } = readCertificate(certificate({ validity: [utcTime(new Date('2026-01-01')), last] }));
  return new Date(notAfterMs).toISOString();
};
const serialOf = (...bytes: readonly number[]): string =>
  readCertificate(certificate({ serial: Buffer.from(bytes) })).serial;
const addressesOf = (...addresses: readonly Buffer[]): readonly string[] =>
  readCertificate(certificate({ names: addresses.map((bytes) => [SAN.ip, bytes] as const) })).ipAddresses;

describe('the facts of a certificate', () => {
  it('are all that it says', () => {
    const der = certificate({
      serial: Buffer.of(0x00, 0xc0, 0xff, 0xee),
      issuer: distinguishedName(
        [{ oid: OID.organization, value: 'Acme, Inc.' }],
        [{ oid: OID.commonName, value: 'root "1"' }],
      ),
      subject: distinguishedName([{ oid: OID.commonName, value: 'caf\u00e9' }]),
      names: [
        [SAN.dns, 'a.example.com'],
        [SAN.uri, 'spiffe://td/ns/a/sa/b'],
        [SAN.email, 'x@example.com'],
        [SAN.ip, Buffer.of(10, 0, 0, 1)],
        [SAN.directory, distinguishedName([{ oid: OID.commonName, value: 'other' }])],
        [SAN.ip, Buffer.from('20010db8000000000000000000000001', 'hex')],
        [SAN.email, 'y@example.com'],
      ],
    });
    expect(readCertificate(der)).toEqual({
      sha256: createHash('sha256').update(der).digest('hex'),
      serial: 'c0ffee',
      issuer: 'CN=root \\"1\\",O=Acme\\, Inc.',
      subject: 'CN=caf\\C3\\A9',
      notBeforeMs: Date.parse('2026-01-01'),
      notAfterMs: Date.parse('2036-01-01'),
      uris: ['spiffe://td/ns/a/sa/b'],
      dnsNames: ['a.example.com'],
      emails: ['x@example.com', 'y@example.com'],
      ipAddresses: ['10.0.0.1', '2001:db8::1'],
    });
  });

  it('are those that Node reads from a signed one', () => {
    const issued = createAuthority('root, of "tests"').issue({ commonName: 'web', addresses: ['127.0.0.1'] });
    const node = new X509Certificate(issued.certificate);
    const facts = readCertificate(node.raw);
    expect({ ...facts, serial: facts.serial.toUpperCase() }).toMatchObject({
      sha256: node.fingerprint256.replaceAll(':', '').toLowerCase(),
      serial: node.serialNumber,
      issuer: 'CN=root\\, of \\"tests\\"',
      subject: 'CN=web',
      notBeforeMs: node.validFromDate.getTime(),
      notAfterMs: node.validToDate.getTime(),
      ipAddresses: ['127.0.0.1'],
    });
  });
});

describe('a serial', () => {
  it('is its number in hexadecimal digits, two a byte', () => {
    expect([serialOf(0), serialOf(7), serialOf(0, 0x80), serialOf(1, 0), serialOf(...Buffer.alloc(20, 0x7f))]).toEqual([
      '00',
      '07',
      '80',
      '0100',
      '7f'.repeat(20),
    ]);
  });

  it('is neither empty nor negative', () => {
    expect(() => serialOf()).toThrow(DerError);
    expect(() => serialOf(0x80)).toThrow(DerError);
    expect(() => serialOf(0xff, 0)).toThrow(DerError);
  });
});

describe('a time', () => {
  it.each([
    [UTC_TIME, '300102030405Z', '2030-01-02T03:04:05.000Z'],
    [UTC_TIME, '491231235959Z', '2049-12-31T23:59:59.000Z'],
    [UTC_TIME, '500101000000Z', '1950-01-01T00:00:00.000Z'],
    [UTC_TIME, '280229000000Z', '2028-02-29T00:00:00.000Z'],
    [GENERALIZED_TIME, '20500101000000Z', '2050-01-01T00:00:00.000Z'],
    [GENERALIZED_TIME, '99991231235959Z', '9999-12-31T23:59:59.000Z'],
  ])('%i %s is %s', (tag, text, expected) => {
    expect(notAfterOf(time(tag, text))).toBe(expected);
  });

  it.each([
    [UTC_TIME, ''],
    [UTC_TIME, '3001020304Z'],
    [UTC_TIME, '300102030405'],
    [UTC_TIME, '300102030405+0100'],
    [UTC_TIME, '300102030405Z\0'],
    [UTC_TIME, '20300102030405Z'],
    [UTC_TIME, '270229000000Z'],
    [UTC_TIME, '301301000000Z'],
    [UTC_TIME, '300100000000Z'],
    [UTC_TIME, '300101240000Z'],
    [UTC_TIME, '300101006000Z'],
    [UTC_TIME, '300101000060Z'],
    [GENERALIZED_TIME, '300102030405Z'],
    [GENERALIZED_TIME, '20300102030405.5Z'],
    [GENERALIZED_TIME, '+2030102030405Z'],
    [0x0c, '300102030405Z'],
  ])('%i %j is none', (tag, text) => {
    expect(() => notAfterOf(time(tag, text))).toThrow(DerError);
  });

  it('does not stand alone, nor with a third', () => {
    const one = utcTime(new Date('2030-01-01'));
    for (const validity of [[], [one], [one, one, one]])
      expect(() => readCertificate(certificate({ validity }))).toThrow(DerError);
    expect(readCertificate(certificate({ validity: [one, one] })).notBeforeMs).toBe(Date.parse('2030-01-01'));
  });

  it(named('is read as it was written'), () => {
    const ms = fc.integer({ min: Date.parse('1950-01-01') / 1000, max: Date.parse('2049-12-31') / 1000 });
    fc.assert(
      fc.property(ms, (seconds) => {
        const date = new Date(seconds * 1000);
        const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
        expect(notAfterOf(time(UTC_TIME, `${digits.slice(2)}Z`))).toBe(date.toISOString());
        expect(notAfterOf(time(GENERALIZED_TIME, `${digits}Z`))).toBe(date.toISOString());
      }),
      PARAMETERS,
    );
  });
});

describe('an address', () => {
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['fe800000000000000000000000000abc', 'fe80::abc'],
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
  ])('%s is %s', (hex, expected) => {
    expect(addressesOf(Buffer.from(hex, 'hex'))).toEqual([expected]);
  });

  it('has four bytes or sixteen', () => {
    for (const length of [0, 3, 5, 8, 15, 17, 32]) expect(() => addressesOf(Buffer.alloc(length))).toThrow(DerError);
    expect(addressesOf(Buffer.of(255, 0, 1, 2), Buffer.of(10, 0, 0, 1))).toEqual(['255.0.1.2', '10.0.0.1']);
  });
});

describe('a name with a control byte', () => {
  it.each([0x00, 0x01, 0x09, 0x0a, 0x0d, 0x1f, 0x7f])('%i makes the certificate nobody’s', (byte) => {
    for (const tag of [SAN.uri, SAN.dns, SAN.email])
      for (const at of [0, 1, 2]) {
        const name = Buffer.from('ab');
        const bytes = Buffer.concat([name.subarray(0, at), Buffer.of(byte), name.subarray(at)]);
        expect(() => readCertificate(certificate({ names: [[tag, bytes]] }))).toThrow(DerError);
      }
  });
});

describe('any bytes', () => {
  const whole = certificate({
    subject: distinguishedName([{ oid: OID.commonName, value: 'x' }]),
    names: [
      [SAN.uri, 'spiffe://td/x'],
      [SAN.email, 'x@example.com'],
      [SAN.ip, Buffer.of(10, 0, 0, 1)],
    ],
  });

  it(named('are a certificate or a DerError, never another error'), () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      }),
      fc.nat(whole.length).map((length) => whole.subarray(0, length)),
    );
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          const facts = readCertificate(bytes);
          expect(facts.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
        }
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 30 },
    );
  });
});
