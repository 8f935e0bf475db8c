/**
 * The names in an X.509 certificate (RFC 5280): subject alternative names and the subject.
 *
 * Read from the DER: Node's `subjectAltName` is an escaped text in which a name can imitate another.
 */
import { isUtf8 } from 'node:buffer';
import { DerError, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, encodingOf, readDer, readOid } from './der.ts';
import type { DerValue } from './der.ts';

export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** RFC 2253 text as Envoy writes it (`CN=x,O=y`); empty for an empty subject. */
  readonly subject: string;
}

const SUBJECT_ALT_NAME = '2.5.29.17';
const CONTEXT = 0x80;
const CONTEXT_CONSTRUCTED = 0xa0;
const DNS_NAME = CONTEXT | 2;
const URI = CONTEXT | 6;

/** Throws {@link DerError} for anything that is no certificate, and for names with a NUL byte (CVE-2025-66220). */
export function readCertificateNames(der: Uint8Array): CertificateNames {
  const certificate = only(readDer(der), SEQUENCE);
  const tbs = readDer(certificate)[0];
  if (tbs?.tag !== SEQUENCE) throw new DerError('no tbsCertificate');
  const fields = readDer(tbs.content);
  // version [0] is optional; then serial, signature, issuer, validity, subject, key, and optional tails.
  const first = fields[0]?.tag === CONTEXT_CONSTRUCTED ? 1 : 0;
  const subject = fields[first + 4];
  if (subject?.tag !== SEQUENCE) throw new DerError('no subject');
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const extensions = fields.find((field) => field.tag === (CONTEXT_CONSTRUCTED | 3));
  if (extensions !== undefined) {
    for (const extension of readDer(only(readDer(extensions.content), SEQUENCE))) {
      const parts = readDer(extension.content);
      if (parts[0]?.tag !== OBJECT_IDENTIFIER || readOid(parts[0].content) !== SUBJECT_ALT_NAME) continue;
      const value = parts[parts.length - 1]!;
      if (value.tag !== OCTET_STRING) throw new DerError('extension value');
      for (const name of readDer(only(readDer(value.content), SEQUENCE))) {
        if (name.tag === URI) uris.push(nameText(name.content));
        else if (name.tag === DNS_NAME) dnsNames.push(nameText(name.content));
      }
    }
  }
  return { uris, dnsNames, subject: distinguishedName(subject) };
}

function only(values: readonly DerValue[], tag: number): Uint8Array {
  const [value] = values;
  if (values.length !== 1 || value?.tag !== tag) throw new DerError('structure');
  return value.content;
}

function nameText(content: Uint8Array): string {
  if (content.includes(0)) throw new DerError('NUL byte in a name');
  return latin1(content);
}

function latin1(content: Uint8Array): string {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1');
}

/**
 * Short names of RFC 2253 §2.3 and those of the other attributes of X.520 that BoringSSL, which Envoy uses,
 * has a name for. Others are written as OIDs.
 */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.13', 'description'],
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.16', 'postalAddress'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.18', 'postOfficeBox'],
  ['2.5.4.20', 'telephoneNumber'],
  ['2.5.4.41', 'name'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.43', 'initials'],
  ['2.5.4.44', 'generationQualifier'],
  ['2.5.4.45', 'x500UniqueIdentifier'],
  ['2.5.4.46', 'dnQualifier'],
  ['2.5.4.65', 'pseudonym'],
  ['2.5.4.72', 'role'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.3', 'mail'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
  ['1.2.840.113549.1.9.2', 'unstructuredName'],
]);

/** Everything from the last to the first (RFC 2253 §2.1), within multi-valued names too, as OpenSSL has it. */
function distinguishedName(name: DerValue): string {
  const relative = readDer(name.content).map((rdn) => {
    if (rdn.tag !== SET) throw new DerError('relative name');
    return readDer(rdn.content).map(attributeText).reverse().join('+');
  });
  return relative.reverse().join(',');
}

function attributeText(attribute: DerValue): string {
  const [type, value] = readDer(attribute.content);
  if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) throw new DerError('name attribute');
  const oid = readOid(type.content);
  const name = SHORT_NAMES.get(oid);
  const text = name === undefined ? null : stringText(value);
  // RFC 2253 §2.4: what has no name or is no string is written as the hexadecimal digits of its encoding.
  return `${name ?? oid}=${text === null ? `#${encodingOf(value).toString('hex').toUpperCase()}` : escapeName(text)}`;
}

const UTF8_STRING = 0x0c;
/** NumericString, PrintableString, TeletexString and IA5String: one byte a character, read as latin1. */
const NARROW_STRINGS: ReadonlySet<number> = new Set([0x12, 0x13, 0x14, 0x16]);
const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;

/** The text of a string value as UTF-8 bytes; null when it is no string. */
function stringText({ tag, content }: DerValue): string | null {
  if (tag === UTF8_STRING) {
    if (!isUtf8(content)) throw new DerError('UTF8String');
    return nameText(content);
  }
  if (NARROW_STRINGS.has(tag)) return utf8Bytes(nameText(content));
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return tag === BMP_STRING ? wideText(bytes, 2) : tag === UNIVERSAL_STRING ? wideText(bytes, 4) : null;
}

function wideText(bytes: Buffer, width: 2 | 4): string {
  if (bytes.length % width !== 0) throw new DerError('cut character');
  let text = '';
  for (let i = 0; i < bytes.length; i += width) {
    const code = bytes.readUIntBE(i, width);
    if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new DerError('character');
    text += String.fromCodePoint(code);
  }
  return utf8Bytes(text);
}

function utf8Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** RFC 2253 §2.4, with bytes outside printable ASCII as `\XX`, as OpenSSL's RFC 2253 flags do. */
function escapeName(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const code = text.charCodeAt(i);
    const edge = (i === 0 && (char === ' ' || char === '#')) || (i === text.length - 1 && char === ' ');
    if (code < 0x20 || code > 0x7e) out += `\\${code.toString(16).toUpperCase().padStart(2, '0')}`;
    else out += edge || ',+"\\<>;'.includes(char) ? `\\${char}` : char;
  }
  return out;
}
