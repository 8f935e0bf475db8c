import { run } from '../lib/run.mjs';
import { BootstrapError, lastLines } from '../lib/run.mjs';

/**
 * What a program printed; its exit code has to be 0.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function must(command, args, options = {}) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) {
    throw new BootstrapError(`\`${command} ${args.join(' ')}\` ended with ${code}:\n${lastLines(output, 40)}`);
  }
  return output;
}
