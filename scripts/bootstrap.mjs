/**
 * Runs before the npm scripts: makes the first command ever typed in a clone work. Plain JavaScript that
 * Node 20 runs, of nothing but Node itself, because nothing else is installed yet.
 *
 *   node scripts/bootstrap.mjs           what the service needs
 *   node scripts/bootstrap.mjs --tools   and what the tests and the demo need: the real Envoy
 *   node scripts/bootstrap.mjs --console   and the page of the console, built of its sources
 *
 * When all is there it costs a few file reads. What it says goes to standard error.
 */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { envoyPath } from './install-envoy.mjs';
import { buildConsole, canBuildConsole } from './lib/console.mjs';
import { withLock } from './lib/lock.mjs';
import { ROOT, TOOLS } from './lib/paths.mjs';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

/** What npm and these scripts need; the Node that runs the service comes with the packages. */
const OLDEST_NODE = 20;
/** The first Node that runs TypeScript without a flag. */
const NODE_FOR_SOURCES = [22, 18];

await runMain(async () => {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    throw new BootstrapError(`Node ${OLDEST_NODE} or newer is needed to install this; here is ${process.version}.`);
  }
  const tools = process.argv.includes('--tools');
  // With a Node that runs TypeScript, an installation without the development packages serves as well.
  if (!installed(tools || !runsSources(process.version))) {
    await withLock(join(TOOLS, 'npm.lock'), async () => {
      if (!installed(true)) await withProgress('installing the npm packages (npm ci)', npmCi);
    });
  }
  await checkNode();
  if (tools) await envoyPath();
  if (process.argv.includes('--console') && canBuildConsole()) {
    // The service does all but its page without it, and says there what to run.
    await buildConsole().catch((/** @type {unknown} */ error) => process.stderr.write(`${String(error)}\n`));
  }
});

/**
 * Whether what is in node_modules is what package-lock.json says, package by package. npm writes its own
 * list when an installation is complete, so a broken-off one has none.
 *
 * @param {boolean} development whether development packages must be there too
 */
function installed(development) {
  const listFile = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(listFile)) return false;
  const wanted = packages(join(ROOT, 'package-lock.json'));
  const present = packages(listFile);
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = present[path];
    if (!there) {
      // Optional: for another platform. Development: left out by `--omit=dev`.
      if (entry.optional || entry.devOptional || (entry.dev && !development)) continue;
      return false;
    }
    if (there.version !== entry.version || there.integrity !== entry.integrity) return false;
  }
  return Object.keys(present).every((path) => path in wanted);
}

/**
 * @typedef {{ version?: string, integrity?: string, dev?: boolean, optional?: boolean, devOptional?: boolean }} Entry
 * @param {string} file
 * @returns {Record<string, Entry>}
 */
function packages(file) {
  /** @type {{ packages: Record<string, Entry> }} */
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  return lock.packages;
}

async function npmCi() {
  // `npm ci` removes node_modules first, and with it the Node that this may be running on: it must run on
  // the machine's own one. All packages, whatever NODE_ENV says: the tools are among them.
  const path = withoutPackageBins(process.env['PATH'] ?? '');
  const env = { ...process.env, PATH: path };
  const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await run('npm', ['ci', ...options], { cwd: ROOT, env });
  if (code !== 0) {
    throw new BootstrapError(
      `npm ci failed (is the network or a registry mirror reachable?). Its last words:\n${lastLines(output, 30)}`,
    );
  }
}

/** The Node that npm scripts will find: the package's own, or else the one that runs this. */
async function checkNode() {
  const packaged = join(ROOT, 'node_modules', '.bin', 'node');
  if (process.execPath.startsWith(join(ROOT, 'node_modules') + sep) || !existsSync(packaged)) {
    if (runsSources(process.version)) return;
  } else {
    const { code, output } = await run(packaged, ['--version']);
    if (code === 0 && runsSources(output.trim())) return;
  }
  throw new BootstrapError(
    [
      `Node ${NODE_FOR_SOURCES.join('.')} or newer is needed to run the service, and the npm package \`node\` did not bring it:`,
      'its install script did not run (npm option `ignore-scripts`?). Run `npm rebuild node --ignore-scripts=false`,',
      'or install a newer Node and remove node_modules/node.',
    ].join('\n'),
  );
}

/** @param {string} version like `v24.1.0` */
function runsSources(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = NODE_FOR_SOURCES;
  return major > needMajor || (major === needMajor && minor >= needMinor);
}

/** @param {string} path */
function withoutPackageBins(path) {
  const bin = join('node_modules', '.bin');
  return path
    .split(delimiter)
    .filter((entry) => !entry.endsWith(bin))
    .join(delimiter);
}
