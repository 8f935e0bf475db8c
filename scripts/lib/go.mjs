import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { TOOLS } from './paths.mjs';
import { withProgress } from './progress.mjs';
import { BootstrapError, lastLines, run } from './run.mjs';

/**
 * The folder that a Go program was built into; it is built at the first call. Go's checksum database holds the hash of the
 * module, so that the version alone says what it is.
 *
 * @param {string} name of the program
 * @param {string} module with its version, as `go install` takes it
 * @returns {Promise<string>}
 */
export async function goTool(name, module) {
  const folder = join(TOOLS, `${name}-${module.replace(/^.*@v/, '').replace('+incompatible', '')}`);
  await withLock(join(TOOLS, `${name}.lock`), async () => {
    if (!existsSync(folder)) {
      await withProgress(`building ${name} into .tools/ (go install)`, () => build(name, module, folder));
    }
  });
  return folder;
}

/**
 * @param {string} name
 * @param {string} module
 * @param {string} folder
 */
async function build(name, module, folder) {
  await mkdir(TOOLS, { recursive: true });
  const fresh = await mkdtemp(join(TOOLS, `new-${name}-`));
  try {
    const { code, output } = await run('go', ['install', module], { env: { ...process.env, GOBIN: fresh } });
    if (code !== 0) {
      throw new BootstrapError(
        `${name} could not be built. Needed: Go 1.21 or newer, and the network or a module proxy.\n${lastLines(output)}`,
      );
    }
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
