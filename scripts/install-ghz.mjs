/**
 * ghz, a load generator whose client is grpc-go, built from its Go module. `node scripts/install-ghz.mjs` prints its path.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goTool } from './lib/go.mjs';
import { runMain } from './lib/run.mjs';

const MODULE = 'github.com/bojand/ghz/cmd/ghz@v0.93.0';

/**
 * Where the program is; it is built into `.tools/` when it is not there yet. `GHZ_BINARY` names another one.
 *
 * @returns {Promise<string>}
 */
export async function ghzPath() {
  return process.env['GHZ_BINARY'] ?? join(await goTool('ghz', MODULE), 'ghz');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    process.stdout.write(`${await ghzPath()}\n`);
  });
}
