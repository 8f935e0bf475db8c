/** Distinguished names (RFC 5280 §4.1.2.4) as text. */
import { isUtf8 } from 'node:buffer';
import { DerError, OBJECT_IDENTIFIER, SET, encodingOf, readDer, readOid } from './der.ts';
import type { DerValue } from './der.ts';

function nameText(content: Uint8Array): string {
  if (content.includes(0)) throw new DerError('NUL byte in a name');
  return latin1(content);
}

export function latin1(content: Uint8Array): string {
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

/** RFC 4514 text: everything from the last to the first (§2.1), within multi-valued names too, as OpenSSL has it. */
export function distinguishedName(name: DerValue): string {
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
