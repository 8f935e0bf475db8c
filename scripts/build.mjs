/** Compiles src/ to dist/, for the npm package and the container image, and builds the console. From sources nothing needs it. */
import { chmod, copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildConsole } from './lib/console.mjs';
import { ROOT } from './lib/paths.mjs';
import { BootstrapError, run, runMain } from './lib/run.mjs';

await runMain(async () => {
  await rm(join(ROOT, 'dist'), { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await run(process.execPath, [tsc, '--project', 'tsconfig.build.json'], { cwd: ROOT });
  if (code !== 0) throw new BootstrapError(`tsc found errors:\n${output}`);
  await copyFile(join(ROOT, 'src', 'admin', 'openapi.yaml'), join(ROOT, 'dist', 'admin', 'openapi.yaml'));
  await buildConsole();
  // npm makes the file of `bin` executable when it installs the package; this is for those who run it in place.
  await chmod(join(ROOT, 'dist', 'main.js'), 0o755);
});
