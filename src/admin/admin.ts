/**
 * The two HTTP servers beside the gRPC listener: the admin server, which is for this machine and for those who show that they
 * may ask, and the health server that may be reachable, with nothing but what probes and Prometheus need.
 */
import { isLoopbackHost, parseTcpAddress } from '../config/address.ts';
import { Access } from './access/access.ts';
import { ServerTls } from './access/server-tls.ts';
import type { ServerTlsSettings } from './access/server-tls.ts';
import { TokenFile } from './access/tokens.ts';
import type { ApiParts } from './api.ts';
import { builtConsoleRoutes } from './console/routes.ts';
import { startHttpServer } from './http-server.ts';
import type { HttpServer, HttpServerOptions } from './http-server.ts';
import { Inspector } from './inspect/inspector.ts';
import type { InspectorOptions } from './inspect/inspector.ts';
import { gentleAsk } from './observe/gentle-ask.ts';
import type { ReadinessSource } from './readiness.ts';
import type { Route, RouteTable } from './route.ts';
import { apiRoutes } from './routes/api.ts';
import { livez } from './routes/livez.ts';
import { metrics } from './routes/metrics.ts';
import type { MetricsSource } from './routes/metrics.ts';
import { readyz } from './routes/readyz.ts';
import { StatsHistory } from './stats.ts';

export interface AdminOptions {
  /** `HOST:PORT`; beyond loopback the configuration sees to it that there is a token or a client certificate. null: none. */
  readonly admin: string | null;
  /** `HOST:PORT`; null: none. */
  readonly health: string | null;
  readonly readiness: ReadinessSource;
  /** null: nothing is counted. */
  readonly metrics: MetricsSource | null;
  /** Absent: the admin server has probes and metrics only. */
  readonly api?: ApiParts & { readonly inspect: InspectorOptions };
  /** Who may ask the admin server. Absent: everybody who reaches it. */
  readonly tokenFile?: string | null;
  /** Absent: plain HTTP. `mayAsk`: of a client certificate that is verified (DER). */
  readonly tls?: (ServerTlsSettings & { readonly mayAsk: (certificate: Uint8Array) => boolean }) | null;
  /** An error inside a route or a server. */
  readonly onError: (error: unknown) => void;
  /** Files with tokens or certificates have changed and cannot be used: for the operator. */
  readonly onProblem?: (problem: string) => void;
  /** Somebody has shown a token that is none. */
  readonly onWrongToken?: (address: string) => void;
}

export interface Admin {
  /** With the real ports; null: none. */
  readonly adminAddress: string | null;
  readonly healthAddress: string | null;
  close(): Promise<void>;
}

/**
 * Starts what has an address. Rejects, with nothing left open, when one cannot be bound, or when tokens or certificates cannot
 * be used.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { onError } = options;
  const servers: HttpServer[] = [];
  const opened: { close(): unknown }[] = [];
  const start = async (server: Omit<HttpServerOptions, 'onError'>): Promise<string> => {
    const started = await startHttpServer({ ...server, onError });
    servers.push(started);
    return started.address;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all(opened.map((each) => each.close()));
  };
  try {
    let adminAddress: string | null = null;
    if (options.admin !== null) {
      const access = accessOf(options);
      const host = parseTcpAddress(options.admin)?.host ?? '';
      const routes = adminRoutes(options, access, opened);
      adminAddress = await start({
        address: options.admin,
        routes,
        loopbackHostOnly: isLoopbackHost(host),
        access,
        tls: tlsOf(options),
      });
    }
    const { health } = options;
    const healthAddress =
      health === null ? null : await start({ address: health, routes: healthRoutes(options), loopbackHostOnly: false });
    return { adminAddress, healthAddress, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function accessOf({ tokenFile, onProblem, onWrongToken }: AdminOptions): Access {
  const problem = (text: string): void => onProblem?.(text);
  return new Access(tokenFile == null ? null : new TokenFile(tokenFile, problem), onWrongToken);
}

function tlsOf({ tls, onProblem }: AdminOptions): ServerTls | null {
  return tls == null ? null : new ServerTls(tls, tls.mayAsk, (problem) => onProblem?.(problem));
}

type RouteSources = Pick<AdminOptions, 'readiness' | 'metrics'>;

function healthRoutes(sources: RouteSources): RouteTable {
  return new Map<string, Route>([
    ['/livez', { get: livez(), open: true }],
    ['/readyz', { get: readyz({ readiness: sources.readiness, withProblems: false }) }],
    ...(sources.metrics === null ? [] : [['/metrics', { get: metrics(sources.metrics) }] as const]),
  ]);
}

/** `opened` gets what has to be closed in the end. */
function adminRoutes(options: AdminOptions, access: Access, opened: { close(): unknown }[]): RouteTable {
  const routes = new Map([
    ...healthRoutes(options),
    ['/readyz', { get: readyz({ readiness: options.readiness, withProblems: true }) }] as const,
  ]);
  const { api } = options;
  if (api === undefined) return routes;
  const inspector = new Inspector(api.inspect);
  const history = new StatsHistory(api.counts);
  opened.push(inspector, history);
  return new Map([
    ...routes,
    ...apiRoutes({ ...api, ask: gentleAsk(api.ask), access, inspector, history }),
    ...builtConsoleRoutes(options.onError),
  ]);
}
