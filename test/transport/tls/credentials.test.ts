import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readCredentials } from '../../../src/transport/tls/credentials.ts';
import type { TlsOptions } from '../../../src/transport/transport.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { writeCertificateFiles } from '../support/certificate-files.ts';
import { Cleanup } from '../support/cleanup.ts';

const authority = createAuthority('mesh');
const server = authority.issue({ dnsNames: ['localhost'] });
const other = authority.issue({ dnsNames: ['localhost'] });
const ONE_DAY_MS = 86_400_000;

describe('readCredentials', () => {
  const cleanup = new Cleanup();
  let files: TlsOptions;

  beforeEach(async () => {
    const path = await cleanup.directory();
    files = await writeCertificateFiles(path, { ...server, clientCa: authority.certificate });
  });
  afterEach(() => cleanup.run());

  it('reads certificate, key and CA, and tells when the certificate expires', async () => {
    const { context, expiresMs } = await readCredentials(files, Date.now());
    expect(context).toMatchObject({ cert: server.certificate, key: server.key, ca: authority.certificate });
    expect(expiresMs).toBeGreaterThan(Date.now());
    expect(expiresMs).toBeLessThan(Date.now() + 2 * ONE_DAY_MS);
  });

  it('reads a chain, whose first certificate is the served one', async () => {
    await writeFile(files.certFile, server.certificate + authority.certificate);
    await expect(readCredentials(files, Date.now())).resolves.toBeDefined();
    await writeFile(files.certFile, authority.certificate + server.certificate);
    await expect(readCredentials(files, Date.now())).rejects.toThrow('is not the key of');
  });

  it('refuses a certificate that has expired', async () => {
    await expect(readCredentials(files, Date.now() + 2 * ONE_DAY_MS)).rejects.toThrow(
      /^`.*tls\.crt` expired on 20\d\d-/,
    );
  });

  it('refuses the key of another certificate', async () => {
    await writeFile(files.keyFile, other.key);
    await expect(readCredentials(files, Date.now())).rejects.toThrow(/tls\.key` is not the key of `.*tls\.crt`$/);
  });

  it('refuses a key that needs a passphrase', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
    await writeFile(files.keyFile, encrypted);
    await expect(readCredentials(files, Date.now())).rejects.toThrow('no private key that can be used');
  });

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a key', server.key],
    ['a certificate that is cut off', server.certificate.slice(0, -20)],
    ['a whole one and one that is cut off', server.certificate + other.certificate.slice(0, -20)],
    ['PEM of something else', '-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n'],
  ])('refuses %s for a certificate and for a CA file', async (_what, content) => {
    await writeFile(files.certFile, content);
    await expect(readCredentials(files, Date.now())).rejects.toMatchObject({ name: 'CredentialsError' });
    await writeFile(files.certFile, server.certificate);
    await writeFile(files.clientCaFile!, content);
    await expect(readCredentials(files, Date.now())).rejects.toMatchObject({ name: 'CredentialsError' });
  });
});
