/** Where the requests of `check` and `explain` come from: a file with one, or with one a line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { readCheckRequest } from '../../extauthz/json/check-request.ts';
import type { ReadRequest } from '../../extauthz/json/check-request.ts';
import { CommandFailure } from '../failure.ts';
import type { RequestOptions } from '../options.ts';

export interface NumberedRequest {
  /** From 1. */
  readonly line: number;
  readonly request: ReadRequest;
}

/**
 * The requests that the options name, one at a time, however many there are.
 * @throws {@link CommandFailure} when the options name none or both, or the file cannot be read.
 */
export async function* requestsOf(
  { request, requests }: Pick<RequestOptions, 'request' | 'requests'>,
  stdin: Readable,
): AsyncGenerator<NumberedRequest> {
  const path = request ?? requests;
  if (path === undefined) throw new CommandFailure('say what to decide: `--request FILE` or `--requests FILE.jsonl`');
  const stream = path === '-' ? stdin : createReadStream(path);
  try {
    if (requests === undefined) {
      yield { line: 1, request: readCheckRequest(withoutMark(await readAll(stream))) };
    } else {
      yield* lines(stream);
    }
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new CommandFailure(`\`${path}\` cannot be read: ${cause.message}`, [], new Map(), { cause });
  }
}

async function* lines(stream: Readable): AsyncGenerator<NumberedRequest> {
  let line = 0;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    line++;
    const bare = line === 1 ? withoutMark(text) : text;
    // The end of the file, or a gap that someone left between two requests.
    if (bare.trim() !== '') yield { line, request: readCheckRequest(bare) };
  }
}

/** Without a byte order mark, which some editors put first. */
function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** An error of the operating system, and not a mistake of ours. */
function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return typeof cause === 'object' && cause !== null && 'syscall' in cause;
}
