/** Where a command reads and writes. Results go to `stdout` and nothing else does, so that they can be piped. */
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Streams whose reader has gone, as with `| head`. Node leaves standard streams open even then. */
const gone = new WeakSet<Writable>();

export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      gone.add(stream);
    });
  }
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env };
}

/** Nobody reads any more: what is left to say interests nobody. */
export function isGone(stream: Writable): boolean {
  return stream.destroyed || gone.has(stream);
}

/** Writes, and waits while the reader is slower than we are. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (text === '' || isGone(stream) || stream.write(text)) return;
  await new Promise<void>((resolve) => {
    const events = ['drain', 'close', 'error'];
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

export type Paint = 'red' | 'yellow' | 'green' | 'cyan' | 'bold' | 'dim';
export type Painter = (paint: Paint, text: string) => string;

/** Colours, where a person looks at them: on a terminal that has them, unless NO_COLOR (https://no-color.org) is set. */
export function painterFor(stream: Writable, env: Terminal['env']): Painter {
  const colours = 'isTTY' in stream && stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return colours ? (paint, text) => styleText(paint, text, { validateStream: false }) : (_paint, text) => text;
}
