import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { clientWith } from '../support/identities.ts';
import type { Proof } from './remote.ts';
import type { Person } from './rows.ts';
import { certificateOfCaller, hostOf, type Caller, type Demo, type Workload } from './shop.ts';

interface Example {
  readonly what: string;
  readonly who: Caller;
  readonly token?: Person | Proof;
  readonly workload: Workload;
  readonly path: string;
  readonly header?: string;
}

const EXAMPLES: readonly Example[] = [
  {
    what: 'A customer reads an order, and claims to be root',
    who: 'frontend',
    token: 'ann',
    workload: 'orders',
    path: '/orders/7',
    header: 'x-user: root',
  },
  { what: 'The same without a token', who: 'frontend', workload: 'orders', path: '/orders/7' },
  { what: 'An encoded slash', who: 'gateway', workload: 'frontend', path: '/products/7%2Freviews' },
  {
    what: 'An operator looks at production (for ten minutes)',
    who: 'remote-access',
    token: 'oz, mfa just now',
    workload: 'production',
    path: '/apps/shop',
  },
  {
    what: 'A key for automation',
    who: 'remote-access',
    token: 'an API key',
    workload: 'production',
    path: '/apps/shop',
  },
  { what: 'An old client', who: 'nobody', workload: 'orders', path: '/v1/orders/7' },
];

/** Commands to paste, with the certificates that they need written as files into `directory`. */
export async function curlExamples(demo: Demo, directory: string): Promise<string> {
  await writeFile(join(directory, 'ca.pem'), clientWith(null).authority);
  const commands = [];
  for (const example of EXAMPLES) {
    commands.push(`# ${example.what}\n${await command(demo, directory, example)}`);
  }
  return [
    'Ask for yourself. Policies are read again when a file of policies/ changes. Ctrl-C stops everything.',
    ...commands,
    `# Is it ready, and what does it count?\ncurl ${demo.services.portcullis.adminUrl}/readyz ${demo.services.portcullis.adminUrl}/metrics`,
  ].join('\n\n');
}

async function command(demo: Demo, directory: string, example: Example): Promise<string> {
  const { who, token, workload, path, header } = example;
  const { host, port } = demo.envoy.target(workload);
  const certificate = certificateOfCaller(who);
  const parts = ['curl -i --path-as-is', `--cacert ${join(directory, 'ca.pem')}`];
  if (certificate !== null) {
    const file = join(directory, `${who.replaceAll(' ', '-')}.pem`);
    await writeFile(file, certificate.certificate + certificate.key);
    parts.push(`--cert ${file}`);
  }
  if (token !== undefined) {
    const [name, value] = await demo.proofOf(token);
    parts.push(`-H '${name}: ${value}'`);
  }
  if (header !== undefined) {
    parts.push(`-H '${header}'`);
  }
  parts.push(`--connect-to ${hostOf(workload)}:443:${host}:${String(port)}`, `'https://${hostOf(workload)}${path}'`);
  return parts.join(' \\\n  ');
}
