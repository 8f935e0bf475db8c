import { spawn } from 'node:child_process';

import type { Deployment } from './deployment.ts';

/** A program that asks the service by a gRPC or HTTP/2 of its own. */
export interface InteropClient {
  readonly name: string;
  /**
   * Asks each of CHECKS as many times. Returns what was wrong with the calls and the answers, as far as the program can
   * tell; null when it cannot come this way at all.
   */
  ask(deployment: Deployment, timesEach: number): Promise<string[] | null>;
}

/** Runs a program to its end; what it cannot say by its output, it says by its code. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}
