/**
 * The service log: JSON lines on standard error. Standard output belongs to what a command prints
 * (results of `check`, the ready line of `serve`), so that it can be piped whatever is logged.
 */
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { LineWriter } from './line-writer.ts';
import { masked } from './masking.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/**
 * Messages are constant texts; what varies goes into the fields, where it is escaped and masked:
 * `log.warn({ file, code }, 'policies refused')`. There is no `child`: pino does not mask its bindings.
 */
export type Logger = Pick<PinoLogger, Exclude<LogLevel, 'silent'> | 'isLevelEnabled'>;

export interface LineSink {
  write(line: string): unknown;
  /** Called after a fatal line, because the process may end at once. */
  flushSync?(): void;
}

/** A log line: `level` (its word), `time` (ISO 8601, UTC), the fields, `msg`. */
export function createLogger(level: LogLevel, sink: LineSink): Logger {
  return pino(
    {
      level,
      // No process id and host name: what runs the container adds its own, and better ones.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: masked },
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    },
    sink as DestinationStream,
  );
}

/** From now on. */
export function setLogLevel(log: Logger, level: LogLevel): void {
  (log as PinoLogger).level = level;
}

const STDOUT = 1;
const STDERR = 2;

/** The writer of standard error, shared by the service log and the decision log so that lines stay whole. */
export function openLogWriter(): LineWriter {
  return openWriter(STDERR);
}

/** The writer of standard output, for the decision log where it goes there. */
export function openOutputWriter(): LineWriter {
  return openWriter(STDOUT);
}

function openWriter(fd: number): LineWriter {
  const writer = new LineWriter({ fd });
  process.once('exit', () => writer.flushSync());
  return writer;
}
