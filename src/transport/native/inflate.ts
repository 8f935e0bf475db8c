/** Compressed messages, off the thread that answers, a few at a time. */
import { gunzip } from 'node:zlib';
import { INFLATING_AT_ONCE, MAX_INFLATED_BYTES, MAX_WAITING_TO_INFLATE } from './bounds.ts';
import { BAD_COMPRESSION, MESSAGE_TOO_LARGE, TOO_MUCH_AT_ONCE } from './call-status.ts';
import type { Status } from './call-status.ts';

type Done = (result: Uint8Array | Status) => void;

interface Job {
  readonly message: Uint8Array;
  readonly maxBytes: number;
  readonly done: Done;
}

let running = 0;
const waiting: Job[] = [];

/** Calls `done` later with what is in `message`, at most `maxBytes`, or with why the call has to end. */
export function inflate(message: Uint8Array, maxBytes: number, done: Done): void {
  const job: Job = { message, maxBytes: Math.min(maxBytes, MAX_INFLATED_BYTES), done };
  if (running < INFLATING_AT_ONCE) run(job);
  else if (waiting.length < MAX_WAITING_TO_INFLATE) waiting.push(job);
  else process.nextTick(done, TOO_MUCH_AT_ONCE);
}

function run({ message, maxBytes, done }: Job): void {
  running++;
  // zlib wants a bound of at least one byte.
  gunzip(message, { maxOutputLength: Math.max(1, maxBytes) }, (error, result) => {
    running--;
    const next = waiting.shift();
    if (next !== undefined) run(next);
    if (error === null && result.length <= maxBytes) done(result);
    else done(error === null || isTooLarge(error) ? MESSAGE_TOO_LARGE : BAD_COMPRESSION);
  });
}

function isTooLarge(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_BUFFER_TOO_LARGE';
}
