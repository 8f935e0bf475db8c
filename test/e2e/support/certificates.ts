import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utcTime,
  utf8String,
} from './der.ts';

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface LeafOptions {
  /** URI subject alternative names, in this order. */
  readonly uris?: readonly string[];
  /** DNS subject alternative names, after the URIs. */
  readonly dnsNames?: readonly string[];
  /** IPv4 subject alternative names. */
  readonly addresses?: readonly string[];
  /** Subject `CN=…`; absent: an empty subject, as SPIFFE certificates have. */
  readonly commonName?: string;
}

export interface Authority {
  /** The authority's own certificate, PEM: what others trust. */
  readonly certificate: string;
  issue(options: LeafOptions): Certificate;
}

const ONE_DAY_MS = 86_400_000;

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** A new root, as each trust domain has its own. P-256 throughout: its keys take under a millisecond. */
export function createAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = build({
    issuer: nameOf(commonName),
    issuerKey: keys.privateKey,
    subject: nameOf(commonName),
    subjectKey: keys.publicKey,
    extensions: [
      extension(OID.basicConstraints, true, sequence(boolean(true))),
      // keyCertSign: bit 5.
      extension(OID.keyUsage, true, bitString(Buffer.of(0x04), 2)),
    ],
  });
  return {
    certificate,
    issue: (options) => issueLeaf(nameOf(commonName), keys.privateKey, options),
  };
}

/** A SPIFFE leaf of the usual Istio shape: `spiffe://trustDomain/ns/namespace/sa/account`. */
export function spiffeId(trustDomain: string, namespace: string, account: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
}

function issueLeaf(issuer: Buffer, issuerKey: KeyObject, options: LeafOptions): Certificate {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = [
    // GeneralName (RFC 5280, section 4.2.1.6): dNSName [2], uniformResourceIdentifier [6], iPAddress [7].
    ...(options.uris ?? []).map((uri) => implicit(6, Buffer.from(uri, 'latin1'))),
    ...(options.dnsNames ?? []).map((name) => implicit(2, Buffer.from(name, 'latin1'))),
    ...(options.addresses ?? []).map((address) => implicit(7, Buffer.from(address.split('.').map(Number)))),
  ];
  const certificate = build({
    issuer,
    issuerKey,
    subject: options.commonName === undefined ? sequence() : nameOf(options.commonName),
    subjectKey: keys.publicKey,
    extensions: [
      // digitalSignature: bit 0.
      extension(OID.keyUsage, true, bitString(Buffer.of(0x80), 7)),
      extension(
        OID.extendedKeyUsage,
        false,
        sequence(objectIdentifier(OID.serverAuth), objectIdentifier(OID.clientAuth)),
      ),
      ...(names.length === 0
        ? []
        : // "If the subject field contains an empty sequence, the subjectAltName extension MUST be marked
          // as critical" (RFC 5280, section 4.2.1.6).
          [extension(OID.subjectAltName, options.commonName === undefined, sequence(...names))]),
    ],
  });
  return { certificate, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

interface CertificateParts {
  readonly issuer: Buffer;
  readonly issuerKey: KeyObject;
  readonly subject: Buffer;
  readonly subjectKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** `Certificate` of RFC 5280, section 4.1, signed with ECDSA and SHA-256. */
function build(parts: CertificateParts): string {
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const nowMs = Date.now();
  const body = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(0x01), randomBytes(15)])),
    algorithm,
    parts.issuer,
    // From yesterday: the tests' machine and Envoy read one clock, but a certificate made in this very
    // second must not be "not yet valid".
    sequence(utcTime(new Date(nowMs - ONE_DAY_MS)), utcTime(new Date(nowMs + ONE_DAY_MS))),
    parts.subject,
    parts.subjectKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...parts.extensions)),
  );
  const signature = sign('sha256', body, parts.issuerKey);
  const der = sequence(body, algorithm, bitString(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return critical
    ? sequence(objectIdentifier(oid), boolean(true), octetString(value))
    : sequence(objectIdentifier(oid), octetString(value));
}
