import { BootstrapError, lastLines, run } from './run.mjs';

/**
 * The folder of a Go module's files, which Go fetches and compares with its checksum database.
 *
 * @param {string} module with its version
 * @returns {Promise<string>}
 */
export async function goModule(module) {
  const { code, output } = await run('go', ['mod', 'download', '-json', module], {
    // Outside of any module of its own.
    cwd: '/',
  });
  const directory = /"Dir": "([^"]+)"/.exec(output)?.[1];
  if (code !== 0 || directory === undefined) {
    throw new BootstrapError(
      `${module} could not be had. Needed: Go, and the network or a module proxy.\n${lastLines(output)}`,
    );
  }
  return directory;
}
