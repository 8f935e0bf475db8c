/**
 * Envoy's own RBAC filter against Envoy and Portcullis, with the same rules: CPU of all processes for each request, the client
 * left out. First it is made sure that both decide alike.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHttp1 } from '../../test/e2e/support/http1-client.ts';
import { startServer } from '../bench/servers.ts';
import type { RunningServer } from '../bench/servers.ts';
import { random } from '../lib/random.ts';
import { median } from '../lib/statistics.ts';
import { HttpClient } from './client.ts';
import { REQUEST_HEADERS } from './headers.ts';
import type { HttpRequest } from './http-client.ts';
import { extAuthzFilter, startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';
import { isAllowed, lastRuleRequests, makeRules, mixedRequests, policiesOf, rbacFilter } from './rules.ts';
import type { Rule } from './rules.ts';

export interface RbacBenchOptions {
  readonly directory: string;
  readonly cores: { readonly server: number | null; readonly generator: number | null };
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

export const CONTENDERS = ['none', 'rbac', 'portcullis'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** Microseconds of CPU for each request, medians of the rounds. */
export interface RbacRow {
  readonly rules: number;
  readonly traffic: 'last rule' | 'mix';
  readonly envoyCpuUs: Readonly<Record<Contender, number>>;
  readonly serverCpuUs: number;
  /** All processes together. */
  readonly cpuUs: Readonly<Record<Contender, number>>;
  readonly p50Us: Readonly<Record<Contender, number>>;
  /** Broken connections, and answers other than the rules say. */
  readonly errors: number;
}

const CONNECTIONS = 8;
const WARM_UP_MS = 500;
const REHEARSAL_MS = 4_000;
/** Asked of both before anything is measured. */
const SAMPLE = 200;

export async function measureRbac(options: RbacBenchOptions): Promise<RbacRow[]> {
  const rows: RbacRow[] = [];
  for (const size of options.sizes) rows.push(...(await measureSize(size, options)));
  return rows;
}

async function measureSize(size: number, options: RbacBenchOptions): Promise<RbacRow[]> {
  const { cores } = options;
  const rules = makeRules(size);
  const directory = join(options.directory, String(size));
  const policies = join(directory, 'policies');
  mkdirSync(policies, { recursive: true });
  writeFileSync(join(policies, 'orders.yaml'), policiesOf(rules));
  const client = new HttpClient(cores.generator);
  let server: RunningServer | null = null;
  let proxy: Proxy | null = null;
  try {
    server = await startServer('native', { directory, policies, core: cores.server });
    proxy = await startProxy({
      directory,
      core: cores.server,
      listeners: [
        { name: 'none', filters: [] },
        { name: 'rbac', filters: [rbacFilter(rules)] },
        { name: 'portcullis', filters: [extAuthzFilter('portcullis')] },
      ],
      services: { portcullis: server.address },
    });
    const mix = mixedRequests(rules, random(options.seed));
    await expectAlike(rules, mix, proxy);
    const rows: RbacRow[] = [];
    for (const [traffic, requests] of [
      ['last rule', lastRuleRequests(rules)],
      ['mix', mix],
    ] as const)
      rows.push(await measureTraffic(traffic, requests, rules, proxy, server, client, options));
    return rows;
  } finally {
    client.stop();
    await proxy?.stop();
    await server?.stop();
  }
}

/** Throws when either of them decides otherwise than the rules say. */
async function expectAlike(rules: readonly Rule[], mix: readonly HttpRequest[], proxy: Proxy): Promise<void> {
  const sample = [...lastRuleRequests(rules), ...mix.slice(0, SAMPLE), { method: 'GET', path: '/nothing/{n}' }];
  for (const listener of ['rbac', 'portcullis']) {
    const { port, tls } = proxy.reach(listener);
    const { authority, certificate, key } = tls;
    const target = { host: '127.0.0.1', port, tls: { authority, certificate: { certificate, key }, serverName: null } };
    const connection = await openHttp1(target);
    for (const [n, { method, path }] of sample.entries()) {
      const request = { method, path: path.replace('{n}', String(n)) };
      const { status } = await connection.send(request);
      const expected = isAllowed(rules, request) ? 200 : 403;
      if (status !== expected)
        throw new Error(`${listener} answers ${method} ${request.path} with ${status}, and not ${expected}`);
    }
    connection.close();
  }
}

