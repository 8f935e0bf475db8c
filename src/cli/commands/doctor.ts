/** `portcullis doctor`: whatever in the configuration of Envoy or Istio opens or blinds the gate. */
import { Argument, Command } from 'commander';
import { CONFIG_FILE_VARIABLE } from '../../config/settings.ts';
import { examine } from '../../doctor/doctor.ts';
import type { InputFile } from '../../doctor/doctor.ts';
import type { ServiceFacts } from '../../doctor/service-facts.ts';
import { readPolicyFiles } from '../../pap/sources/read-files.ts';
import { DONE, NOT_GOOD, UNUSABLE } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { configOption, formatOption } from '../options.ts';
import type { ConfigOption, Format } from '../options.ts';
import { configFor } from '../policies.ts';
import { doctorJson, doctorText } from '../reporters/doctor.ts';
import { painterFor, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

interface DoctorOptions extends ConfigOption {
  readonly format: Format;
}

export function doctorCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  return new Command('doctor')
    .description('find what opens or blinds the gate in configurations of Envoy and Istio')
    .addArgument(new Argument('<path...>', 'config dumps, bootstraps, manifests, directories; `-` is standard input'))
    .addOption(configOption())
    .addOption(formatOption('text'))
    .addHelpText('after', HELP)
    .action(async (paths: readonly string[], options: DoctorOptions) => {
      const { stdin, stdout, env } = terminal;
      const facts = factsFor(options, env);
      const named = paths.filter((path) => path !== STANDARD_INPUT);
      const read = await readPolicyFiles(named);
      const files: InputFile[] = read.files.map(({ path, text }) => ({ path, text }));
      if (named.length < paths.length) files.push({ path: '(standard input)', text: await readAll(stdin) });
      const { findings, problems: broken } =
        files.length === 0 && read.diagnostics.length > 0 ? NOTHING : examine(files, facts);
      const problems = [...read.diagnostics, ...broken];
      const result = { findings, problems, texts: new Map(files.map(({ path, text }) => [path, text])) };
      await write(stdout, options.format === 'json' ? doctorJson(result) : doctorText(result, painterFor(stdout, env)));
      const hasErrors = findings.some(({ severity }) => severity === 'error');
      end(problems.length > 0 ? UNUSABLE : hasErrors ? NOT_GOOD : DONE);
    });
}

const STANDARD_INPUT = '-';

const NOTHING = { findings: [], problems: [] };

/** As large as the largest file that is read. */
const MAX_STANDARD_INPUT_BYTES = 64 * 1024 * 1024;

/** null unless a configuration is named: what nobody says of Portcullis is compared with nothing. */
function factsFor(options: ConfigOption, env: Terminal['env']): ServiceFacts {
  const isNamed = options.config !== undefined || (env[CONFIG_FILE_VARIABLE] ?? '') !== '';
  return isNamed ? configFor(options, {}, env) : null;
}

/** @throws {@link CommandFailure} when it is too long, or no text */
async function readAll(stdin: Terminal['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_STANDARD_INPUT_BYTES) {
      throw new CommandFailure(`standard input is longer than ${MAX_STANDARD_INPUT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new CommandFailure('standard input is no UTF-8 text', [], new Map(), { cause });
  }
}

const HELP = `
Reads what Envoy or Istio is configured with:
  - a config dump of a running Envoy (/config_dump, best with ?include_eds), which has everything;
  - a bootstrap file of Envoy, or files of its xDS resources;
  - the mesh config of Istio (by itself, as Helm values, or in the ConfigMap \`istio\`), EnvoyFilters, and
    AuthorizationPolicies of action CUSTOM. Give them together: they are judged together.
With --config also whatever has to agree with the configuration of Portcullis (clientIp, identity.jwtMetadata,
requests.ambiguousPaths, trustDomain). Each finding has its place, a stable code, what it gives to somebody who attacks,
and what mends it. What is not in the input is told too.

Exit code: 0 without errors, 1 with errors, 2 when something cannot be read.

Examples:
  portcullis doctor deploy/istio/
  portcullis doctor --config portcullis.yaml envoy.yaml
  curl -s localhost:9901/config_dump?include_eds | portcullis doctor -
  kubectl exec deploy/orders -c istio-proxy -- pilot-agent request GET config_dump | portcullis doctor -`;
