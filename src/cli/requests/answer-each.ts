/** Goes through the requests of a command and prints one answer for each: what `check` and `explain` share. */
import type { ServiceConfig } from '../../config/config.ts';
import type { OfflineOptions } from '../../extauthz/offline.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { DONE, UNUSABLE } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { RequestOptions } from '../options.ts';
import { answerSettings } from '../settings.ts';
import { isGone, painterFor, write } from '../terminal.ts';
import type { Painter, Terminal } from '../terminal.ts';
import { requestsOf } from './request-lines.ts';

export interface Answering<Answer> {
  /** null: the bytes are no CheckRequest. */
  readonly answer: (bytes: Uint8Array, options: OfflineOptions) => Answer | null;
  /** One line, without its end. */
  readonly json: (answer: Answer) => string;
  /** Whole lines. */
  readonly text: (answer: Answer, line: number, paint: Painter) => string;
}

export async function answerEach<Answer>(
  options: RequestOptions,
  config: ServiceConfig,
  snapshot: PolicySnapshot,
  terminal: Terminal,
  { answer, json, text }: Answering<Answer>,
): Promise<ExitCode> {
  const { stdin, stdout, stderr, env } = terminal;
  const paint = painterFor(stdout, env);
  const settings = answerSettings(config);
  const file = options.request ?? options.requests ?? '';
  let exitCode: ExitCode = DONE;
  for await (const { line, request } of requestsOf(options, stdin)) {
    if (isGone(stdout)) break;
    const answered = 'error' in request ? null : answer(request.bytes, { snapshot, ...settings, nowMs: Date.now() });
    if (answered !== null) {
      await write(stdout, options.format === 'json' ? `${json(answered)}\n` : text(answered, line, paint));
      continue;
    }
    exitCode = UNUSABLE;
    const error = 'error' in request ? request.error : NOT_A_MESSAGE;
    if (options.format === 'json') await write(stdout, `${JSON.stringify({ error: { line, ...error } })}\n`);
    await write(stderr, `${file}:${line}: ${error.code}: ${error.message}\n`);
  }
  return exitCode;
}

const NOT_A_MESSAGE = { code: 'not-a-check-request', message: 'the bytes are no CheckRequest' };
