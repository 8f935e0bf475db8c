/**
 * Chromium for the tests of the console. `node scripts/install-chromium.mjs` prints its path. `CHROMIUM_BINARY` names another
 * one; else the machine's own is taken, and where it has none Debian's package is installed, which only root can.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** @returns {Promise<string>} */
export async function chromiumPath() {
  const own = process.env['CHROMIUM_BINARY'];
  if (own) return own;
  if (!PLACES.some((place) => existsSync(place))) await withProgress('installing Chromium (apt-get)', install);
  const found = PLACES.find((place) => existsSync(place));
  if (found === undefined) throw new BootstrapError(NEEDED);
  return found;
}

const NEEDED = 'The tests of the console need Chromium: install it, or say where it is with CHROMIUM_BINARY.';

async function install() {
  // Lists of packages may be missing, or too old.
  await run('apt-get', ['update']);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { code, output } = await run('apt-get', ['install', '--yes', '--no-install-recommends', 'chromium'], { env });
  if (code !== 0) throw new BootstrapError(`${NEEDED}\n${lastLines(output)}`);
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await chromiumPath()}\n`);
  });
}
