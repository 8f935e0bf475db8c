/**
 * The certificate of a caller with several names, as much of it as says them: what Envoy passes on was
 * verified before, so nobody here looks at keys and signatures, and this one has none.
 */
import { BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, encodingOf } from '../../lib/x509/der.ts';

const BIT_STRING = 0x03;
const UTC_TIME = 0x17;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** GeneralName.uniformResourceIdentifier (RFC 5280 §4.2.1.6). */
const URI_NAME = 0x86;
/** X.509 version 3, the one with extensions. */
const V3 = 2;
/** 2.5.29.17, subjectAltName. */
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];
/** 1.3.101.112, Ed25519: the shortest there is. */
const ED25519 = [0x2b, 0x65, 0x70];

/** URL-encoded PEM with these URI SANs and an empty subject, as Envoy's `include_peer_certificate` sends it. */
export function certificateOf(uris: readonly string[]): string {
  const names = sequence(...uris.map((uri) => der(URI_NAME, Buffer.from(uri, 'utf8'))));
  const subjectAltName = sequence(
    der(OBJECT_IDENTIFIER, SUBJECT_ALT_NAME),
    // Critical, as RFC 5280 §4.1.2.6 wants it beside an empty subject.
    der(BOOLEAN, [0xff]),
    der(OCTET_STRING, names),
  );
  const algorithm = sequence(der(OBJECT_IDENTIFIER, ED25519));
  const noKey = der(BIT_STRING, [0]);
  const emptyName = sequence();
  const toBeSigned = sequence(
    der(VERSION, der(INTEGER, [V3])),
    der(INTEGER, [1]),
    algorithm,
    emptyName,
    sequence(der(UTC_TIME, Buffer.from('000101000000Z')), der(UTC_TIME, Buffer.from('491231235959Z'))),
    emptyName,
    sequence(algorithm, noKey),
    der(EXTENSIONS, sequence(subjectAltName)),
  );
  const base64 = sequence(toBeSigned, algorithm, noKey).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return encodeURIComponent(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(SEQUENCE, Buffer.concat(parts));
}

function der(tag: number, content: Uint8Array | readonly number[]): Buffer {
  return encodingOf({ tag, content: Uint8Array.from(content) });
}
