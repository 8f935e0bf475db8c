/** `portcullis audit verify`: whether a decision log is whole and as it was written. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { UnusableKey, verifyKey } from '../../audit/seal.ts';
import type { SealMethod, VerifyKey } from '../../audit/seal.ts';
import { verifyLog } from '../../audit/verify/verify.ts';
import type { LogFile } from '../../audit/verify/verify.ts';
import type { ExitCode } from '../exit-code.ts';
import { DONE, NOT_GOOD } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { configOption, formatOption } from '../options.ts';
import type { Format } from '../options.ts';
import { auditJson, auditText } from '../reporters/audit.ts';
import { painterFor, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

interface AuditOptions {
  readonly key?: string;
  readonly publicKey?: string;
  readonly format: Format;
}

export function auditCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  return new Command('audit')
    .description('prove that a decision log is whole and as it was written')
    .addArgument(new Argument('<action>', 'what to do').choices(['verify']))
    .addArgument(new Argument('<path...>', 'files of the log, in their order, or directories of *.jsonl files'))
    .addOption(new Option('--key <file>', 'the secret key of `audit.integrity` (hmac-sha256)').conflicts('publicKey'))
    .addOption(new Option('--public-key <file>', 'the public half of the key of `audit.integrity` (ed25519, PEM)'))
    .addOption(configOption())
    .addOption(formatOption('text'))
    .addHelpText('after', HELP)
    .action(async (_action: string, paths: readonly string[], options: AuditOptions) => {
      const { stdout, env } = terminal;
      const key = keyOf(options);
      const report = verifyLog(filesAt(paths), key);
      await write(stdout, options.format === 'json' ? auditJson(report) : auditText(report, painterFor(stdout, env)));
      end(report.good ? DONE : NOT_GOOD);
    });
}

function keyOf({ key, publicKey }: AuditOptions): VerifyKey | null {
  const [method, path]: [SealMethod, string | undefined] =
    publicKey === undefined ? ['hmac-sha256', key] : ['ed25519', publicKey];
  if (path === undefined) return null;
  const content = readable(path, () => readFileSync(path));
  try {
    return verifyKey(method, content);
  } catch (cause) {
    if (!(cause instanceof UnusableKey)) throw cause;
    throw new CommandFailure(`${path}: ${cause.message}`, [], new Map(), { cause });
  }
}

/** Read one after the other, since together they may be more than there is memory. */
function* filesAt(paths: readonly string[]): Generator<LogFile> {
  for (const path of paths) {
    const isDirectory = readable(path, () => statSync(path).isDirectory());
    const files = isDirectory
      ? readable(path, () => readdirSync(path))
          .filter((name) => name.endsWith('.jsonl'))
          .sort()
          .map((name) => join(path, name))
      : [path];
    for (const file of files) yield { name: file, content: readable(file, () => readFileSync(file)) };
  }
}

function readable<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(`${path} cannot be read: ${why}`, [], new Map(), { cause });
  }
}

const HELP = `
Finds what was changed, put in another order, written twice or taken away: lines, whole batches, files,
the end of a stream that a later one follows. What the log itself says is missing (gaps, and processes
that were killed) is listed and is no fault. Without a key only the chain is followed, which whoever
changes the log can make anew. At the end of what a running process has written nothing proves that
there was no more: the report says until when each stream is proven.

Give the files of one sink, of all processes of an instance.

Exit code: 0 good, 1 not good, 2 when a path or the key cannot be read.

Examples:
  portcullis audit verify /var/log/portcullis --public-key audit.pub
  portcullis audit verify monday.jsonl tuesday.jsonl --key audit.key --format json | jq .problems`;
