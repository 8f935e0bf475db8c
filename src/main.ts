#!/usr/bin/env node
/** The composition root: gives the command line its `serve`. Imports all, imported by none. */
import { readFileSync } from 'node:fs';
import { runCli } from './cli/cli.ts';
import { NOT_GOOD } from './cli/exit-code.ts';
import type { ExitCode } from './cli/exit-code.ts';
import { processTerminal } from './cli/terminal.ts';
import type { ServiceConfig } from './config/config.ts';
import { serve } from './serving/serve.ts';
import { listenToSignals } from './serving/signals.ts';
import { createLogger, openLogWriter, openOutputWriter } from './telemetry/logger.ts';

const terminal = processTerminal();

function run(config: ServiceConfig): Promise<ExitCode> {
  const lines = openLogWriter();
  const log = createLogger(config.log.level, lines);
  reportFatal = (error) => log.fatal({ err: error }, 'uncaught error');
  const signals = listenToSignals(() => process.exit(NOT_GOOD));
  return serve(config, { log, lines, stdout: openOutputWriter(), signals, terminal, version: version() });
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}

let reportFatal = (error: unknown): void => {
  process.stderr.write(`portcullis: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
};
// After an error that nobody expected nothing here can be trusted to decide: whoever supervises starts anew.
process.on('uncaughtException', (error) => {
  reportFatal(error);
  process.exit(NOT_GOOD);
});

process.exitCode = await runCli(process.argv.slice(2), { terminal, version: version(), serve: run });
