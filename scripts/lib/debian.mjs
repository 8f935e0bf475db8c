import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { TOOLS } from './paths.mjs';
import { withProgress } from './progress.mjs';
import { BootstrapError, lastLines, run } from './run.mjs';

/**
 * The folder that packages of Debian were unpacked into, at the first call; that needs no rights and installs nothing.
 *
 * @param {string} name of the folder
 * @param {readonly string[]} packages with those that they need and that not every machine has
 * @param {(folder: string) => Promise<void>} [finish] what has to be done once they are there
 * @returns {Promise<string>}
 */
export async function debianTool(name, packages, finish) {
  const folder = join(TOOLS, name);
  await withLock(join(TOOLS, `${name}.lock`), async () => {
    if (existsSync(folder)) return;
    await withProgress(`unpacking Debian's ${packages[0]} into .tools/`, async () => {
      const fresh = await mkdtemp(join(TOOLS, `new-${name}-`));
      const root = join(fresh, 'root');
      try {
        await must('apt-get', ['download', ...packages], fresh);
        for (const file of await readdir(fresh))
          if (file.endsWith('.deb')) await must('dpkg', ['-x', file, root], fresh);
        await rename(root, folder);
      } finally {
        await rm(fresh, { recursive: true, force: true });
      }
      try {
        await finish?.(folder);
      } catch (cause) {
        await rm(folder, { recursive: true, force: true });
        throw cause;
      }
    });
  });
  return folder;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
async function must(command, args, cwd) {
  await mkdir(cwd, { recursive: true });
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0)
    throw new BootstrapError(`\`${command}\` failed: Debian's packages cannot be had here.\n${lastLines(output)}`);
}
