/**
 * hadolint, the JSON Schemas of Kubernetes' API, and patchelf. `node scripts/install-deploy-checks.mjs` prints their places.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pipTool } from './lib/pip-tool.mjs';
import { BootstrapError, run, runMain } from './lib/run.mjs';

/** The newest version that the chart and the manifests are held to; the oldest one is in Chart.yaml. */
const KUBERNETES = ['v1.30.0', 'v1.37.0'];

/**
 * @typedef {object} DeployChecks
 * @property {string} hadolint
 * @property {string} patchelf
 * @property {readonly { version: string, definitions: string }[]} kubernetes files with the definitions of its API
 */

/** @returns {Promise<DeployChecks>} */
export async function deployChecks() {
  const folder = await pipTool(
    'deploy',
    'installing hadolint and the schemas of Kubernetes into .tools/ (pip)',
    verify,
  );
  return placesIn(folder);
}

/**
 * @param {string} folder
 * @returns {DeployChecks}
 */
function placesIn(folder) {
  const schemas = join(folder, 'kubernetes_validate', 'kubernetes-json-schema');
  return {
    hadolint: join(folder, 'bin', 'hadolint'),
    patchelf: join(folder, 'bin', 'patchelf'),
    kubernetes: KUBERNETES.map((version) => ({
      version,
      definitions: join(schemas, `${version}-local`, '_definitions.json'),
    })),
  };
}

/** @param {string} folder */
async function verify(folder) {
  const { hadolint, patchelf, kubernetes } = placesIn(folder);
  for (const program of [hadolint, patchelf]) {
    const { code, output } = await run(program, ['--version']);
    if (code !== 0) throw new BootstrapError(`${program} does not run here:\n${output}`);
  }
  for (const { definitions } of kubernetes) {
    if (!existsSync(definitions)) throw new BootstrapError(`there is no ${definitions}`);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${JSON.stringify(await deployChecks(), null, 2)}\n`);
  });
}
