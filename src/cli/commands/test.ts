/** `portcullis test`: runs the policy tests that lie beside the policies. */
import { Argument, Command } from 'commander';
import { DONE, NOT_GOOD } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOption, formatOption } from '../options.ts';
import type { ConfigOption, Format } from '../options.ts';
import { runTests } from '../policy-test/run.ts';
import { summaryOf, testRunJson, testRunText } from '../reporters/test-run.ts';
import { painterFor, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

interface TestOptions extends ConfigOption {
  readonly format: Format;
  readonly coverage: boolean;
}

export function testCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  return new Command('test')
    .description('run the tests of policies (*.test.yaml)')
    .addArgument(new Argument('<path...>', 'directories, test files, or policy files with tests beside them'))
    .option('--coverage', 'tell which rules matched in no test', false)
    .addOption(configOption())
    .addOption(formatOption('text'))
    .addHelpText('after', HELP)
    .action(async (paths: readonly string[], { format, coverage, ...options }: TestOptions) => {
      const { stdout, env } = terminal;
      const run = await runTests(paths, options, env);
      await write(
        stdout,
        format === 'json' ? testRunJson(run, coverage) : testRunText(run, coverage, painterFor(stdout, env)),
      );
      const { failed, brokenFiles } = summaryOf(run);
      end(failed === 0 && brokenFiles === 0 ? DONE : NOT_GOOD);
    });
}

const HELP = `
A test is a request in short form and what is expected of its decision. Each file is run with the policies
of its directory, or with those that it names, and with the configuration keys that it sets.

Exit code: 0 when all pass, 1 when one fails or a file has errors, 2 when there are no tests or a path
cannot be read.

Examples:
  portcullis test policies/
  portcullis test policies/shop.test.yaml --coverage`;
