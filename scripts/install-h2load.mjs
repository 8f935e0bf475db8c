/**
 * h2load and nghttp, the HTTP/2 clients of nghttp2. `node scripts/install-h2load.mjs` prints the command that runs h2load.
 *
 * The machine's own ones are taken where there are such. Elsewhere Debian's package and the libraries that it wants are
 * unpacked into `.tools/`, which needs no rights and installs nothing.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lib/lock.mjs';
import { TOOLS } from './lib/paths.mjs';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

const PACKAGES = ['nghttp2-client', 'libnghttp2-14', 'libev4', 'libjemalloc2', 'libjansson4'];

/**
 * @typedef {object} Nghttp2
 * @property {string} h2load path of the program
 * @property {string} nghttp
 * @property {NodeJS.ProcessEnv} env what they must be run with, beside the usual
 */

/** @returns {Promise<Nghttp2>} */
export async function nghttp2Clients() {
  if ((await run('h2load', ['--version'])).code === 0) return { h2load: 'h2load', nghttp: 'nghttp', env: {} };
  const folder = join(TOOLS, 'nghttp2-client');
  await withLock(join(TOOLS, 'nghttp2-client.lock'), async () => {
    if (!existsSync(folder)) await withProgress("unpacking Debian's nghttp2-client into .tools/", () => unpack(folder));
  });
  const libraries = join(folder, 'usr', 'lib');
  const multiarch = (await readdir(libraries)).map((name) => join(libraries, name));
  const bin = join(folder, 'usr', 'bin');
  return {
    h2load: join(bin, 'h2load'),
    nghttp: join(bin, 'nghttp'),
    env: { LD_LIBRARY_PATH: multiarch.join(':') },
  };
}

/** @param {string} folder */
async function unpack(folder) {
  await mkdir(TOOLS, { recursive: true });
  const fresh = await mkdtemp(join(TOOLS, 'new-nghttp2-'));
  const root = join(fresh, 'root');
  /** @param {string} command @param {readonly string[]} args */
  const must = async (command, args) => {
    const { code, output } = await run(command, args, { cwd: fresh });
    if (code !== 0) {
      throw new BootstrapError(
        'h2load is not on this machine, and its Debian package could not be had. Install nghttp2 (Debian, Ubuntu: ' +
          `\`apt-get install nghttp2-client\`; macOS: \`brew install nghttp2\`).\n${lastLines(output)}`,
      );
    }
  };
  try {
    await must('apt-get', ['download', ...PACKAGES]);
    for (const file of await readdir(fresh)) if (file.endsWith('.deb')) await must('dpkg', ['-x', file, root]);
    await rename(root, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const { h2load, env } = await nghttp2Clients();
    const variables = Object.entries(env).map(([name, value]) => `${name}=${String(value)} `);
    process.stdout.write(`${variables.join('')}${h2load}\n`);
  });
}
