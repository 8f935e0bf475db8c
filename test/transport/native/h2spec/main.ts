/**
 * `npm run test:h2spec`: every case of h2spec (generic, http2 and hpack, the strict ones too) against the native transport, on
 * plain TCP and over TLS. There are no exceptions: a case that fails or is skipped fails the run.
 */
import { spawn } from 'node:child_process';
import { h2specPath } from '../../../../scripts/install-h2spec.mjs';
import { NativeTransport } from '../../../../src/transport/native/transport.ts';
import type { TransportUnderTest } from '../../support/listening.ts';
import { createAuthority } from '../../../e2e/support/certificates.ts';
import { temporaryDirectory } from '../../../e2e/support/temporary-directory.ts';
import { writeCertificateFiles } from '../../support/certificate-files.ts';
import { openListener } from '../../support/listening.ts';

const native: TransportUnderTest = { name: 'native', create: (log, options) => new NativeTransport(log, options) };

/** One case opens one call more than this. */
const MAX_CONCURRENT_STREAMS = 100;

const SUMMARY = /^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed$/m;

function runH2spec(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

const program = await h2specPath();
const directory = await temporaryDirectory();
const authority = createAuthority('mesh');
const server = authority.issue({ dnsNames: ['localhost'] });
const files = await writeCertificateFiles(directory.path, { ...server, clientCa: authority.certificate });

let good = true;
for (const tls of [null, { ...files, clientCaFile: null }]) {
  const { listener } = await openListener(native, { tls, maxConcurrentStreams: MAX_CONCURRENT_STREAMS });
  const [host, port] = listener.address.split(':') as [string, string];
  const output = await runH2spec(program, ['-S', '-h', host, '-p', port, ...(tls === null ? [] : ['-t', '-k'])]);
  const summary = SUMMARY.exec(output);
  const passed = summary !== null && summary[1] !== '0' && summary[1] === summary[2];
  if (!passed) process.stdout.write(output);
  process.stdout.write(`${tls === null ? 'plaintext' : 'TLS'}: ${summary?.[0] ?? 'h2spec did not end'}\n`);
  good &&= passed;
  await listener.drain(0);
}
await directory.remove();
process.exitCode = good ? 0 : 1;
