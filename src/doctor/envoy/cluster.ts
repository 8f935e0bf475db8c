/** The cluster by which Envoy reaches Portcullis. */
import type { Part } from '../part.ts';
import { isLoopbackHost } from '../../config/address.ts';
import { addressText, isLocal } from './address.ts';
import type { EnvoyConfiguration } from './configuration.ts';
import { typed } from './typed.ts';
import { checkTls, tlsContexts } from './upstream-tls.ts';

/** What `grpc_service` of a filter leads to. */
export function checkService(service: Part, failsOpen: boolean, configuration: EnvoyConfiguration): void {
  const google = service.at('google_grpc');
  if (google.isThere) {
    checkGoogle(google);
    return;
  }
  const named = service.in('envoy_grpc', 'cluster_name');
  const name = named.text();
  if (name === null) return;
  const cluster = configuration.clusters.get(name);
  if (cluster !== undefined) checkCluster(cluster, failsOpen, configuration);
  else if (configuration.isPartial) named.report('not-shown', `the cluster \`${name}\` is not in the input`);
  else named.report('unknown-cluster', `there is no cluster \`${name}\``);
}

function checkGoogle(google: Part): void {
  const target = google.at('target_uri');
  const uri = target.text() ?? '';
  const host = uri.replace(/^(?:dns|ipv4|ipv6|passthrough):\/*/, '').replace(/:\d+$/, '');
  const isOpen = !uri.startsWith('unix:') && !isLoopbackHost(host.replace(/^\[(.*)\]$/, '$1'));
  const hasCredentials = google.at('channel_credentials').isThere || google.at('channel_credentials_plugin').isThere;
  if (isOpen && !hasCredentials) target.report('question-in-plaintext', `questions go to \`${uri}\` without TLS`);
}

function checkCluster(cluster: Part, failsOpen: boolean, configuration: EnvoyConfiguration): void {
  const { addresses, known } = addressesOf(cluster, configuration);
  const beyond = addresses.find((address) => !isLocal(address));
  const contexts = tlsContexts(cluster);
  const isLocalOnly = known && beyond === undefined;

  const { http2, keepsAlive } = http2Of(cluster, contexts.length > 0);
  if (!http2) cluster.report('cluster-without-http2', `the cluster \`${nameOf(cluster)}\` does not speak HTTP/2`);
  if (!isLocalOnly && !keepsAlive && !notices(cluster)) {
    cluster.report('dead-peer-unnoticed', 'nothing looks whether Portcullis is still there');
  }
  checkBreakers(cluster.in('circuit_breakers', 'thresholds'), failsOpen);
  if (isLocalOnly) return;
  if (contexts.length > 0) {
    for (const context of contexts) checkTls(context);
  } else if (beyond !== undefined) {
    beyond.report('question-in-plaintext', `questions go to ${addressText(beyond)} without TLS`);
  } else cluster.report('not-shown', `where \`${nameOf(cluster)}\` leads, without TLS, is not in the input`);
}

function nameOf(cluster: Part): string {
  return cluster.at('name').text() ?? '';
}

function addressesOf(
  cluster: Part,
  configuration: EnvoyConfiguration,
): { readonly addresses: readonly Part[]; readonly known: boolean } {
  const service = cluster.in('eds_cluster_config', 'service_name').text();
  const inline = cluster.at('load_assignment');
  const assignment = inline.isThere
    ? inline
    : (configuration.endpoints.get(service ?? '') ?? configuration.endpoints.get(nameOf(cluster)));
  const addresses = (assignment?.at('endpoints').items() ?? [])
    .flatMap((locality) => locality.at('lb_endpoints').items())
    .map((each) => each.in('endpoint', 'address'));
  return { addresses, known: addresses.length > 0 };
}

function http2Of(cluster: Part, hasTls: boolean): { readonly http2: boolean; readonly keepsAlive: boolean } {
  const options = cluster
    .at('typed_extension_protocol_options')
    .entries()
    .map(([, entry]) => typed(entry))
    .find(({ type }) => type.endsWith('.HttpProtocolOptions'));
  const automatic = options?.config.at('auto_config');
  const found = [
    options?.config.in('explicit_http_config', 'http2_protocol_options'),
    // By ALPN, which needs a handshake.
    hasTls && automatic?.isThere === true ? automatic.at('http2_protocol_options') : undefined,
    // As it was written before the options had a message of their own.
    cluster.at('http2_protocol_options'),
  ];
  const http2 = found.some((part) => part?.isThere === true) || (hasTls && automatic?.isThere === true);
  return { http2, keepsAlive: found.some((part) => part?.at('connection_keepalive').isThere === true) };
}

function notices(cluster: Part): boolean {
  return (
    cluster.at('health_checks').items().length > 0 || cluster.in('upstream_connection_options', 'tcp_keepalive').isThere
  );
}

/** Envoy's own bound of requests that are open, or wait for a connection. */
const DEFAULT_MAX_REQUESTS = 1024;

function checkBreakers(thresholds: Part, failsOpen: boolean): void {
  for (const threshold of thresholds.items()) {
    // Questions have the default priority.
    if (threshold.at('priority').word(['DEFAULT', 'HIGH']) === 'HIGH') continue;
    for (const name of ['max_requests', 'max_pending_requests']) {
      const bound = threshold.at(name);
      const most = bound.number() ?? DEFAULT_MAX_REQUESTS;
      if (most >= DEFAULT_MAX_REQUESTS) continue;
      bound.report(
        failsOpen ? 'breaker-opens-gate' : 'breaker-small',
        `at most ${most} questions at a time (\`${name}\`)`,
      );
    }
  }
}
