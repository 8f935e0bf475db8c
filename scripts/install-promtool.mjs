/**
 * promtool, from Debian's package of Prometheus where the machine has none. `node scripts/install-promtool.mjs` prints the command.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianTool } from './lib/debian.mjs';
import { run, runMain } from './lib/run.mjs';

/** @returns {Promise<string>} */
export async function promtoolPath() {
  if ((await run('promtool', ['--version'])).code === 0) return 'promtool';
  return join(await debianTool('prometheus', ['prometheus']), 'usr', 'bin', 'promtool');
}

/** Prometheus itself, of the same package. @returns {Promise<string>} */
export async function prometheusPath() {
  if ((await run('prometheus', ['--version'])).code === 0) return 'prometheus';
  return join(await debianTool('prometheus', ['prometheus']), 'usr', 'bin', 'prometheus');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await promtoolPath()}\n`);
  });
}
