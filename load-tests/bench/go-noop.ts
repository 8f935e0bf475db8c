/** The yardstick: the Go server in go-noop/, built into `.tools/` when it is not there yet. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOOLS } from '../../scripts/lib/paths.mjs';

const SOURCE = fileURLToPath(new URL('./go-noop/', import.meta.url));
const FILES = ['main.go', 'go.mod', 'go.sum'];

export interface Yardstick {
  readonly program: string;
  /** As `go version` has it. */
  readonly go: string;
}

/** Or why there is none. */
export function buildYardstick(): Yardstick | { readonly absent: string } {
  const version = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (version.error !== undefined || version.status !== 0) return { absent: 'no Go here' };
  const go = version.stdout.trim().split(' ').slice(2).join(' ');
  const hash = createHash('sha256').update(go);
  for (const file of FILES) hash.update(readFileSync(join(SOURCE, file)));
  const folder = join(TOOLS, `go-noop-${hash.digest('hex').slice(0, 12)}`);
  if (!existsSync(folder)) {
    mkdirSync(TOOLS, { recursive: true });
    const fresh = mkdtempSync(join(TOOLS, 'new-go-noop-'));
    try {
      const built = spawnSync('go', ['build', '-o', join(fresh, 'go-noop'), '.'], { cwd: SOURCE, encoding: 'utf8' });
      if (built.status !== 0) return { absent: `the Go server could not be built: ${built.stderr}` };
      renameSync(fresh, folder);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return { program: join(folder, 'go-noop'), go };
}
