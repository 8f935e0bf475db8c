import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ghzPath } from '../../../scripts/install-ghz.mjs';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CHECKS, checkRequestOf } from './checks.ts';
import { runProgram, type InteropClient } from './client.ts';

const PROTO = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** The part of ghz's report that is looked at. */
interface Report {
  readonly count: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly errorDistribution: Readonly<Record<string, number>>;
}

/** A line of its debug log that tells of an answer; both messages in protobuf's text form. */
interface AnswerLine {
  readonly message: string;
  readonly input?: string;
  readonly response?: string;
}

/** grpc-go by way of ghz: several calls at once on several connections, messages compressed or not. */
export function ghz(name: string, options: readonly string[]): InteropClient {
  return {
    name,
    async ask({ way, service, client }, timesEach) {
      const directory = await temporaryDirectory();
      const file = (base: string): string => join(directory.path, base);
      const total = timesEach * CHECKS.length;
      try {
        // A list is asked in turn.
        await writeFile(file('data.json'), JSON.stringify(CHECKS.map(checkRequestOf)));
        const tls = ['--cacert', client.authority, '--cname', 'localhost'];
        const { code, output } = await runProgram(await ghzPath(), [
          ...(way === 'tls' ? tls : []),
          ...(way === 'mtls' ? [...tls, '--cert', client.certificate, '--key', client.key] : []),
          ...(way === 'tcp' || way === 'unix' ? ['--insecure'] : []),
          ...['--proto', 'envoy/service/auth/v3/external_auth.proto', '--import-paths', PROTO],
          ...['--call', 'envoy.service.auth.v3.Authorization/Check', '--data-file', file('data.json')],
          ...['--total', String(total), '--concurrency', '20', '--connections', '4', ...options],
          ...['--format', 'json', '--output', file('report.json'), '--debug', file('debug.log')],
          service.address,
        ]);
        if (code !== 0) return [`ghz left with ${String(code)}: ${output}`];
        return [
          ...callProblems(JSON.parse(await readFile(file('report.json'), 'utf8')) as Report, total),
          ...answerProblems(await readFile(file('debug.log'), 'utf8')),
        ];
      } finally {
        await directory.remove();
      }
    },
  };
}

function callProblems({ count, statusCodeDistribution: statuses, errorDistribution }: Report, total: number): string[] {
  if (count === total && statuses['OK'] === total) return [];
  return [`of ${total} calls ${count} ended, with ${JSON.stringify(statuses)} ${JSON.stringify(errorDistribution)}`];
}

/** The log holds a sample of the answers; the service's own counters tell of all of them (main.ts). */
function answerProblems(log: string): string[] {
  const answers = log
    .split('\n')
    .filter((line) => line.includes('"Received response"'))
    .map((line) => JSON.parse(line) as AnswerLine);
  return CHECKS.flatMap(({ path, decision }) => {
    const own = answers.filter(({ input }) => input?.includes(`path:"${path}"`));
    const wrong = own.filter(
      ({ response }) => !response?.includes(`key:"decision" value:<string_value:"${decision}">`),
    );
    return own.length > 0 && wrong.length === 0
      ? []
      : [`${path.slice(0, 40)}: ${wrong.length} of ${own.length} answers are not ${decision}`];
  });
}
