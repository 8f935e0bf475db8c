/**
 * Which verified clients may call: patterns over the names in their certificates, as lib/x509/san-pattern.ts
 * matches them, with what an identity must be before any pattern sees it.
 */
import { DerError } from '../../lib/x509/der.ts';
import { readCertificateNames } from '../../lib/x509/names.ts';
import type { CertificateNames } from '../../lib/x509/names.ts';
import { matchesSan } from '../../lib/x509/san-pattern.ts';
import type { San } from '../../lib/x509/san-pattern.ts';
import { ListenError } from '../transport.ts';

/** Whether the owner of this certificate (DER, already verified) may call. */
export type AllowList = (certificate: Uint8Array) => boolean;

/** An empty list lets every verified client in. Throws {@link ListenError} for a pattern that is none. */
export function compileAllowList(patterns: readonly string[]): AllowList {
  for (const pattern of patterns) {
    if (!DNS_PATTERN.test(pattern) && !URI_PATTERN.test(pattern)) {
      throw new ListenError('bad-allowed-client', `\`${pattern}\` is no pattern of allowed clients`);
    }
  }
  if (patterns.length === 0) return () => true;
  return (certificate) => {
    const identities = readIdentities(certificate);
    return patterns.some((pattern) => identities.some((san) => matchesSan(pattern, san)));
  };
}

const DNS_PATTERN = /^dns:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i;
/** A `*` at the end is any rest of the path. In the authority it would be any rest of a trust domain's name. */
const URI_PATTERN = /^[a-z][a-z0-9+.-]*:\/\/[\x21-\x29\x2b-\x2e\x30-\x7e]+(?:\/[\x21-\x29\x2b-\x7e]*\*?)?$/i;

/** None when the names cannot be read, a NUL byte (CVE-2009-2408) included: such a certificate is on no list. */
function readIdentities(certificate: Uint8Array): San[] {
  let names: CertificateNames;
  try {
    names = readCertificateNames(certificate);
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
  const identities: San[] = [];
  // An X.509-SVID has exactly one URI (X509-SVID §2): of several, none is more right than another.
  const [uri] = names.uris;
  if (names.uris.length === 1 && isIdentityUri(uri!)) identities.push({ kind: 'uri', value: uri! });
  for (const name of names.dnsNames) {
    // A wildcard name says which servers a certificate is for; as a client's name it is nobody's.
    if (DNS_NAME.test(name)) identities.push({ kind: 'dns', value: name });
  }
  return identities;
}

const DNS_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i;
/** SPIFFE-ID §2.1 and §2.2. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)*$/;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;

/** A SPIFFE ID is a strict one: `spiffe://td/ns/shop/../admin` must not pass for one in `spiffe://td/ns/shop/*`. */
function isIdentityUri(uri: string): boolean {
  if (!/^spiffe:/i.test(uri)) return true;
  return SPIFFE_ID.test(uri) && !DOT_SEGMENT.test(uri.slice('spiffe://'.length));
}
