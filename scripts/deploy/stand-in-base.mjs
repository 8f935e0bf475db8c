/**
 * Base images for where no registry can be reached: Node, npm and busybox of this machine, and the libraries that Node is
 * linked to. They show that our Dockerfile builds and that its image runs, not that the real base images do.
 */
import { chmod, copyFile, cp, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BootstrapError } from '../lib/run.mjs';
import { must } from './programs.mjs';

/** What the C library opens itself to look up names, and what packages are linked to that hold compiled programs. */
const C_LIBRARY = [
  ...['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'],
  ...['libdl.so.2', 'libm.so.6', 'libpthread.so.0', 'librt.so.1', 'libutil.so.1'],
];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * @typedef {object} StandIns
 * @property {string} build name of an image with Node, npm and a shell
 * @property {string} runtime name of an image with libraries and certificates, and nothing to run
 */

/**
 * @param {(args: readonly string[]) => Promise<string>} build runs `buildah build`
 * @param {string} busybox
 * @param {string} folder of its own
 * @returns {Promise<StandIns>}
 */
export async function standInBases(build, busybox, folder) {
  const root = join(folder, 'base');
  await mkdir(join(root, 'etc', 'ssl', 'certs'), { recursive: true });
  await mkdir(join(root, 'tmp'), { mode: 0o1777 });
  await copyFile(CERTIFICATES, join(root, CERTIFICATES));
  for (const library of await librariesOf(process.execPath)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
  const file = join(folder, 'base.Dockerfile');
  const path = 'PATH=/usr/local/bin:/usr/bin:/bin';
  await writeFile(file, `FROM scratch\nCOPY . /\nENV ${path}\n`);
  await build(['-q', '-f', file, '-t', 'stand-in-runtime', root]);

  const bin = join(root, 'bin');
  await mkdir(bin);
  await copyFile(busybox, join(bin, 'busybox'));
  for (const name of ['sh', 'env', 'cat', 'mkdir', 'rm', 'ls']) await symlink('busybox', join(bin, name));
  await mkdir(join(root, 'usr', 'bin'), { recursive: true });
  await symlink('/bin/env', join(root, 'usr', 'bin', 'env'));
  const local = join(root, 'usr', 'local');
  await mkdir(join(local, 'bin'), { recursive: true });
  await copyFile(process.execPath, join(local, 'bin', 'node'));
  await chmod(join(local, 'bin', 'node'), 0o755);
  await cp(await npmFolder(), join(local, 'lib', 'npm'), { recursive: true, dereference: true });
  await symlink('../lib/npm/bin/npm-cli.js', join(local, 'bin', 'npm'));
  await chmod(join(local, 'lib', 'npm', 'bin', 'npm-cli.js'), 0o755);
  // As npm is told on this machine, without its passwords.
  const registry = (await must('npm', ['config', 'get', 'registry'])).trim().split('\n').at(-1) ?? '';
  await writeFile(
    file,
    `FROM scratch\nCOPY . /\nENV ${path} NODE_EXTRA_CA_CERTS=${CERTIFICATES} NPM_CONFIG_REGISTRY=${registry}\n`,
  );
  await build(['-q', '-f', file, '-t', 'stand-in-build', root]);
  await rm(root, { recursive: true, force: true });
  return { build: 'localhost/stand-in-build', runtime: 'localhost/stand-in-runtime' };
}

/**
 * Files that a program is linked to, as the loader finds them, and the rest of the C library.
 *
 * @param {string} program
 */
async function librariesOf(program) {
  const output = await must('ldd', [program]);
  const files = [...output.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file ?? '');
  const c = files.find((file) => basename(file) === 'libc.so.6');
  if (c === undefined) throw new BootstrapError(`${program} is not linked to glibc:\n${output}`);
  return [...new Set([...files, ...C_LIBRARY.map((name) => join(dirname(c), name))])];
}

/** Where npm is, whichever Node it came with. */
async function npmFolder() {
  const program = await must('sh', ['-c', 'command -v npm']);
  return dirname(dirname(await realpath(program.trim())));
}
