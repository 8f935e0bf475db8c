/**
 * What asking costs a request through the real Envoy: none asked, ours asked, and the Go yardstick asked, in turn at one fixed
 * rate. All of them stand on one core, the client on the other.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../bench/servers.ts';
import type { RunningServer, ServerKind } from '../bench/servers.ts';
import { median } from '../lib/statistics.ts';
import { HttpClient } from './client.ts';
import type { Measured } from './client.ts';
import { REQUEST_HEADERS } from './headers.ts';
import { extAuthzFilter, startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';
import { lastRuleRequests, makeRules, policiesOf } from './rules.ts';

export interface EnvoyBenchOptions {
  /** Where files go while it runs. */
  readonly directory: string;
  readonly cores: { readonly server: number | null; readonly generator: number | null };
  readonly rules: number;
  /** Requests a second. */
  readonly perSecond: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Asked beside none. */
  readonly servers: readonly ServerKind[];
  readonly tell: (line: string) => void;
}

/** Medians of the rounds; microseconds. */
export interface EnvoyRow {
  readonly name: string;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Above none asked, of the same round. */
  readonly addedP50Us: number;
  readonly addedP99Us: number;
  readonly envoyCpuUs: number;
  readonly serverCpuUs: number;
  readonly answers: number;
  /** Broken connections, answers other than 200, and requests that were due and never sent. */
  readonly errors: number;
}

const NONE = 'none';
const CONNECTIONS = 32;
const WARM_UP_MS = 1_000;
/** Before the first round: until compilers are done. */
const REHEARSAL_MS = 4_000;

export async function measureEnvoy(options: EnvoyBenchOptions): Promise<EnvoyRow[]> {
  const { directory, cores, servers: kinds, rounds, tell } = options;
  const rules = makeRules(options.rules);
  const policies = join(directory, 'policies');
  mkdirSync(policies, { recursive: true });
  writeFileSync(join(policies, 'orders.yaml'), policiesOf(rules));
  const servers: RunningServer[] = [];
  const client = new HttpClient(cores.generator);
  let proxy: Proxy | null = null;
  try {
    for (const kind of kinds) servers.push(await startServer(kind, { directory, policies, core: cores.server }));
    proxy = await startProxy({
      directory,
      core: cores.server,
      listeners: [
        { name: NONE, filters: [] },
        ...servers.map(({ name }) => ({ name, filters: [extAuthzFilter(name)] })),
      ],
      services: Object.fromEntries(servers.map(({ name, address }) => [name, address])),
    });
    const names = [NONE, ...servers.map(({ name }) => name)];
    const ask = (name: string, durationMs: number): Promise<Measured> => {
      const server = servers.find((each) => each.name === name);
      return client.measure(
        {
          ...proxy!.reach(name),
          connections: CONNECTIONS,
          perSecond: options.perSecond,
          warmUpMs: WARM_UP_MS,
          durationMs,
          headers: REQUEST_HEADERS,
          requests: lastRuleRequests(rules),
        },
        [proxy!.pid, ...(server === undefined ? [] : [server.pid])],
      );
    };
    for (const name of names) await ask(name, REHEARSAL_MS);
    const measured = new Map<string, Measured[]>(names.map((name) => [name, []]));
    for (let round = 1; round <= rounds; round++)
      for (const name of names) {
        const figures = await ask(name, options.seconds * 1_000);
        measured.get(name)!.push(figures);
        tell(
          `round ${round} of ${rounds}, ${name}: p50 ${figures.p50Us.toFixed(0)} µs, p99 ${figures.p99Us.toFixed(0)} µs, ` +
            `CPU ${figures.cpuUs.map((us) => us.toFixed(1)).join(' + ')} µs`,
        );
      }
    return names.map((name) => row(name, measured.get(name)!, measured.get(NONE)!));
  } finally {
    client.stop();
    await proxy?.stop();
    for (const server of servers) await server.stop();
  }
}

function row(name: string, rounds: readonly Measured[], none: readonly Measured[]): EnvoyRow {
  const of = (value: (figures: Measured, i: number) => number): number => median(rounds.map(value));
  return {
    name,
    p50Us: of(({ p50Us }) => p50Us),
    p99Us: of(({ p99Us }) => p99Us),
    addedP50Us: of(({ p50Us }, i) => p50Us - none[i]!.p50Us),
    addedP99Us: of(({ p99Us }, i) => p99Us - none[i]!.p99Us),
    envoyCpuUs: of(({ cpuUs }) => cpuUs[0]!),
    serverCpuUs: of(({ cpuUs }) => cpuUs[1] ?? 0),
    answers: rounds.reduce((sum, { answers }) => sum + answers, 0),
    errors: rounds.reduce(
      (sum, { answers, statuses, errors, backlog }) => sum + errors + backlog + answers - (statuses['200'] ?? 0),
      0,
    ),
  };
}

export const ENVOY_HEAD = ['', 'p50 µs', 'p99 µs', 'added p50', 'added p99', 'CPU of Envoy', 'of the server', 'errors'];

export function envoyRows(rows: readonly EnvoyRow[]): string[][] {
  return rows.map((each) => [
    each.name,
    each.p50Us.toFixed(0),
    each.p99Us.toFixed(0),
    each.addedP50Us.toFixed(0),
    each.addedP99Us.toFixed(0),
    each.envoyCpuUs.toFixed(1),
    each.serverCpuUs.toFixed(1),
    String(each.errors),
  ]);
}
