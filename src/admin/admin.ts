/**
 * The two HTTP servers beside the gRPC listener: the admin server on loopback, and the health server
 * that may be reachable, with nothing but what probes and Prometheus need.
 */
import { startHttpServer } from './http-server.ts';
import type { HttpServer } from './http-server.ts';
import type { ReadinessSource } from './readiness.ts';
import type { RouteTable } from './route.ts';
import { livez } from './routes/livez.ts';
import { metrics } from './routes/metrics.ts';
import type { MetricsSource } from './routes/metrics.ts';
import { readyz } from './routes/readyz.ts';

export interface AdminOptions {
  /** `HOST:PORT` on loopback (the configuration sees to that); null: none. */
  readonly admin: string | null;
  /** `HOST:PORT`; null: none. */
  readonly health: string | null;
  readonly readiness: ReadinessSource;
  readonly metrics: MetricsSource;
  /** An error inside a route or a server. */
  readonly onError: (error: unknown) => void;
}

export interface Admin {
  /** With the real ports; null: none. */
  readonly adminAddress: string | null;
  readonly healthAddress: string | null;
  close(): Promise<void>;
}

/** Starts what has an address. Rejects, with nothing left open, when one cannot be bound. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const servers: HttpServer[] = [];
  const start = async (address: string | null, routes: RouteTable, loopbackHostOnly: boolean) => {
    if (address === null) return null;
    const server = await startHttpServer({ address, routes, loopbackHostOnly, onError: options.onError });
    servers.push(server);
    return server.address;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    const adminAddress = await start(options.admin, adminRoutes(options), true);
    const healthAddress = await start(options.health, healthRoutes(options), false);
    return { adminAddress, healthAddress, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type RouteSources = Pick<AdminOptions, 'readiness' | 'metrics'>;

function healthRoutes(sources: RouteSources): RouteTable {
  return new Map([
    ['/livez', livez()],
    ['/readyz', readyz({ readiness: sources.readiness, withProblems: false })],
    ['/metrics', metrics(sources.metrics)],
  ]);
}

function adminRoutes(sources: RouteSources): RouteTable {
  return new Map([...healthRoutes(sources), ['/readyz', readyz({ readiness: sources.readiness, withProblems: true })]]);
}
