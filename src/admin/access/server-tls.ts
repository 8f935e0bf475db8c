/** TLS of the admin server: certificates from files that are looked at again, and which clients may ask. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fileSignature } from './file-signature.ts';

export interface ServerTlsSettings {
  readonly certFile: string;
  readonly keyFile: string;
  /** null: clients show no certificate. */
  readonly clientCaFile: string | null;
}

export interface ServerTlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly minVersion: 'TLSv1.2';
}

/** Certificates of SPIRE live for an hour, and are renewed at half of that. */
const LOOK_MS = 10_000;

/** The files cannot be used: for the operator. */
export class UnusableCertificates extends Error {
  override readonly name = 'UnusableCertificates';
}

export class ServerTls {
  readonly #settings: ServerTlsSettings;
  readonly #mayAsk: (certificate: Uint8Array) => boolean;
  readonly #onProblem: (problem: string) => void;
  readonly options: ServerTlsOptions;
  #signature: string;
  #problem = '';
  #timer: NodeJS.Timeout | undefined;

  /**
   * `mayAsk`: whether the owner of a verified certificate (DER) may. `onProblem`: files have changed and cannot be used; those
   * before stay.
   *
   * @throws {@link UnusableCertificates}
   */
  constructor(
    settings: ServerTlsSettings,
    mayAsk: (certificate: Uint8Array) => boolean,
    onProblem: (problem: string) => void,
  ) {
    this.#settings = settings;
    this.#mayAsk = mayAsk;
    this.#onProblem = onProblem;
    this.#signature = signatureOf(settings);
    this.options = read(settings);
  }

  /** Hands over each good change until {@link stop}. */
  follow(use: (options: ServerTlsOptions) => void): void {
    this.#timer = setInterval(() => this.#look(use), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** `certificate` is verified already; undefined: none was shown. */
  admits(certificate: Uint8Array | undefined): boolean {
    if (this.#settings.clientCaFile === null) return true;
    return certificate !== undefined && this.#mayAsk(certificate);
  }

  #look(use: (options: ServerTlsOptions) => void): void {
    const signature = signatureOf(this.#settings);
    if (signature === this.#signature) return;
    try {
      use(read(this.#settings));
      this.#signature = signature;
      this.#problem = '';
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (problem !== this.#problem) this.#onProblem(problem);
      this.#problem = problem;
    }
  }
}

function read({ certFile, keyFile, clientCaFile }: ServerTlsSettings): ServerTlsOptions {
  try {
    const options = {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ...(clientCaFile === null ? {} : { ca: readFileSync(clientCaFile) }),
      requestCert: clientCaFile !== null,
      rejectUnauthorized: clientCaFile !== null,
      minVersion: 'TLSv1.2',
    } as const;
    // Throws for a key of another certificate.
    createSecureContext(options);
    return options;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnusableCertificates(`the certificates of the admin server cannot be used: ${why}`, { cause });
  }
}

function signatureOf({ certFile, keyFile, clientCaFile }: ServerTlsSettings): string {
  const files = [certFile, keyFile, ...(clientCaFile === null ? [] : [clientCaFile])];
  return files.map(fileSignature).join(' ');
}
