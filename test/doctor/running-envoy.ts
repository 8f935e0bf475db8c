/** A real Envoy with any configuration, for as long as its dumps are taken. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { envoyPath } from '../../scripts/install-envoy.mjs';
import { createAuthority } from '../e2e/support/certificates.ts';
import { startChild } from '../e2e/support/child-process.ts';
import { temporaryDirectory } from '../e2e/support/temporary-directory.ts';
import { createTokenIssuer } from '../e2e/support/tokens.ts';
import { waitUntil } from '../e2e/support/wait.ts';
import { changedEnvoy } from './support.ts';
import type { Change } from './support.ts';

const START_TIMEOUT_MS = 30_000;

export interface Dumps {
  readonly plain: string;
  readonly withEndpoints: string;
}

/** What `/config_dump` says of `deploy/envoy/envoy.yaml` with a change, on ports of its own and with certificates. */
export async function dumpsOf(change: Change): Promise<Dumps> {
  const directory = await temporaryDirectory();
  const path = (name: string): string => join(directory.path, name);
  const authority = createAuthority('root');
  const leaf = authority.issue({ uris: ['spiffe://cluster.local/ns/shop/sa/orders'] });
  await writeFile(path('tls.crt'), leaf.certificate);
  await writeFile(path('tls.key'), leaf.key);
  await writeFile(path('ca.crt'), authority.certificate);
  await writeFile(path('jwks.json'), createTokenIssuer('https://login.example.com').jwks);
  const text = changedEnvoy((parts) => {
    change(parts);
    const { admin, static_resources: fixed } = parts.bootstrap;
    admin.address.socket_address.port_value = 0;
    for (const { address } of fixed.listeners)
      Object.assign(address.socket_address, { address: '127.0.0.1', port_value: 0 });
  });
  const placed = text
    .replaceAll('/etc/envoy/tls/', `${directory.path}/`)
    .replaceAll('/etc/envoy/', `${directory.path}/`);
  await writeFile(path('envoy.json'), placed);
  const envoy = startChild({
    name: 'envoy',
    command: await envoyPath(),
    args: [
      ...['-c', path('envoy.json'), '--admin-address-path', path('admin'), '--disable-hot-restart'],
      ...['--concurrency', '1', '--log-level', 'warning'],
    ],
  });
  try {
    const get = async (what: string): Promise<Response> =>
      fetch(`http://${(await readFile(path('admin'), 'utf8')).trim()}${what}`);
    await waitUntil('envoy to be ready', async () => envoy.exit() !== null || (await get('/ready')).status === 200, {
      timeoutMs: START_TIMEOUT_MS,
      because: () => envoy.output(),
    });
    if (envoy.exit() !== null) throw new Error(`envoy left at once:\n${envoy.output()}`);
    const plain = await (await get('/config_dump')).text();
    return { plain, withEndpoints: await (await get('/config_dump?include_eds')).text() };
  } finally {
    await envoy.stop();
    await directory.remove();
  }
}
