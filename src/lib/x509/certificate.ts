/**
 * What an X.509 certificate (RFC 5280 §4.1) says of itself: names, serial, issuer, validity, and its SHA-256.
 *
 * Read from the DER: Node's `subjectAltName` is an escaped text in which a name can imitate another.
 */
import { createHash } from 'node:crypto';
import { SocketAddress } from 'node:net';
import { DerError, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, readDer, readOid } from './der.ts';
import type { DerValue } from './der.ts';
import { distinguishedName, latin1 } from './distinguished-name.ts';

/** All texts are byte strings. */
export interface Certificate {
  /** Of the whole DER; 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Two lower-case hexadecimal digits a byte, as big-endian number without leading zero bytes. */
  readonly serial: string;
  /** RFC 4514 text as Envoy writes it (`CN=x,O=y`); empty for an empty name. */
  readonly issuer: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Subject alternative names by type, each in their order. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  /** Dotted or, for IPv6, as RFC 5952 writes it. */
  readonly ipAddresses: readonly string[];
}

const SUBJECT_ALT_NAME = '2.5.29.17';
const CONTEXT = 0x80;
const CONTEXT_CONSTRUCTED = 0xa0;
const EMAIL = CONTEXT | 1;
const DNS_NAME = CONTEXT | 2;
const URI = CONTEXT | 6;
const IP_ADDRESS = CONTEXT | 7;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/** The signature is not looked at: whoever terminated TLS has. Throws {@link DerError} for anything that is no certificate. */
export function readCertificate(der: Uint8Array): Certificate {
  const tbs = readDer(only(readDer(der), SEQUENCE))[0];
  if (tbs?.tag !== SEQUENCE) throw new DerError('no tbsCertificate');
  const fields = readDer(tbs.content);
  // version [0] is optional; then serial, signature, issuer, validity, subject, key, and optional tails.
  const first = fields[0]?.tag === CONTEXT_CONSTRUCTED ? 1 : 0;
  const [serial, , issuer, validity, subject] = fields.slice(first);
  if (serial?.tag !== INTEGER) throw new DerError('no serial');
  if (issuer?.tag !== SEQUENCE) throw new DerError('no issuer');
  if (validity?.tag !== SEQUENCE) throw new DerError('no validity');
  if (subject?.tag !== SEQUENCE) throw new DerError('no subject');
  const times = readDer(validity.content);
  if (times.length !== 2) throw new DerError('validity');
  return {
    sha256: createHash('sha256').update(der).digest('hex'),
    serial: serialText(serial.content),
    issuer: distinguishedName(issuer),
    subject: distinguishedName(subject),
    notBeforeMs: timeMs(times[0]!),
    notAfterMs: timeMs(times[1]!),
    ...alternativeNames(fields),
  };
}

function alternativeNames(
  fields: readonly DerValue[],
): Pick<Certificate, 'uris' | 'dnsNames' | 'emails' | 'ipAddresses'> {
  const names = { uris: [] as string[], dnsNames: [] as string[], emails: [] as string[], ipAddresses: [] as string[] };
  const extensions = fields.find((field) => field.tag === (CONTEXT_CONSTRUCTED | 3));
  if (extensions === undefined) return names;
  for (const extension of readDer(only(readDer(extensions.content), SEQUENCE))) {
    const parts = readDer(extension.content);
    if (parts[0]?.tag !== OBJECT_IDENTIFIER || readOid(parts[0].content) !== SUBJECT_ALT_NAME) continue;
    const value = parts[parts.length - 1]!;
    if (value.tag !== OCTET_STRING) throw new DerError('extension value');
    for (const { tag, content } of readDer(only(readDer(value.content), SEQUENCE))) {
      if (tag === URI) names.uris.push(sanText(content));
      else if (tag === DNS_NAME) names.dnsNames.push(sanText(content));
      else if (tag === EMAIL) names.emails.push(sanText(content));
      else if (tag === IP_ADDRESS) names.ipAddresses.push(addressText(content));
    }
  }
  return names;
}

/**
 * A subject alternative name that is text. RFC 5280 §4.2.1.6 has IA5String; bytes past 0x7f are kept, and match no
 * SPIFFE ID. A name with a control byte, NUL first of all (CVE-2025-66220), is read differently by different
 * programs: throws {@link DerError}, and the whole certificate is nobody's.
 */
function sanText(content: Uint8Array): string {
  for (const byte of content) if (byte < 0x20 || byte === 0x7f) throw new DerError('control byte in a name');
  return latin1(content);
}

function only(values: readonly DerValue[], tag: number): Uint8Array {
  const [value] = values;
  if (values.length !== 1 || value?.tag !== tag) throw new DerError('structure');
  return value.content;
}

/** RFC 5280 §4.1.2.2: a positive integer. The sign byte of the encoding is no part of the number. */
function serialText(content: Uint8Array): string {
  if (content.length === 0 || content[0]! >= 0x80) throw new DerError('serial');
  let from = 0;
  while (from < content.length - 1 && content[from] === 0) from++;
  return Buffer.from(content.subarray(from)).toString('hex');
}

/** RFC 5280 §4.1.2.5: both forms with seconds and `Z`, nothing else; two digits from 50 on are of the last century. */
function timeMs({ tag, content }: DerValue): number {
  const text = latin1(content);
  const match =
    tag === UTC_TIME
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
      : tag === GENERALIZED_TIME
        ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
        : null;
  if (match === null) throw new DerError('time');
  const [, years, ...rest] = match;
  const year = years!.length === 4 ? years! : `${Number(years) >= 50 ? '19' : '20'}${years!}`;
  const [month, day, hour, minute, second] = rest;
  const iso = `${year}-${month!}-${day!}T${hour!}:${minute!}:${second!}.000Z`;
  const ms = Date.parse(iso);
  // The parser rolls a 31 February over to March.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw new DerError('time');
  return ms;
}

function addressText(content: Uint8Array): string {
  if (content.length === 4) return content.join('.');
  if (content.length !== 16) throw new DerError('IP address');
  const groups = Array.from({ length: 8 }, (_, i) => ((content[2 * i]! << 8) | content[2 * i + 1]!).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
