/** `portcullis check`: decides requests offline, with the code that serves. */
import { Command } from 'commander';
import { decideOffline } from '../../extauthz/offline.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOption, formatOption, policiesOption, requestOptions } from '../options.ts';
import type { RequestOptions } from '../options.ts';
import { readyPolicies } from '../policies.ts';
import { decisionJson, decisionText } from '../reporters/decision.ts';
import { answerEach } from '../requests/answer-each.ts';
import type { Terminal } from '../terminal.ts';

export function checkCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const command = new Command('check')
    .description('decide requests offline, by the code that serves')
    .addOption(policiesOption());
  for (const option of requestOptions()) command.addOption(option);
  return command
    .addOption(configOption())
    .addOption(formatOption('json'))
    .addHelpText('after', HELP)
    .action(async (options: RequestOptions) => {
      const { config, snapshot } = await readyPolicies(options, terminal.env);
      end(
        await answerEach(options, config, snapshot, terminal, {
          answer: decideOffline,
          json: decisionJson,
          text: decisionText,
        }),
      );
    });
}

const HELP = `
A request is an Envoy CheckRequest: protobuf JSON, or its bytes as {"bytes": "<base64>"}. For each one
a JSON object comes out, in the same order: decision (allow or deny), httpStatus, reason, policy (ns/name)
and rule or null, revision, and what is done to the request and said to the client. For one that cannot
be read it is {"error": …}, the rest is decided all the same, and the exit code is 2.

Exit code: 0 when all were decided, allowed or denied; 2 when anything cannot be read.

Examples:
  portcullis check --policies policies/ --request request.json
  portcullis check --policies policies/ --requests requests.jsonl --format json | jq -r .decision
  grpc-log | portcullis check --policies policies/ --requests -`;
