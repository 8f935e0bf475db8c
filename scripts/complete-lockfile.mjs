/**
 * After `npm install SOMETHING` from a registry mirror: puts back the optional packages for other platforms
 * that the mirror lacks. npm leaves those out of package-lock.json and then refuses its own lock file
 * (`npm ci`: "Missing: … from lock file"). Their version is exact; they carry no integrity hash, because
 * nobody here has seen them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/paths.mjs';

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} Entry
 * @typedef {{ packages: Record<string, Entry> }} Lockfile
 */

/** Words of platform packages' names, and what they say in `os`, `cpu` and `libc`. */
const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPU = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];
const LIBC = [
  { word: 'musl', libc: 'musl' },
  { word: 'gnu', libc: 'glibc' },
  { word: 'glibc', libc: 'glibc' },
];

const file = join(ROOT, 'package-lock.json');
const lock = /** @type {Lockfile} */ (JSON.parse(readFileSync(file, 'utf8')));
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (`node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages) continue;
    lock.packages[`node_modules/${name}`] = missingEntry(name, version, entry.dev === true);
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
if (added > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} optional packages added to package-lock.json`);

/**
 * @param {string} name like `@swc/core-linux-x64-musl`
 * @param {string} version
 * @param {boolean} dev
 * @returns {Entry}
 */
function missingEntry(name, version, dev) {
  const words = name.split(/[-/]/);
  const os = OS.find((word) => words.includes(word));
  const cpu = CPU.find((word) => words.includes(word));
  if (!os || !cpu || !/^\d/.test(version)) {
    throw new Error(`\`${name}\` ${version} is missing, and its name and version do not tell what it is for`);
  }
  const libc = os === 'linux' ? LIBC.find(({ word }) => words.some((part) => part.startsWith(word)))?.libc : undefined;
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev }),
    ...(libc && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
