/**
 * The certificate, key and CA files of a listener: read together, checked together, used together or not at all.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import type { TlsOptions } from '../transport.ts';

export interface TlsCredentials {
  /** Complete: `setSecureContext` keeps nothing of what was set before. */
  readonly context: SecureContextOptions;
  /** End of the served certificate's validity, in `Date.now()` milliseconds. */
  readonly expiresMs: number;
}

/** What is wrong with the files; the message names the file and holds nothing of its content. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/**
 * RFC 9113 §9.2.2 forbids HTTP/2 over ciphers without forward secrecy or authenticated encryption. These are what is
 * left of TLS 1.2, and what Envoy offers by default; TLS 1.3 has no others.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const PEM_BEGIN = '-----BEGIN CERTIFICATE-----';
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** Throws {@link CredentialsError}. A certificate that has expired is refused: no client would take it. */
export async function readCredentials(options: TlsOptions, nowMs: number): Promise<TlsCredentials> {
  const [certificate, key, clientCa] = await Promise.all([
    read(options.certFile),
    read(options.keyFile),
    options.clientCaFile === null ? null : read(options.clientCaFile),
  ]);
  const [leaf] = parseCertificates(certificate, options.certFile);
  const privateKey = parseKey(key, options.keyFile);
  if (!leaf!.checkPrivateKey(privateKey)) {
    throw new CredentialsError(`\`${options.keyFile}\` is not the key of \`${options.certFile}\``);
  }
  const expiresMs = leaf!.validToDate.getTime();
  if (expiresMs <= nowMs) {
    throw new CredentialsError(`\`${options.certFile}\` expired on ${leaf!.validToDate.toISOString()}`);
  }
  const context: SecureContextOptions = { cert: certificate, key, ciphers: CIPHERS, minVersion: 'TLSv1.2' };
  if (clientCa !== null) {
    // INVARIANT: `ca` holds a certificate. With none, Node would trust every public authority instead.
    parseCertificates(clientCa, options.clientCaFile!);
    context.ca = clientCa;
  }
  try {
    createSecureContext(context);
  } catch (error) {
    throw new CredentialsError(`\`${options.certFile}\` cannot be used: ${(error as Error).message}`, { cause: error });
  }
  return { context, expiresMs };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    throw new CredentialsError(`cannot read \`${file}\`: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, {
      cause: error,
    });
  }
}

/** One or more, every one whole: a file cut off while it is written must not pass for a shorter one. */
function parseCertificates(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split(PEM_BEGIN).length - 1) {
    throw new CredentialsError(`\`${file}\` holds no whole PEM certificate`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new CredentialsError(`\`${file}\` holds a certificate that cannot be read`, { cause: error });
  }
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new CredentialsError(`\`${file}\` holds no private key that can be used without a passphrase`, {
      cause: error,
    });
  }
}
