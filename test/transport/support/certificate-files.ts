import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsOptions } from '../../../src/transport/transport.ts';
import type { Certificate } from '../../e2e/support/certificates.ts';

export interface CertificateSet extends Certificate {
  readonly clientCa: string;
}

/** Certificate files in a directory, written one by one. */
export async function writeCertificateFiles(directory: string, set: CertificateSet): Promise<TlsOptions> {
  await writeFile(join(directory, 'tls.crt'), set.certificate);
  await writeFile(join(directory, 'tls.key'), set.key);
  await writeFile(join(directory, 'ca.crt'), set.clientCa);
  return tlsOptions(directory);
}

/**
 * As Kubernetes mounts a secret: `tls.crt` is a link to `..data/tls.crt`, and `..data` a link to the directory of one
 * version, which is replaced by renaming another link over it. Nothing is ever written in place.
 */
export async function mountSecret(directory: string, version: string, set: CertificateSet): Promise<TlsOptions> {
  const data = join(directory, `..${version}`);
  await mkdir(data);
  await writeCertificateFiles(data, set);
  await symlink(`..${version}`, join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) {
    await rm(join(directory, name), { force: true });
    await symlink(join('..data', name), join(directory, name));
  }
  return tlsOptions(directory);
}

function tlsOptions(directory: string): TlsOptions {
  return {
    certFile: join(directory, 'tls.crt'),
    keyFile: join(directory, 'tls.key'),
    clientCaFile: join(directory, 'ca.crt'),
    allowedClients: [],
  };
}
