/** `portcullis lint`: every problem of policies and of their tests. */
import { Argument, Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import { DONE, NOT_GOOD, UNUSABLE } from '../exit-code.ts';
import { lintPaths } from '../lint.ts';
import { configOption, formatOption } from '../options.ts';
import type { ConfigOption, Format } from '../options.ts';
import { configFor } from '../policies.ts';
import { lintJson, lintText } from '../reporters/lint.ts';
import { painterFor, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

interface LintOptions extends ConfigOption {
  readonly format: Format;
}

export function lintCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  return new Command('lint')
    .description('find every problem in policy files')
    .addArgument(new Argument('<path...>', 'policy files and directories'))
    .addOption(configOption())
    .addOption(formatOption('text'))
    .addHelpText('after', HELP)
    .action(async (paths: readonly string[], options: LintOptions) => {
      const { stdout, env } = terminal;
      const result = await lintPaths(paths, configFor(options, { policies: paths }, env));
      await write(stdout, options.format === 'json' ? lintJson(result) : lintText(result, painterFor(stdout, env)));
      const hasErrors = result.diagnostics.some(({ severity }) => severity === 'error');
      end(result.unreadable ? UNUSABLE : hasErrors ? NOT_GOOD : DONE);
    });
}

const HELP = `
Reads the paths as one set, as serve would, and their *.test.yaml files. Each problem is told as
file:line:column: severity code: message, with the line that it is in and a hint. Errors refuse a set;
warnings and notes do not. The configuration counts: some settings decide what is valid.

Exit code: 0 without errors, 1 with errors, 2 when a path cannot be read.

Examples:
  portcullis lint policies/
  portcullis lint policies/ --format json | jq '.diagnostics[] | select(.severity == "error")'`;
