/**
 * h2spec, a conformance test of HTTP/2 servers, built from its Go module. `node scripts/install-h2spec.mjs` prints its path.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lib/lock.mjs';
import { TOOLS } from './lib/paths.mjs';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

/** Go's checksum database holds the hash of it. */
const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const NAME = 'h2spec-2.2.1';

/**
 * Where the program is; it is built into `.tools/` when it is not there yet. `H2SPEC_BINARY` names another one.
 *
 * @returns {Promise<string>}
 */
export async function h2specPath() {
  const own = process.env['H2SPEC_BINARY'];
  if (own) return own;
  const folder = join(TOOLS, NAME);
  await withLock(join(TOOLS, 'h2spec.lock'), async () => {
    if (!existsSync(folder)) await withProgress('building h2spec into .tools/ (go install)', () => build(folder));
  });
  return join(folder, 'h2spec');
}

/** @param {string} folder */
async function build(folder) {
  const fresh = await mkdtemp(join(TOOLS, 'new-h2spec-'));
  try {
    const { code, output } = await run('go', ['install', MODULE], { env: { ...process.env, GOBIN: fresh } });
    if (code !== 0) {
      throw new BootstrapError(
        `h2spec could not be built. Needed: Go 1.21 or newer, and the network or a module proxy.\n${lastLines(output)}`,
      );
    }
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await h2specPath()}\n`);
  });
}
