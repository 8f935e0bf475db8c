/** The real Envoy with a listener for each thing that is compared; all of them answer by themselves, so that no upstream counts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoyPath } from '../../scripts/install-envoy.mjs';
import { createAuthority, spiffeId } from '../../test/e2e/support/certificates.ts';
import { startChild } from '../../test/e2e/support/child-process.ts';
import { freePort } from '../../test/e2e/support/ports.ts';
import { recommendedFilter } from '../../test/e2e/support/recommended-config.ts';
import type { Json } from '../../test/e2e/support/recommended-config.ts';
import { waitUntil } from '../../test/e2e/support/wait.ts';
import { onCore } from '../bench/servers.ts';
import type { HttpTask } from './http-client.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
/** Ten thousand rules take their time to be read. */
const START_TIMEOUT_MS = 120_000;

/** The workload that is called, and the one that calls. */
export const CALLED = { namespace: 'shop', account: 'orders' };
export const CALLER = spiffeId('cluster.local', 'edge', 'gateway');

export interface ProxyListener {
  readonly name: string;
  /** HTTP filters before the router. */
  readonly filters: readonly Json[];
}

export interface Proxy {
  readonly pid: number;
  /** What the client needs to reach a listener. */
  readonly reach: (listener: string) => Pick<HttpTask, 'port' | 'tls'>;
  stop(): Promise<void>;
}

/** The filter as it is recommended, but for the time that it waits: a pause of the machine is no error of a server. */
export function extAuthzFilter(cluster: string): Json {
  return {
    name: 'envoy.filters.http.ext_authz',
    typed_config: {
      ...recommendedFilter('envoy.filters.http.ext_authz'),
      grpc_service: { envoy_grpc: { cluster_name: cluster }, timeout: '5s' },
    },
  };
}

export interface ProxyOptions {
  readonly directory: string;
  readonly listeners: readonly ProxyListener[];
  /** ext_authz services by cluster: `HOST:PORT`. */
  readonly services: Readonly<Record<string, string>>;
  readonly core: number | null;
}

export async function startProxy({ directory, listeners, services, core }: ProxyOptions): Promise<Proxy> {
  const authority = createAuthority('root of cluster.local');
  const own = authority.issue({ uris: [spiffeId('cluster.local', CALLED.namespace, CALLED.account)] });
  const client = authority.issue({ uris: [CALLER] });
  const ports = new Map<string, number>();
  for (const { name } of listeners) ports.set(name, await freePort());
  const admin = await freePort();
  const tls = {
    '@type': `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificates: [
        { certificate_chain: { inline_string: own.certificate }, private_key: { inline_string: own.key } },
      ],
      validation_context: { trusted_ca: { inline_string: authority.certificate } },
    },
  };
  const config: Json = {
    admin: { address: loopback(admin) },
    static_resources: {
      listeners: listeners.map(({ name, filters }) => ({
        name,
        address: loopback(ports.get(name)!),
        filter_chains: [
          {
            transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
            filters: [
              { name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager(name, filters) },
            ],
          },
        ],
      })),
      clusters: Object.entries(services).map(([name, address]) => serviceCluster(name, address)),
    },
  };
  const file = join(directory, 'envoy.json');
  writeFileSync(file, JSON.stringify(config));
  const [command, args] = onCore(core, await envoyPath(), [
    ...['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
  ]);
  const child = startChild({ name: 'envoy', command, args });
  await waitUntil(
    'envoy to be ready',
    async () => {
      if (child.exit() !== null) return true;
      return (await fetch(`http://127.0.0.1:${admin}/ready`)).status === 200;
    },
    { timeoutMs: START_TIMEOUT_MS, everyMs: 100, because: () => child.output() },
  );
  if (child.exit() !== null) throw new Error(`envoy left at once:\n${child.output()}`);
  return {
    pid: child.pid,
    reach: (listener) => ({
      port: ports.get(listener)!,
      tls: { authority: authority.certificate, certificate: client.certificate, key: client.key },
    }),
    stop: async () => {
      await child.stop();
    },
  };
}

function connectionManager(name: string, filters: readonly Json[]): Json {
  const { namespace, account } = CALLED;
  return {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    normalize_path: true,
    merge_slashes: true,
    use_remote_address: true,
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { uri: true },
    http_filters: [
      ...filters,
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }],
          ...(filters.some((filter) => filter['name'] === 'envoy.filters.http.ext_authz') && {
            typed_per_filter_config: {
              'envoy.filters.http.ext_authz': {
                '@type': `${TYPE}.filters.http.ext_authz.v3.ExtAuthzPerRoute`,
                check_settings: {
                  context_extensions: { namespace, serviceAccount: account, 'label.app': account },
                },
              },
            },
          }),
        },
      ],
    },
  };
}

function serviceCluster(name: string, address: string): Json {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: loopback(Number(address.slice(address.lastIndexOf(':') + 1))) } }] },
      ],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function loopback(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
