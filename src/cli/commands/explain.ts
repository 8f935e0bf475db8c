/** `portcullis explain`: the whole way of a decision, with the code that serves. */
import { Command } from 'commander';
import { explainOffline } from '../../extauthz/offline.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOption, formatOption, policiesOption, requestOptions } from '../options.ts';
import type { RequestOptions } from '../options.ts';
import { readyPolicies } from '../policies.ts';
import { explanationJson, explanationText } from '../reporters/explanation.ts';
import { answerEach } from '../requests/answer-each.ts';
import type { Terminal } from '../terminal.ts';

export function explainCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const command = new Command('explain')
    .description('say why a request is allowed or denied')
    .addOption(policiesOption());
  for (const option of requestOptions()) command.addOption(option);
  return command
    .addOption(configOption())
    .addOption(formatOption('text'))
    .addHelpText('after', HELP)
    .action(async (options: RequestOptions) => {
      const { config, snapshot } = await readyPolicies(options, terminal.env);
      end(
        await answerEach(options, config, snapshot, terminal, {
          answer: explainOffline,
          json: explanationJson,
          text: explanationText,
        }),
      );
    });
}

const HELP = `
Takes the same requests as check. Tells which workload is called and how that is known, each policy that
applies to it, which of its rules matched, and for every rule that did not the first field that failed:
what the rule asks for there, and what the request has.

Exit code: 0 when all were decided, allowed or denied; 2 when anything cannot be read.

Examples:
  portcullis explain --policies policies/ --request request.json
  portcullis explain --policies policies/ --requests requests.jsonl --format json`;
