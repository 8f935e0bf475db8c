/**
 * From proof to principal: who is at the other end of the connection.
 */
import { LRUCache } from 'lru-cache';
import { NO_PEER } from '../attributes/peer-identity.ts';
import type { CertificateFacts, PeerIdentity } from '../attributes/peer-identity.ts';
import { decodeOnce } from '../attributes/path.ts';
import { readCertificate } from '../lib/x509/certificate.ts';
import { parseSpiffeId } from '../attributes/spiffe-id.ts';
import { ownCopy } from './own-copy.ts';

/** Certificates seen lately, by their exact text: a mesh has few peers and each has one certificate at a time. */
const MAX_CACHED_CERTIFICATES = 4096;
/** A chain of an Envoy peer is a few KiB; past this it is not read. */
const MAX_CERTIFICATE_LENGTH = 256 * 1024;

/** Characters of certificates that are kept: 8 KiB for each, so that long ones cannot take all memory. */
const MAX_CACHED_LENGTH = MAX_CACHED_CERTIFICATES * 8 * 1024;

const certificates = new LRUCache<string, PeerIdentity>({
  max: MAX_CACHED_CERTIFICATES,
  maxSize: MAX_CACHED_LENGTH,
  sizeCalculation: (_, text) => text.length,
});

/** Principals that came without a certificate. */
const principals = new LRUCache<string, PeerIdentity>({
  max: MAX_CACHED_CERTIFICATES,
  maxSize: MAX_CACHED_CERTIFICATES * 256,
  sizeCalculation: (_, text) => text.length,
});

/**
 * `certificate`: URL-encoded PEM as Envoy sends it (`include_peer_certificate`), or empty.
 * `principal`: `source.principal`, or empty.
 *
 * A certificate that cannot be read is no identity at all, whatever `principal` says: something is
 * wrong with it, and who cannot be read is nobody.
 */
export function identifyPeer(principal: string, certificate: string): PeerIdentity {
  if (certificate !== '') {
    if (certificate.length > MAX_CERTIFICATE_LENGTH) return NO_PEER;
    let identity = certificates.get(certificate);
    if (identity === undefined) {
      identity = identifyCertificate(certificate);
      // Part of a header with the certificates of other hops, maybe.
      certificates.set(ownCopy(certificate), identity);
    }
    return identity;
  }
  if (principal === '') return NO_PEER;
  let identity = principals.get(principal);
  if (identity === undefined) {
    const own = ownCopy(principal);
    identity = hasControlByte(own) ? NO_PEER : identityOf(uriLike(own) ? [own] : [], [own]);
    principals.set(own, identity);
  }
  return identity;
}

/** No URI, no DNS name and no subject as Envoy writes it has one: who shows it wants to be misread. */
export function hasControlByte(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function identifyCertificate(urlEncodedPem: string): PeerIdentity {
  const der = decodePem(urlEncodedPem);
  if (der === null) return NO_PEER;
  try {
    const certificate = readCertificate(der);
    const { uris, dnsNames, subject } = certificate;
    // The hash stands for all that is in the certificate.
    const identity = identityOf(uris, [...uris, ...dnsNames, subject], { ...certificate, key: certificate.sha256 });
    return { ...identity, key: shortKey(identity.key) };
  } catch {
    return NO_PEER;
  }
}

/** Numbers of identities seen lately. One that has left and comes again gets another: no number is used twice. */
const numbers = new LRUCache<string, string>({
  max: 4 * MAX_CACHED_CERTIFICATES,
  maxSize: MAX_CACHED_LENGTH,
  sizeCalculation: (_, key) => key.length,
});
let lastNumber = 0;

/** Names of a certificate are hundreds of bytes, and part of each key of the decision cache. */
function shortKey(key: string): string {
  let short = numbers.get(key);
  if (short === undefined) {
    short = `#${++lastNumber}`;
    numbers.set(key, short);
  }
  return short;
}

/** The first certificate of the text is the peer's own; what follows is its chain. */
function decodePem(urlEncodedPem: string): Uint8Array | null {
  const pem = decodeOnce(urlEncodedPem);
  const match =
    pem === null ? null : /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem);
  return match === null ? null : Buffer.from(match[1]!, 'base64');
}

/** Without the certificate the kind of a name can only be told by its look: a DNS name or subject has no scheme. */
function uriLike(principal: string): boolean {
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(principal);
}

export function identityOf(
  uris: readonly string[],
  allNames: readonly string[],
  certificate: CertificateFacts | null = null,
): PeerIdentity {
  const names = allNames.filter((name) => name !== '');
  const spiffeIds = uris.map(parseSpiffeId).filter((id) => id !== null);
  return {
    names,
    uris,
    spiffeIds,
    spiffeId: uris.length === 1 ? (spiffeIds[0] ?? null) : null,
    certificate,
    key: keyOf(uris) + keyOf(names),
  };
}

/** Different lists have different keys. */
export function keyOf(texts: readonly string[]): string {
  return `${texts.length};${texts.map((text) => `${text.length}:${text}`).join('')}`;
}
