/** `portcullis serve`: reads the configuration, and hands over to the service. */
import { Command, Option } from 'commander';
import type { ServiceConfig } from '../../config/config.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOption, policiesOption } from '../options.ts';
import type { PolicyOptions } from '../options.ts';
import { configFor } from '../policies.ts';
import type { Terminal } from '../terminal.ts';

/** Runs the service until it is told to stop; the exit code of the process. */
export type Serve = (config: ServiceConfig) => Promise<ExitCode>;

interface ServeOptions extends PolicyOptions {
  readonly listen?: string;
  readonly admin?: string;
  readonly health?: string;
  readonly state?: string;
  readonly workers?: number | string;
}

export function serveCommand(terminal: Terminal, serve: Serve, end: (code: ExitCode) => void): Command {
  return new Command('serve')
    .description('run the service that Envoy asks')
    .addOption(policiesOption())
    .addOption(new Option('--listen <address>', 'gRPC listener: HOST:PORT or unix:PATH (default: 127.0.0.1:9191)'))
    .addOption(
      new Option('--admin <address>', 'admin server (default: 127.0.0.1:9192, this machine only; empty: none)'),
    )
    .addOption(new Option('--health <address>', 'server of /livez, /readyz and /metrics only (default: none)'))
    .addOption(
      new Option('--state <directory>', 'keep the last good policies there, for a restart while the files have errors'),
    )
    .addOption(
      // What is no number is for the configuration to tell, as in a file.
      new Option(
        '--workers <number>',
        'processes that answer checks (default: as many as processors may be used)',
      ).argParser((text) => (/^\d+$/.test(text) ? Number(text) : text)),
    )
    .addOption(configOption())
    .addHelpText('after', HELP)
    .action(async ({ config: file, ...flags }: ServeOptions) => {
      const config = configFor(file === undefined ? {} : { config: file }, { ...flags }, terminal.env);
      end(await serve(config));
    });
}

const HELP = `
Prints one line on standard output when it is ready; logs are JSON lines on standard error.
Policies are read again when they change. A set with an error is refused whole: the last good one
stays in force, and before the first good one every check is denied.
SIGTERM or SIGINT stops it once checks in flight are answered; SIGHUP reads the policies now.

Examples:
  portcullis serve
  portcullis serve --policies policies/ --listen 0.0.0.0:9191 --health 0.0.0.0:9193
  portcullis serve --config portcullis.yaml --listen unix:/run/portcullis.sock`;
