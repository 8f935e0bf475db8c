/**
 * The names in an X.509 certificate (RFC 5280): subject alternative names and the subject.
 *
 * Read from the DER: Node's `subjectAltName` is an escaped text in which a name can imitate another.
 */
import { DerError, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, readDer, readOid } from './der.ts';
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

/** Short names of RFC 2253 §2.3 and those that OpenSSL, which Envoy uses, adds. Others are written as OIDs. */
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
  ['2.5.4.42', 'GN'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
]);

/** Last relative name first, multi-valued ones joined by `+` (RFC 2253 §2.1 and §2.2). */
function distinguishedName(name: DerValue): string {
  const relative: string[] = [];
  for (const rdn of readDer(name.content)) {
    if (rdn.tag !== SET) throw new DerError('relative name');
    const attributes = readDer(rdn.content).map((attribute) => {
      const [type, value] = readDer(attribute.content);
      if (type?.tag !== OBJECT_IDENTIFIER || value === undefined) throw new DerError('name attribute');
      const oid = readOid(type.content);
      return `${SHORT_NAMES.get(oid) ?? oid}=${escapeName(attributeText(value))}`;
    });
    relative.unshift(attributes.join('+'));
  }
  return relative.join(',');
}

const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;

function attributeText(value: DerValue): string {
  const width = value.tag === BMP_STRING ? 2 : value.tag === UNIVERSAL_STRING ? 4 : 1;
  if (width === 1) return nameText(value.content);
  let out = '';
  for (let i = 0; i + width <= value.content.length; i += width) {
    let code = 0;
    for (let j = 0; j < width; j++) code = code * 256 + value.content[i + j]!;
    if (code === 0 || code > 0x10ffff) throw new DerError('character');
    out += Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
  }
  return out;
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
