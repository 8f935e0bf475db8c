import { join } from 'node:path';

import { clientWith } from '../support/identities.ts';
import type { World } from '../support/world.ts';
import { callerNames, certificateOfCaller, tokens, type Caller, type Workload } from './shop.ts';

interface Example {
  readonly what: string;
  readonly who: Caller;
  readonly workload: Workload;
  readonly path: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

const examples: readonly Example[] = [];

/** Commands to paste, with the certificates of all callers written as files into `directory`. */
export async function curlExamples(
  shop: World,
  write: (name: string, text: string) => Promise<void>,
  directory: string,
): Promise<string> {
  await write('ca.crt', clientWith(null).authority);
  for (const name of callerNames) {
    const certificate = certificateOfCaller(name);
    if (certificate !== null) {
      await write(`${name}.pem`, certificate.certificate + certificate.key);
    }
  }
  const commands = examples.map(({ what, who, workload, path, claims }) => {
    const { host, port } = shop.envoy.target(workload);
    const name = `${workload}.shop.example`;
    const parts = [
      'curl -i --path-as-is',
      `--cacert ${join(directory, 'ca.crt')}`,
      ...(who === 'nobody' ? [] : [`--cert ${join(directory, `${who}.pem`)}`]),
      `--connect-to ${name}:443:${host}:${String(port)}`,
      ...(claims === undefined ? [] : [`-H 'authorization: Bearer ${tokens.sign(claims)}'`]),
      `'https://${name}${path}'`,
    ];
    return `# ${what}\n${parts.join(' \\\n  ')}`;
  });
  return [
    'Ask for yourself; policies/ is read again when a file changes. Ctrl-C stops everything.',
    ...commands,
    `Metrics and readiness: ${shop.services['portcullis']?.adminUrl ?? ''}`,
  ].join('\n\n');
}
