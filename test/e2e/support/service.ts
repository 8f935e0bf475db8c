import { mkdir, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startChild, type Child, type ChildExit } from './child-process.ts';
import { freePort } from './ports.ts';
import type { Json } from './recommended-config.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitUntil } from './wait.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Type stripping and compiling of the whole service, cold, beside a busy Envoy. */
const START_TIMEOUT_MS = 30_000;

export interface ServiceOptions {
  /** Policy files by name; sub-directories with `/`. A string: a directory that is there already. */
  readonly policies: Readonly<Record<string, string>> | string;
  /** Configuration keys; flags for the addresses and the policies are given besides. */
  readonly config?: Json;
  /** Processes that answer checks. Default one, or what the environment of the tests says. */
  readonly workers?: number;
  /** Default TCP on loopback. */
  readonly listen?: 'tcp' | 'unix';
  /** Wait only until the process takes connections: it is not going to be ready. Default false. */
  readonly unready?: boolean;
}

/** The body of `/readyz`, as far as tests read it. */
export interface Readiness {
  readonly ready: boolean;
  readonly stale: boolean;
  readonly revision: string | null;
  /** What is wrong with the newest policies. */
  readonly problems: readonly {
    readonly severity: string;
    readonly code: string;
    readonly message: string;
    readonly place: string;
  }[];
}

/** Our service as a child process. */
export interface Service {
  /** `HOST:PORT` or `unix:PATH`, as Envoy's cluster takes it; the same after a restart. */
  readonly address: string;
  /** Of the directory that it reads policies from. */
  readonly policies: string;
  /** Writes policy files, each put in place whole. */
  writePolicies(files: Readonly<Record<string, string>>): Promise<void>;
  /** Where its admin port is, e.g. `http://127.0.0.1:20001`. */
  readonly adminUrl: string;
  /** Status and body of the admin port's path, e.g. `/readyz`. */
  admin(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** What `/readyz` says. */
  readiness(): Promise<Readiness>;
  /** Its log so far, one object a line, lines that are no JSON left out. */
  log(): readonly Json[];
  /** All that it wrote, for failure messages. */
  output(): string;
  start(): Promise<void>;
  /** SIGTERM; resolves with how it left. */
  stop(): Promise<ChildExit>;
  /** SIGKILL: it has no chance to say goodbye. */
  kill(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

export async function startService(options: ServiceOptions): Promise<Service> {
  const directory = await temporaryDirectory();
  const policies = typeof options.policies === 'string' ? options.policies : join(directory.path, 'policies');
  const configFile = join(directory.path, 'portcullis.yaml');
  const address =
    options.listen === 'unix' ? `unix:${join(directory.path, 's.sock')}` : `127.0.0.1:${String(await freePort())}`;
  const adminAddress = `127.0.0.1:${String(await freePort())}`;
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(options.config ?? {}));
  const writePolicies = (files: Readonly<Record<string, string>>): Promise<void> => writeFiles(policies, files);
  if (typeof options.policies !== 'string') {
    await mkdir(policies, { recursive: true });
    await writePolicies(options.policies);
  }

  let child: Child | null = null;
  const admin = async (path: string): Promise<{ status: number; body: string }> => {
    const response = await fetch(`http://${adminAddress}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const service: Service = {
    address,
    policies,
    adminUrl: `http://${adminAddress}`,
    writePolicies,
    admin,
    readiness: async () => JSON.parse((await admin('/readyz')).body) as Readiness,
    log: () => jsonLines(child?.output() ?? ''),
    output: () => child?.output() ?? '',
    async start() {
      const started = startChild({
        name: 'portcullis',
        command: process.execPath,
        args: [
          join(ROOT, 'src', 'main.ts'),
          ...['serve', '--policies', policies, '--config', configFile],
          ...['--listen', address, '--admin', adminAddress],
          // One starts more quickly than several, and most tests are about what one does.
          ...[
            '--workers',
            options.workers === undefined ? (process.env[WORKERS_VARIABLE] ?? '1') : String(options.workers),
          ],
        ],
        // What a developer has set for a service of their own is none of the tests' business.
        env: withoutOwnVariables(),
      });
      child = started;
      await waitUntil(
        options.unready === true ? 'the service to take connections' : 'the service to be ready',
        async () => {
          if (started.exit() !== null) {
            return true;
          }
          if (options.unready === true) {
            return takesConnections(address);
          }
          const { ready, problems } = await service.readiness();
          // A mistake in a test's policies: waiting does not mend it.
          return ready || problems.some(({ severity }) => severity === 'error');
        },
        { timeoutMs: START_TIMEOUT_MS, because: () => started.output() },
      );
      if (started.exit() !== null || (options.unready !== true && !(await service.readiness()).ready)) {
        throw new Error(`the service left at once or refused its policies:\n${started.output()}`);
      }
    },
    async stop() {
      return child === null ? { code: null, signal: null } : await child.stop();
    },
    async kill() {
      await child?.kill();
    },
    async remove() {
      await child?.stop();
      await directory.remove();
    },
  };
  try {
    await service.start();
  } catch (error) {
    await service.remove();
    throw error;
  }
  return service;
}

async function writeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    await mkdir(dirname(file), { recursive: true });
    // Not a name that the service would read, so that it never sees half a file.
    const half = `${file}.half`;
    await writeFile(half, text);
    await rename(half, file);
  }
}

function takesConnections(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const colon = address.lastIndexOf(':');
    const socket = address.startsWith('unix:')
      ? connect(address.slice('unix:'.length))
      : connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** The one variable that reaches the services of the tests: with it the same tests run over each transport. */
const TRANSPORT_VARIABLE = 'PORTCULLIS_TRANSPORT';
const WORKERS_VARIABLE = 'PORTCULLIS_WORKERS';

function withoutOwnVariables(): Record<string, undefined> {
  const names = Object.keys(process.env).filter(
    (name) => name.startsWith('PORTCULLIS_') && name !== TRANSPORT_VARIABLE,
  );
  return Object.fromEntries(names.map((name): [string, undefined] => [name, undefined]));
}

function jsonLines(text: string): Json[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as Json] : [];
    } catch {
      return [];
    }
  });
}
