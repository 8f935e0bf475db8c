import { spawn } from 'node:child_process';

/** An error whose message is all that the person at the terminal needs: printed without a stack. */
export class BootstrapError extends Error {
  /** @override */
  name = 'BootstrapError';
}

/**
 * Runs a program to its end with nothing on standard input. Never throws: a program that cannot be
 * started has the code 127, as in a shell.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, output: string }>} both streams in one text, as they came
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      resolve({ code: 127, output: `${output}${error.message}\n` });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}

/** @param {string} text */
export function lastLines(text, count = 12) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/**
 * The outermost step of a program: says in plain words what went wrong, and leaves with exit code 1.
 *
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof BootstrapError ? `\n${error.message}\n` : `\n${String(error)}\n`);
    process.exitCode = 1;
  }
}
