import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { ROOT, TOOLS } from './paths.mjs';
import { withProgress } from './progress.mjs';
import { BootstrapError, lastLines, run } from './run.mjs';

const OUTPUT = join(ROOT, 'dist', 'console');
/** Beside what was built: of which sources it was. Times of files would not do, git sets them as it likes. */
const BUILT_FROM = join(OUTPUT, '.sources');
const VITE = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');

/** Whether the console can be built here at all: an installation without the development packages has no Vite. */
export function canBuildConsole() {
  return existsSync(VITE) && existsSync(join(ROOT, 'src', 'console', 'index.html'));
}

/** Whether what is built is what the sources say. Reads the sources, some dozens of small files. */
export function isConsoleFresh() {
  return existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, 'utf8') === digestOfSources();
}

/** Builds the console into dist/console, unless that is what its sources say already. */
export async function buildConsole() {
  await withLock(join(TOOLS, 'console.lock'), async () => {
    if (isConsoleFresh()) return;
    const digest = digestOfSources();
    await withProgress('building the console (vite build)', async () => {
      const env = { ...process.env, NO_COLOR: '1' };
      const { code, output } = await run(nodePath(), [VITE, 'build', '--logLevel', 'warn'], { cwd: ROOT, env });
      if (code !== 0) throw new BootstrapError(`vite could not build the console:\n${lastLines(output, 20)}`);
    });
    writeFileSync(BUILT_FROM, digest);
  });
}

/** The packages' own Node where there is one: Vite needs a newer one than these scripts. */
function nodePath() {
  const packaged = join(ROOT, 'node_modules', '.bin', 'node');
  return existsSync(packaged) ? packaged : process.execPath;
}

function digestOfSources() {
  const hash = createHash('sha256');
  const sources = join(ROOT, 'src', 'console');
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of [...files, join(ROOT, 'vite.config.js'), join(ROOT, 'package-lock.json')]) {
    if (existsSync(file)) hash.update(file.slice(ROOT.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}