async function measureTraffic(
  traffic: RbacRow['traffic'],
  requests: readonly HttpRequest[],
  rules: readonly Rule[],
  proxy: Proxy,
  server: RunningServer,
  client: HttpClient,
  { rounds, seconds, tell }: RbacBenchOptions,
): Promise<RbacRow> {
  const allowed = requests.filter((request) => isAllowed(rules, request)).length / requests.length;
  const ask = (contender: Contender, durationMs: number) =>
    client.measure(
      {
        ...proxy.reach(contender),
        connections: CONNECTIONS,
        perSecond: 0,
        warmUpMs: WARM_UP_MS,
        durationMs,
        headers: REQUEST_HEADERS,
        requests,
      },
      contender === 'portcullis' ? [proxy.pid, server.pid] : [proxy.pid],
    );
  const envoy = byContender<number[]>(() => []);
  const all = byContender<number[]>(() => []);
  const p50 = byContender<number[]>(() => []);
  const own: number[] = [];
  let errors = 0;
  await ask('portcullis', REHEARSAL_MS);
  for (let round = 1; round <= rounds; round++)
    for (const contender of CONTENDERS) {
      const figures = await ask(contender, seconds * 1_000);
      const [envoyUs = 0, serverUs = 0] = figures.cpuUs;
      envoy[contender].push(envoyUs);
      all[contender].push(envoyUs + serverUs);
      p50[contender].push(figures.p50Us);
      if (contender === 'portcullis') own.push(serverUs);
      errors += figures.errors + otherThan(figures, contender === 'none' ? 1 : allowed, requests.length);
      tell(
        `${rules.length} rules, ${traffic}, round ${round} of ${rounds}, ${contender}: ` +
          `${(envoyUs + serverUs).toFixed(1)} µs of CPU, ${(figures.answers / seconds).toFixed(0)} a second`,
      );
    }
  return {
    rules: rules.length,
    traffic,
    envoyCpuUs: byContender((contender) => median(envoy[contender])),
    serverCpuUs: median(own),
    cpuUs: byContender((contender) => median(all[contender])),
    p50Us: byContender((contender) => median(p50[contender])),
    errors,
  };
}

/** Answers that are neither yes nor no, and a share of yes that no turn of the requests has. */
function otherThan(
  { answers, statuses }: { readonly answers: number; readonly statuses: Readonly<Record<string, number>> },
  allowed: number,
  turn: number,
): number {
  const [yes = 0, no = 0] = [statuses['200'], statuses['403']];
  // A round may begin and end anywhere in a turn.
  return answers - yes - no + (Math.abs(yes - allowed * answers) > turn + CONNECTIONS ? 1 : 0);
}

function byContender<T>(of: (contender: Contender) => T): Record<Contender, T> {
  return { none: of('none'), rbac: of('rbac'), portcullis: of('portcullis') };
}

export const RBAC_HEAD = [
  'rules',
  'traffic',
  'CPU none',
  'RBAC',
  'Portcullis',
  'of that Envoy',
  'its own',
  'ratio',
  'p50 RBAC',
  'Portcullis',
  'errors',
];

export function rbacRows(rows: readonly RbacRow[]): string[][] {
  return rows.map(({ rules, traffic, cpuUs, envoyCpuUs, serverCpuUs, p50Us, errors }) => [
    String(rules),
    traffic,
    cpuUs.none.toFixed(1),
    cpuUs.rbac.toFixed(1),
    cpuUs.portcullis.toFixed(1),
    envoyCpuUs.portcullis.toFixed(1),
    serverCpuUs.toFixed(1),
    `×${(cpuUs.portcullis / cpuUs.rbac).toFixed(3)}`,
    p50Us.rbac.toFixed(0),
    p50Us.portcullis.toFixed(0),
    String(errors),
  ]);
}
