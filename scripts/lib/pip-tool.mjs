import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { TOOLS, requirements } from './paths.mjs';
import { withProgress } from './progress.mjs';
import { pipInstall } from './python.mjs';

/**
 * The folder of a set of Python packages, installed at the first call. The folder's name holds a hash of
 * the requirements, so a new version is a new folder; it gets that name only when all is in it and
 * `verify` has passed, so a folder that is there is whole. Safe under parallel calls and processes.
 *
 * @param {string} name of a file of scripts/requirements/, without `.txt`
 * @param {string} what for the progress line
 * @param {(folder: string) => Promise<void>} verify throws when what was installed is of no use
 * @returns {Promise<string>}
 */
export async function pipTool(name, what, verify) {
  const file = requirements(`${name}.txt`);
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12);
  const folder = join(TOOLS, `${name}-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(TOOLS, { recursive: true });
  await withLock(join(TOOLS, `${name}.lock`), async () => {
    if (existsSync(folder)) return;
    await withProgress(what, async () => {
      const fresh = await mkdtemp(join(TOOLS, `new-${name}-`));
      try {
        await pipInstall(file, fresh);
        await verify(fresh);
        await removeOthers(name);
        await rename(fresh, folder);
      } finally {
        await rm(fresh, { recursive: true, force: true });
      }
    });
  });
  return folder;
}

/**
 * Earlier versions go when a new one comes: each Envoy is a hundred megabytes.
 *
 * @param {string} name
 */
async function removeOthers(name) {
  const older = new RegExp(`^${name}-[0-9a-f]{12}$`);
  for (const entry of await readdir(TOOLS)) {
    if (older.test(entry)) await rm(join(TOOLS, entry), { recursive: true, force: true });
  }
}
