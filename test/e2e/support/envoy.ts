import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { envoyPath } from '../../../scripts/install-envoy.mjs';
import { startChild, type Child } from './child-process.ts';
import { envoyConfig, type EnvoyOptions } from './envoy-config.ts';
import type { ClientTls, Target } from './target.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitUntil } from './wait.ts';

/** Cold, on a busy machine, with a sanitised binary of 100 MB to read from disk. */
const START_TIMEOUT_MS = 30_000;

/** One line of Envoy's access log (envoy-config.ts, `accessLog`). */
export interface AccessLogEntry {
  readonly listener: string;
  /** The request's `x-case` header: how a test finds its own request. */
  readonly case: string | null;
  readonly method: string;
  readonly path: string | null;
  readonly status: number;
  readonly details: string | null;
  readonly flags: string;
  /** The dynamic metadata that the ext_authz answer brought, or null. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface Envoy {
  /** Where a listener can be reached; `tls` is how the client shows itself there. */
  target(listener: string, tls?: ClientTls): Target;
  /** Waits for the line of the request that carried `x-case: name`. */
  accessLogOf(name: string): Promise<AccessLogEntry>;
  /** A listener's ext_authz counters: `ok`, `denied`, `error`, `failure_mode_allowed`, … */
  extAuthzCounter(listener: string, counter: string): Promise<number>;
  /** What it wrote, for failure messages. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts the real Envoy and waits until every listener takes connections. */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const directory = await temporaryDirectory();
  const configFile = join(directory.path, 'envoy.json');
  const adminAddressFile = join(directory.path, 'admin');
  const accessLogFile = join(directory.path, 'access.log');
  await writeFile(configFile, JSON.stringify(envoyConfig(options, { accessLog: accessLogFile })));
  const child = startChild({
    name: 'envoy',
    command: await envoyPath(),
    args: [
      ...['-c', configFile, '--admin-address-path', adminAddressFile],
      // Several Envoys of parallel test files must not meet in shared memory.
      '--disable-hot-restart',
      ...['--concurrency', '1', '--log-level', 'warning', '--file-flush-interval-msec', '20'],
    ],
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await directory.remove();
  };
  try {
    const admin = await ready(child, adminAddressFile);
    const ports = await listenerPorts(admin, options);
    return {
      target: (listener, tls) => ({ ...found(ports, listener), tls: tls ?? null }),
      accessLogOf: (name) => accessLogEntry(accessLogFile, name, child),
      extAuthzCounter: (listener, counter) => extAuthzCounter(admin, listener, counter),
      log: () => child.output(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(child: Child, adminAddressFile: string): Promise<string> {
  return waitUntil(
    'envoy to be ready',
    async () => {
      if (child.exit() !== null) {
        return 'exited';
      }
      const address = (await readFile(adminAddressFile, 'utf8')).trim();
      const response = await fetch(`http://${address}/ready`);
      return response.status === 200 && address;
    },
    { timeoutMs: START_TIMEOUT_MS, because: () => child.output() },
  ).then((address) => {
    if (address === 'exited') {
      throw new Error(`envoy left at once:\n${child.output()}`);
    }
    return address;
  });
}

interface ListenerStatuses {
  readonly listener_statuses: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly address: string; readonly port_value: number } };
  }[];
}

type Ports = ReadonlyMap<string, { readonly host: string; readonly port: number }>;

async function listenerPorts(admin: string, options: EnvoyOptions): Promise<Ports> {
  return waitUntil('every listener', async () => {
    const response = await fetch(`http://${admin}/listeners?format=json`);
    const { listener_statuses: statuses } = (await response.json()) as ListenerStatuses;
    const ports = new Map(
      statuses.map(({ name, local_address: { socket_address: bound } }) => [
        name,
        { host: bound.address, port: bound.port_value },
      ]),
    );
    return options.listeners.every(({ name }) => (ports.get(name)?.port ?? 0) > 0) && ports;
  });
}

function found(ports: Ports, listener: string): { readonly host: string; readonly port: number } {
  const place = ports.get(listener);
  if (place === undefined) {
    throw new Error(`no listener ${listener}; there are ${[...ports.keys()].join(', ')}`);
  }
  return place;
}

async function accessLogEntry(file: string, name: string, child: Child): Promise<AccessLogEntry> {
  return waitUntil(
    `the access log line of ${name}`,
    async () => {
      const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as AccessLogEntry).find((entry) => entry.case === name);
    },
    { because: () => child.output() },
  );
}

async function extAuthzCounter(admin: string, listener: string, counter: string): Promise<number> {
  const response = await fetch(`http://${admin}/stats?format=json&filter=ext_authz`);
  const { stats } = (await response.json()) as { stats: readonly { name?: string; value?: number }[] };
  // A counter that never counted is not listed.
  return stats.find(({ name }) => name === `http.${listener}.ext_authz.${counter}`)?.value ?? 0;
}
