/** Certificates as DER, unsigned: names that no library would write. */
import { generateKeyPairSync } from 'node:crypto';
import {
  bitString,
  boolean,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  utcTime,
} from '../../e2e/support/der.ts';

/** Universal string types (X.680). */
export const TYPES = { utf8: 0x0c, printable: 0x13, teletex: 0x14, ia5: 0x16, universal: 0x1c, bmp: 0x1e } as const;

export const OID = { commonName: '2.5.4.3', organization: '2.5.4.10', unit: '2.5.4.11', country: '2.5.4.6' } as const;

export interface NameAttribute {
  readonly oid: string;
  /** Tag of the value; UTF8String when absent. */
  readonly tag?: number;
  readonly value: string | Buffer;
}

/** A distinguished name: each inner list is one relative name. */
export function distinguishedName(...relative: readonly (readonly NameAttribute[])[]): Buffer {
  return sequence(
    ...relative.map((attributes) =>
      set(
        ...attributes.map(({ oid, tag, value }) =>
          sequence(objectIdentifier(oid), tagged(tag ?? TYPES.utf8, Buffer.from(value as string))),
        ),
      ),
    ),
  );
}

/** Context tags of GeneralName (RFC 5280 §4.2.1.6). */
export const SAN = { email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const;

export interface CertificateOptions {
  readonly subject?: Buffer;
  /** `CN=issuer` when absent. */
  readonly issuer?: Buffer;
  /** Content of the INTEGER; 7 when absent. */
  readonly serial?: Buffer;
  /** Whole elements; 2026 to 2036 when absent. */
  readonly validity?: readonly Buffer[];
  /** In the order of the certificate; text is latin1. */
  readonly names?: readonly (readonly [tag: number, value: string | Buffer])[];
  readonly criticalNames?: boolean;
  /** Extensions besides the names. */
  readonly otherExtensions?: readonly Buffer[];
  /** A version 1 certificate has no version field and no extensions. */
  readonly version1?: boolean;
}

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KEY = publicKey.export({ type: 'spki', format: 'der' });
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

export function extension(oid: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

export function subjectAltName(names: NonNullable<CertificateOptions['names']>): Buffer {
  return sequence(...names.map(([tag, value]) => tagged(tag, Buffer.from(value as string, 'latin1'))));
}

export function certificate(options: CertificateOptions): Buffer {
  const { subject = sequence(), names, criticalNames = false, otherExtensions = [], version1 = false } = options;
  const { serial = Buffer.of(7), validity = [utcTime(new Date('2026-01-01')), utcTime(new Date('2036-01-01'))] } =
    options;
  const extensions = [
    ...otherExtensions,
    ...(names === undefined ? [] : [extension('2.5.29.17', subjectAltName(names), criticalNames)]),
  ];
  const body = sequence(
    ...(version1 ? [] : [explicit(0, integer(Buffer.of(2)))]),
    tagged(0x02, serial),
    ECDSA_WITH_SHA256,
    options.issuer ?? distinguishedName([{ oid: OID.commonName, value: 'issuer' }]),
    sequence(...validity),
    subject,
    KEY,
    ...(version1 || extensions.length === 0 ? [] : [explicit(3, sequence(...extensions))]),
  );
  return sequence(body, ECDSA_WITH_SHA256, bitString(Buffer.alloc(8)));
}

/** As Envoy writes it into a CheckRequest. */
export function urlEncodedPem(...certificates: readonly Buffer[]): string {
  const pem = certificates
    .map((der) => {
      const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
  return pem.replace(/[\n +/=]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
