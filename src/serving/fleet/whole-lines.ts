/** Lines of a worker's standard error, passed on whole: written by several processes, long ones would tear each other. */
import type { Readable } from 'node:stream';

/** What has no end for so long is no line, and is passed on as one. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export function passOnLines(from: Readable, write: (lines: Buffer) => unknown): void {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const flush = (last: Buffer): void => {
    write(rest.length === 0 ? last : Buffer.concat([...rest, last]));
    rest = [];
    restBytes = 0;
  };
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) flush(chunk.subarray(0, end));
    if (end === chunk.length) return;
    rest.push(chunk.subarray(end));
    restBytes += chunk.length - end;
    if (restBytes > MAX_LINE_BYTES) flush(Buffer.from('\n'));
  });
  from.on('end', () => {
    if (restBytes > 0) flush(Buffer.from('\n'));
  });
  from.on('error', () => undefined);
}
