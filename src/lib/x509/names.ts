/** The names in an X.509 certificate (RFC 5280) by which its holder is known. */
import { readCertificate } from './certificate.ts';

export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** RFC 4514 text as Envoy writes it (`CN=x,O=y`); empty for an empty subject. */
  readonly subject: string;
}

/** Throws DerError for anything that is no certificate, and for names with control bytes (CVE-2025-66220). */
export function readCertificateNames(der: Uint8Array): CertificateNames {
  const { uris, dnsNames, subject } = readCertificate(der);
  return { uris, dnsNames, subject };
}
