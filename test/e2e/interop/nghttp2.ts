import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nghttp2Clients } from '../../../scripts/install-h2load.mjs';
import { frame } from '../../transport/support/http2-client.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CHECKS, messageOf } from './checks.ts';
import { runProgram, type InteropClient } from './client.ts';
import type { Deployment } from './deployment.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
const GRPC_HEADERS = ['content-type: application/grpc', 'te: trailers'].flatMap((line) => ['-H', line]);

const CONNECTIONS = 4;

const schemeOf = (way: Deployment['way']): string => (way === 'tls' || way === 'mtls' ? 'https' : 'http');

/** One file of a request body for each check, given to `ask` one after the other. */
async function withBodies(ask: (file: string, path: string) => Promise<string[]>): Promise<string[]> {
  const directory = await temporaryDirectory();
  try {
    const problems: string[] = [];
    for (const check of CHECKS) {
      const file = join(directory.path, 'body');
      await writeFile(file, frame(messageOf(check)));
      problems.push(...(await ask(file, check.path.slice(0, 40))));
    }
    return problems;
  } finally {
    await directory.remove();
  }
}

/** h2load shows no certificate and reads no trailers: what was answered is told by the service's own counters. */
export const h2load: InteropClient = {
  name: 'h2load',
  async ask({ way, service }, timesEach) {
    if (way === 'mtls') return null;
    const { h2load: program, env } = await nghttp2Clients();
    const target = way === 'unix' ? ['--base-uri', service.address, `http://localhost${CHECK}`] : [];
    return withBodies(async (file, path) => {
      const { output } = await runProgram(
        program,
        [
          ...['-n', String(timesEach), '-c', String(CONNECTIONS), '-m', '20', '-d', file, ...GRPC_HEADERS],
          ...(target.length > 0 ? target : [`${schemeOf(way)}://${service.address}${CHECK}`]),
        ],
        env,
      );
      const all = String(timesEach);
      const good =
        output.includes(`${all} done, ${all} succeeded, 0 failed, 0 errored, 0 timeout`) &&
        output.includes(`status codes: ${all} 2xx`);
      return good ? [] : [`${path}: ${output}`];
    });
  },
};

/** The plain client of the same library: it can show a certificate, and prints the trailers. */
export const nghttp: InteropClient = {
  name: 'nghttp',
  async ask({ way, service, client }, timesEach) {
    if (way === 'unix') return null;
    const { nghttp: program, env } = await nghttp2Clients();
    return withBodies(async (file, path) => {
      const { output } = await runProgram(
        program,
        [
          ...['--no-dep', '-nv', '-m', String(timesEach), '-d', file, ...GRPC_HEADERS],
          ...(way === 'mtls' ? ['--cert', client.certificate, '--key', client.key] : []),
          `${schemeOf(way)}://${service.address}${CHECK}`,
        ],
        env,
      );
      const ended = output.match(/grpc-status: 0$/gm)?.length ?? 0;
      const away = /GOAWAY frame.*\n.*\n?.*error_code=(?!NO_ERROR)/.exec(output)?.[0];
      return ended === timesEach && away === undefined
        ? []
        : [`${path}: ${ended} of ${timesEach} calls ended well ${away ?? ''}\n${output.slice(-500)}`];
    });
  },
};
