/** The command line as it tells of itself: its own help is the reference. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../../../src/cli/cli.ts';
import { code, table } from '../markdown.ts';

export interface CommandHelp {
  /** As typed, without the name of the program: `audit`. */
  readonly name: string;
  readonly summary: string;
  readonly help: string;
}

/** Every command, in the order of the help; one with commands below it is followed by these. */
export async function commandsHelp(above: readonly string[] = []): Promise<readonly CommandHelp[]> {
  const listed = (await helpOf(above)).split('\nCommands:\n')[1] ?? '';
  const found: CommandHelp[] = [];
  for (const [, word = '', rest = ''] of listed.split('\n\n')[0]!.matchAll(/^ {2}([\w-]+)(.*(?:\n {4,}.*)*)/gm)) {
    if (word === 'help') continue;
    const path = [...above, word];
    const summary = rest.replace(/^.*? {2,}/s, '').replace(/\s+/g, ' ');
    found.push({ name: path.join(' '), summary, help: await helpOf(path) }, ...(await commandsHelp(path)));
  }
  return found;
}

async function helpOf(path: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  const written = text(stdout);
  const terminal = { stdin: new PassThrough(), stdout, stderr: stdout, env: {} };
  await runCli([...path, '--help'], { terminal, version: '', serve: () => Promise.resolve(0) });
  stdout.end();
  return (await written).trimEnd();
}

export async function commands(): Promise<string> {
  const all = await commandsHelp();
  const list = table(
    ['command', 'does'],
    all.map(({ name, summary }) => [`[${code(name)}](#${name.replaceAll(' ', '-')})`, summary]),
  );
  return [list, ...all.map(({ name, help }) => `## ${name}\n\n\`\`\`text\n${help}\n\`\`\``)].join('\n\n');
}
