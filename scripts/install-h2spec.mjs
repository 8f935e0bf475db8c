/**
 * h2spec, a conformance test of HTTP/2 servers, built from its Go module. `node scripts/install-h2spec.mjs` prints its path.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goTool } from './lib/go.mjs';
import { runMain } from './lib/run.mjs';

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';

/**
 * Where the program is; it is built into `.tools/` when it is not there yet. `H2SPEC_BINARY` names another one.
 *
 * @returns {Promise<string>}
 */
export async function h2specPath() {
  return process.env['H2SPEC_BINARY'] ?? join(await goTool('h2spec', MODULE), 'h2spec');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await h2specPath()}\n`);
  });
}
