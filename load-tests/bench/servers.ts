/** The servers that are compared: processes of their own, on a core of their own where the system can do that. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/e2e/support/child-process.ts';
import type { Child } from '../../test/e2e/support/child-process.ts';
import { freePort } from '../../test/e2e/support/ports.ts';
import { buildYardstick } from './go-noop.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Cold, beside other servers on the same core. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** What one core can do: more workers are measured elsewhere. */
export const ONE_WORKER = ['--workers', '1'];

export type ServerKind = 'native' | 'grpc-js' | 'go-noop';
export const SERVER_KINDS: readonly ServerKind[] = ['native', 'grpc-js', 'go-noop'];

export interface ServerOptions {
  /** Where its files go: configuration and log. */
  readonly directory: string;
  readonly policies: string;
  /** null: whichever core is free. */
  readonly core: number | null;
  /** Configuration keys of ours, beside the transport. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What Node is told, for profiles. */
  readonly nodeOptions?: readonly string[];
}

export interface RunningServer {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  /** Of ours: where its metrics are. */
  readonly adminUrl: string | null;
  stop(): Promise<void>;
}

/** Does it decide anything? The yardstick lets everybody in. */
export function decides(kind: ServerKind): boolean {
  return kind !== 'go-noop';
}

export async function startServer(kind: ServerKind, options: ServerOptions): Promise<RunningServer> {
  return kind === 'go-noop' ? startYardstick(options) : startOurs(kind, options);
}

/** In front of a command: runs it on this core alone. */
export function onCore(core: number | null, command: string, args: readonly string[]): [string, string[]] {
  return core === null ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]];
}

/** Two cores, one for the server and one for the generator, or none when they cannot be chosen. */
export function twoCores(): { readonly server: number | null; readonly generator: number | null } {
  const listed = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
  const ranges = /: ([\d,-]+)\s*$/.exec(listed.status === 0 ? listed.stdout : '')?.[1]?.split(',') ?? [];
  const cores = ranges.flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
  return cores.length < 2 ? { server: null, generator: null } : { server: cores.at(-2)!, generator: cores.at(-1)! };
}

async function startOurs(transport: ServerKind, options: ServerOptions): Promise<RunningServer> {
  const { directory, policies, core, config = {}, nodeOptions = [] } = options;
  mkdirSync(directory, { recursive: true });
  const configFile = join(directory, `${transport}.yaml`);
  // JSON is YAML. Metrics are on and denials are logged by default.
  writeFileSync(configFile, JSON.stringify({ ...config, transport }));
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const [command, args] = onCore(core, process.execPath, [
    ...nodeOptions,
    join(ROOT, 'src', 'main.ts'),
    ...['serve', '--config', configFile, '--policies', policies, '--listen', address, '--admin', admin],
    ...ONE_WORKER,
  ]);
  const child = startLogging(transport, command, args, join(directory, `${transport}.log`));
  return running(transport, address, `http://${admin}`, child);
}

async function startYardstick({ directory, core }: ServerOptions): Promise<RunningServer> {
  const built = buildYardstick();
  if ('absent' in built) throw new Error(built.absent);
  mkdirSync(directory, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const [command, args] = onCore(core, built.program, [address]);
  return running('go-noop', address, null, startLogging('go-noop', command, args, join(directory, 'go-noop.log')));
}

/** What it logs goes to a file, as a container's does, and not through this process. */
function startLogging(name: string, command: string, args: readonly string[], log: string): Child {
  rmSync(log, { force: true });
  return startChild({
    name,
    command: 'sh',
    args: ['-c', 'log=$1; shift; exec "$@" 2>"$log"', 'sh', log, command, ...args],
    env: Object.fromEntries(
      Object.keys(process.env)
        .filter((variable) => variable.startsWith('PORTCULLIS_'))
        .map((variable) => [variable, undefined]),
    ),
  });
}

/** Both say one line when they are ready. */
async function running(name: string, address: string, adminUrl: string | null, child: Child): Promise<RunningServer> {
  const endMs = performance.now() + START_TIMEOUT_MS;
  while (child.stdoutLines().length === 0) {
    if (child.exit() !== null) throw new Error(`${name} ended: ${child.output()}`);
    if (performance.now() > endMs) {
      await child.stop();
      throw new Error(`${name} was not ready in time: ${child.output()}`);
    }
    await sleep(POLL_MS);
  }
  return {
    name,
    address,
    pid: child.pid,
    adminUrl,
    stop: async () => {
      await child.stop();
    },
  };
}
