import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { withLock } from '../../../../scripts/lib/lock.mjs';
import { TOOLS } from '../../../../scripts/lib/paths.mjs';
import { withProgress } from '../../../../scripts/lib/progress.mjs';
import { BootstrapError, lastLines, run } from '../../../../scripts/lib/run.mjs';

const VERSION = '26.4.5';
const SHA256 = '72f73642a2c36de797d51b4b2b342d4a49f6e5832af10aa470cd123627bd80b3';

/**
 * The folder of Keycloak's own distribution, installed into `.tools/` at the first call (160 MB from a Maven registry).
 * Needs a JDK 17 or newer, Maven and Python 3; whatever is missing is said.
 */
export async function keycloakFolder(): Promise<string> {
  const folder = join(TOOLS, `keycloak-${VERSION}`);
  if (existsSync(folder)) return folder;
  await mkdir(TOOLS, { recursive: true });
  await withLock(join(TOOLS, 'keycloak.lock'), async () => {
    if (existsSync(folder)) return;
    await withProgress(`installing Keycloak ${VERSION} into .tools/ (Maven)`, () => install(folder));
  });
  return folder;
}

async function install(folder: string): Promise<void> {
  const artifact = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
  await succeed('mvn', ['-q', '-B', 'dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false']);
  const repository = join(homedir(), '.m2', 'repository', 'org', 'keycloak', 'keycloak-quarkus-dist', VERSION);
  const zip = join(repository, `keycloak-quarkus-dist-${VERSION}.zip`);
  const digest = createHash('sha256');
  await pipeline(createReadStream(zip), digest);
  if (digest.digest('hex') !== SHA256)
    throw new BootstrapError(`${zip} is not the Keycloak ${VERSION} that is expected.`);
  const fresh = await mkdtemp(join(TOOLS, 'new-keycloak-'));
  try {
    await succeed('python3', ['-m', 'zipfile', '-e', zip, fresh]);
    // In place only when it is whole.
    await rename(join(fresh, `keycloak-${VERSION}`), folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new BootstrapError(`${command} failed. Its last words:\n${lastLines(output)}`);
}
