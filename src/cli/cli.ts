/** The command line: one program, its commands, and what it ends with. */
import { Command, CommanderError } from 'commander';
import { auditCommand } from './commands/audit.ts';
import { checkCommand } from './commands/check.ts';
import { doctorCommand } from './commands/doctor.ts';
import { envoyConfigCommand } from './commands/envoy-config.ts';
import { explainCommand } from './commands/explain.ts';
import { lintCommand } from './commands/lint.ts';
import { serveCommand } from './commands/serve.ts';
import type { Serve } from './commands/serve.ts';
import { testCommand } from './commands/test.ts';
import { DONE, UNUSABLE } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { countBySeverity, countsText, diagnosticsText } from './reporters/diagnostics.ts';
import { painterFor, write } from './terminal.ts';
import type { Terminal } from './terminal.ts';

export interface CliParts {
  readonly terminal: Terminal;
  readonly version: string;
  /** Runs the service; the command line itself knows nothing of transports. */
  readonly serve: Serve;
}

/** Runs one command. `args` is what stands behind the name of the program. Never rejects for a mistake of the user. */
export async function runCli(args: readonly string[], parts: CliParts): Promise<ExitCode> {
  const { terminal } = parts;
  let exitCode: ExitCode = DONE;
  const end = (code: ExitCode): void => {
    exitCode = code;
  };
  const program = new Command('portcullis')
    .description('Policy decision point for Envoy and Istio: decides requests by policy files.')
    .version(parts.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addCommand(serveCommand(terminal, parts.serve, end))
    .addCommand(checkCommand(terminal, end))
    .addCommand(explainCommand(terminal, end))
    .addCommand(lintCommand(terminal, end))
    .addCommand(testCommand(terminal, end))
    .addCommand(auditCommand(terminal, end))
    .addCommand(doctorCommand(terminal, end))
    .addCommand(envoyConfigCommand(terminal, end));
  for (const command of [program, ...program.commands]) settle(command, terminal);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : UNUSABLE;
    if (!(error instanceof CommandFailure)) throw error;
    await tellFailure(error, terminal);
    return UNUSABLE;
  }
}

/** Makes commander report to us: it would end the process, and with codes of its own. */
function settle(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .showHelpAfterError('(`--help` tells how to use it)')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // Not as narrow as a pipe without a width would have it, nor as wide as some screens.
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    });
}

async function tellFailure(failure: CommandFailure, { stderr, env }: Terminal): Promise<void> {
  const { diagnostics, texts, message } = failure;
  const paint = painterFor(stderr, env);
  const counts = diagnostics.length === 0 ? '' : ` (${countsText(countBySeverity(diagnostics))})`;
  await write(
    stderr,
    `${diagnosticsText(diagnostics, texts, paint)}${paint('red', 'portcullis:')} ${message}${counts}\n`,
  );
}
