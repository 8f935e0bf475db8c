/** Lines of a worker's standard error, passed on whole: written by several processes, long ones would tear each other. */
import type { Readable } from 'node:stream';

/** Where lines go: `LineWriter` is one. */
export interface LineTaker {
  hasRoom(bytes: number): boolean;
  write(lines: Buffer): boolean;
  /** Resolves when all that was taken is written or lost. */
  flush(): Promise<void>;
}

/** What has no end for so long is no line, and is passed on as one. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * While `to` has no room nothing is read: the worker, which numbers its decisions, knows what it cannot get rid of, and says
 * in its log what is missing. What was lost here would be missing without a word.
 */
export function passOnLines(from: Readable, to: LineTaker): void {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const give = (lines: Buffer): void => {
    if (to.hasRoom(lines.length)) {
      to.write(lines);
      return;
    }
    from.pause();
    void giveLater(lines).then(() => from.resume());
  };
  const giveLater = async (lines: Buffer): Promise<void> => {
    do await to.flush();
    while (!to.hasRoom(lines.length));
    to.write(lines);
  };
  const flush = (last: Buffer): void => {
    give(rest.length === 0 ? last : Buffer.concat([...rest, last]));
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
