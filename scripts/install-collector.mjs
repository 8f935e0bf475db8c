/**
 * An OpenTelemetry Collector with the few parts that the tests need, built from test/e2e/telemetry/collector/.
 * `node scripts/install-collector.mjs` prints its path. Its go.sum holds the hash of each module.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lib/lock.mjs';
import { ROOT, TOOLS } from './lib/paths.mjs';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

const SOURCE = join(ROOT, 'test', 'e2e', 'telemetry', 'collector');
const FILES = ['main.go', 'go.mod', 'go.sum'];

/**
 * Where the program is; it is built into `.tools/` when it is not there yet. `COLLECTOR_BINARY` names another one, with the OTLP
 * receiver and the OTLP exporter over HTTP.
 *
 * @returns {Promise<string>}
 */
export async function collectorPath() {
  const theirs = process.env['COLLECTOR_BINARY'];
  if (theirs !== undefined) return theirs;
  const hash = createHash('sha256');
  for (const file of FILES) hash.update(await readFile(join(SOURCE, file)));
  const folder = join(TOOLS, `collector-${hash.digest('hex').slice(0, 12)}`);
  await withLock(join(TOOLS, 'collector.lock'), async () => {
    if (!existsSync(folder))
      await withProgress('building an OpenTelemetry Collector into .tools/', () => build(folder));
  });
  return join(folder, 'collector');
}

/** @param {string} folder */
async function build(folder) {
  await mkdir(TOOLS, { recursive: true });
  const fresh = await mkdtemp(join(TOOLS, 'new-collector-'));
  try {
    const { code, output } = await run('go', ['build', '-o', join(fresh, 'collector'), '.'], { cwd: SOURCE });
    if (code !== 0) {
      throw new BootstrapError(
        `the collector could not be built. Needed: Go 1.26 or newer, and the network or a module proxy.\n${lastLines(output)}`,
      );
    }
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await collectorPath()}\n`);
  });
}
