/**
 * buildah and crun, which build and start an image without a daemon, and a busybox for a stand-in of a base image.
 * `node scripts/install-image-tools.mjs` prints their paths. The machine's own ones are taken where there are such.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deployChecks } from './install-deploy-checks.mjs';
import { debianTool } from './lib/debian.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

/** With the libraries that a small system lacks. */
const PACKAGES = [
  ...['buildah', 'crun', 'busybox-static', 'golang-github-containers-common'],
  ...['libgpgme11', 'libassuan0', 'libgpg-error0', 'libdevmapper1.02.1', 'libseccomp2', 'libyajl2', 'libsubid4'],
];

/**
 * @typedef {object} ImageTools
 * @property {string} buildah
 * @property {string} crun
 * @property {string} busybox a static one
 */

/** @returns {Promise<ImageTools>} */
export async function imageTools() {
  const folder = await debianTool('image-tools', PACKAGES, findLibraries);
  const bin = join(folder, 'usr', 'bin');
  const own = async (/** @type {string} */ name) =>
    (await run(name, ['--version'])).code === 0 ? name : join(bin, name);
  return { buildah: await own('buildah'), crun: await own('crun'), busybox: join(folder, 'bin', 'busybox') };
}

/**
 * They start themselves again, with an empty environment and without a path of their own: only a fixed path in the program
 * leads to libraries that are not the system's.
 *
 * @param {string} folder
 */
async function findLibraries(folder) {
  const { patchelf } = await deployChecks();
  const libraries = [];
  for (const parent of [join(folder, 'usr', 'lib'), join(folder, 'lib')]) {
    for (const name of await readdir(parent).catch(() => [])) {
      if (name.includes('-linux-')) libraries.push(join(parent, name));
    }
  }
  for (const program of ['buildah', 'crun']) {
    const file = join(folder, 'usr', 'bin', program);
    const { code, output } = await run(patchelf, ['--force-rpath', '--set-rpath', libraries.join(':'), file]);
    if (code !== 0)
      throw new BootstrapError(`${program} could not be told where its libraries are:\n${lastLines(output)}`);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${Object.values(await imageTools()).join('\n')}\n`);
  });
}
