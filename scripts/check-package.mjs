/**
 * Packs the npm package and runs what is in it, in a folder of its own: the compiled program, the files it
 * reads, and the command's name. Its dependencies are those of the checkout, so no network is needed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './lib/paths.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

await runMain(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-package-'));
  try {
    await must('npm', ['pack', '--pack-destination', folder], ROOT);
    const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
    if (!archive) throw new BootstrapError('npm pack made no archive');
    await must('tar', ['-xzf', archive], folder);
    const unpacked = join(folder, 'package');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));

    // As npm installs a command: a link to the file of `bin`, run by its first line.
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await symlink(join(unpacked, 'dist', 'main.js'), join(bin, 'portcullis'));
    const portcullis = join(bin, 'portcullis');
    const help = await must(portcullis, ['--help'], folder);
    if (!help.includes('serve')) throw new BootstrapError(`portcullis --help does not name \`serve\`:\n${help}`);
    await must(portcullis, ['lint', join(unpacked, 'policies')], folder);
    await serves(portcullis, join(unpacked, 'policies'), folder);
    await showsConsole(portcullis, join(unpacked, 'policies'), folder);
    process.stdout.write(`${archive}: packed, unpacked, and \`portcullis\` runs and serves\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/**
 * Serving is more than the other commands run: its policies are read in a thread, and its workers are processes, which have
 * files of their own.
 *
 * @param {string} portcullis
 * @param {string} policies
 * @param {string} cwd
 */
async function serves(portcullis, policies, cwd) {
  const args = ['serve', '--policies', policies, '--listen', '127.0.0.1:0', '--admin', '', '--workers', '2'];
  const service = spawn(portcullis, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  const closed = once(service, 'close');
  let output = '';
  for await (const text of service.stdout.setEncoding('utf8')) {
    output += String(text);
    if (output.includes(' is ready: ')) service.kill('SIGTERM');
  }
  const [code] = await closed;
  if (code !== 0 || output === '') throw new BootstrapError(`portcullis serve ended with ${code}:\n${output}`);
}

/**
 * The console's page and all that it names are in the package.
 *
 * @param {string} portcullis
 * @param {string} policies
 * @param {string} cwd
 */
async function showsConsole(portcullis, policies, cwd) {
  const args = ['serve', '--policies', policies, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '1'];
  const service = spawn(portcullis, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  const closed = once(service, 'close');
  let output = '';
  let problem = 'it never said that it was ready';
  for await (const text of service.stdout.setEncoding('utf8')) {
    output += String(text);
    const admin = /admin (http:[^,]+)/.exec(output)?.[1];
    if (!output.endsWith('\n') || admin === undefined) continue;
    problem = await problemOfConsole(`${admin}/console/`);
    service.kill('SIGTERM');
  }
  await closed;
  if (problem !== '') throw new BootstrapError(`the console of the package: ${problem}\n${output}`);
}

/** @param {string} address of its page */
async function problemOfConsole(address) {
  const page = await fetch(address);
  const text = await page.text();
  const files = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => new URL(file, address));
  if (page.status !== 200 || files.length < 3) return `${page.status} ${text}`;
  for (const file of files) {
    const { status } = await fetch(file);
    if (status !== 200) return `${status} for ${file.href}`;
  }
  return '';
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
async function must(command, args, cwd) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) {
    throw new BootstrapError(`\`${command} ${args.join(' ')}\` ended with ${code}:\n${lastLines(output, 30)}`);
  }
  return output;
}
