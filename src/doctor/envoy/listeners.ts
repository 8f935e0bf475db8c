/** Listeners: each way in, and whether somebody is asked on it. */
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { checkAsking } from './asking.ts';
import { checkService } from './cluster.ts';
import type { EnvoyConfiguration } from './configuration.ts';
import { checkConnectionManager } from './connection-manager.ts';
import { checkExtAuthz } from './ext-authz.ts';
import { checkOrder, checkUpstreamFilters, httpFilter } from './http-filters.ts';
import type { HttpFilter } from './http-filters.ts';
import { checkClaims, checkQuestion } from './question.ts';
import { joinedFacts } from './routes.ts';
import type { RouteFacts, Routes } from './routes.ts';
import { isConnectionManager, isExtAuthz, typed } from './typed.ts';

/** A connection manager, and where it stands. */
export interface Manager {
  readonly config: Part;
  readonly listener: string;
  readonly filters: readonly HttpFilter[];
  readonly hasTls: boolean;
  /** Callers may show one. */
  readonly hasCertificates: boolean;
}

export function nameOfListener(listener: Part): string {
  return listener.at('name').text() ?? '';
}

/** Connection managers of a listener that clients reach; reports chains that carry bytes past all questions. */
export function managersOf(listener: Part, configuration: EnvoyConfiguration): readonly Manager[] {
  const name = nameOfListener(listener);
  if (listener.at('traffic_direction').word(['UNSPECIFIED', 'INBOUND', 'OUTBOUND']) === 'OUTBOUND') {
    listener.report('not-examined', `the listener \`${name}\` is for requests that go out`);
    return [];
  }
  const fallback = listener.at('default_filter_chain');
  const chains = [...listener.at('filter_chains').items(), ...(fallback.isThere ? [fallback] : [])];
  return chains.flatMap((chain) => managersOfChain(chain, name, configuration));
}

function managersOfChain(chain: Part, listener: string, configuration: EnvoyConfiguration): readonly Manager[] {
  const filters = chain
    .at('filters')
    .items()
    .map((entry) => ({ entry, ...typed(entry.at('typed_config')) }));
  const managers = filters.filter(({ type }) => isConnectionManager(type));
  if (managers.length === 0) checkBytes(filters, listener);
  return managers.map(({ config }) => ({
    config,
    listener,
    filters: config
      .at('http_filters')
      .items()
      .map((entry) => httpFilter(entry, configuration.filters)),
    hasTls: chain.at('transport_socket').isThere,
    hasCertificates: asksForCertificate(chain.at('transport_socket')),
  }));
}

/** Whether the handshake asks callers for a certificate; where that cannot be told, it does. */
function asksForCertificate(socket: Part): boolean {
  if (!socket.isThere) return false;
  const { type, config } = typed(socket.at('typed_config'));
  const context = type.endsWith('.QuicDownstreamTransport') ? config.at('downstream_tls_context') : config;
  if (context === config && !type.endsWith('.DownstreamTlsContext')) return !type.endsWith('.RawBuffer');
  if (context.at('require_client_certificate').flag() === true) return true;
  return VALIDATIONS.some((name) => context.in('common_tls_context', name).isThere);
}

const VALIDATIONS = [
  'validation_context',
  'combined_validation_context',
  'validation_context_sds_secret_config',
  'validation_context_certificate_provider',
  'validation_context_certificate_provider_instance',
];

/** Istio's cluster for connections that nobody wants. */
const BLACK_HOLE = 'BlackHoleCluster';

function checkBytes(
  filters: readonly { readonly entry: Part; readonly type: string; readonly config: Part }[],
  listener: string,
): void {
  const last = filters.at(-1);
  if (last === undefined || filters.some(({ type }) => /\.network\.ext_authz\.v\w+\.ExtAuthz$/.test(type))) return;
  if (last.config.isMap && last.config.at('cluster').text() === BLACK_HOLE) return;
  if (last.entry.at('config_discovery').isThere) {
    last.entry.report('not-shown', `a filter of \`${listener}\` comes by discovery, and is not in the input`);
  } else last.entry.report('tcp-without-question', `a chain of \`${listener}\` carries bytes, and nobody is asked`);
}

/** Clusters of a sidecar's own listeners for probes and metrics. */
const ISTIO_OWN: ReadonlySet<string> = new Set(['agent', 'prometheus_stats']);

export function checkManager(
  manager: Manager,
  configuration: EnvoyConfiguration,
  routes: Routes,
  facts: ServiceFacts,
): void {
  const { config, filters, listener, hasTls, hasCertificates } = manager;
  const looked = routesOf(config, configuration, routes);
  const asking = filters.flatMap((filter, index) => (isExtAuthz(filter.type) ? [index] : []));
  if (asking.length === 0) {
    checkUnasked(manager, looked, configuration);
    return;
  }
  checkConnectionManager(config, { isWhole: true, isIstio: configuration.isIstio, facts });
  for (const index of asking) {
    const filter = filters[index]!;
    const before = filters.slice(0, index);
    checkExtAuthz(filter.config, facts);
    checkAsking(filter, before);
    checkOrder(filters, index);
    checkRouteCache(filter.config, looked);
    checkQuestion({ place: filter.config, layers: [], hasTls, hasCertificates });
    checkClaims(filter, before, filters.slice(index + 1), facts);
    checkService(
      filter.config.at('grpc_service'),
      filter.config.at('failure_mode_allow').flag() === true,
      configuration,
    );
  }
  checkBehindRoutes(looked, configuration);
  for (const upgrade of config.at('upgrade_configs').items()) {
    const own = upgrade.at('filters');
    if (own.items().length === 0 || upgrade.at('enabled').flag() === false) continue;
    const types = own.items().map((entry) => httpFilter(entry, configuration.filters).type);
    if (types.some(isExtAuthz)) continue;
    const name = upgrade.at('upgrade_type').text() ?? '';
    own.report('upgrade-without-filter', `\`${name}\` on \`${listener}\` has filters of its own, without ext_authz`);
  }
}

/** What happens to a request where its route leads. */
function checkBehindRoutes(looked: RouteFacts | null, configuration: EnvoyConfiguration): void {
  if (looked === null) return;
  // Those of Istio carry what the proxy at their other end asks about.
  if (!configuration.isIstio) {
    for (const tunnel of looked.tunnels) {
      tunnel.report('tunnel-unseen', 'whoever may open this tunnel may send anything through it');
    }
  }
  for (const name of looked.clusters) {
    const options = configuration.clusters.get(name)?.at('typed_extension_protocol_options').entries() ?? [];
    for (const [, entry] of options) {
      const { type, config } = typed(entry);
      if (type.endsWith('.HttpProtocolOptions')) checkUpstreamFilters(config.at('http_filters'));
    }
  }
}

function checkUnasked(
  { config, listener }: Manager,
  looked: RouteFacts | null,
  configuration: EnvoyConfiguration,
): void {
  // A redirect to https, or a fixed text: there is nothing behind it to protect.
  if (looked !== null && !looked.reachesUpstream) return;
  if (configuration.isIstio && looked !== null) {
    const isOwn = looked.clusters.size > 0 && [...looked.clusters].every((cluster) => ISTIO_OWN.has(cluster));
    if (isOwn || looked.isTunnel) {
      const why = isOwn ? 'for probes and metrics of the sidecar' : 'the outer end of a tunnel';
      config.report('not-examined', `the listener \`${listener}\` is ${why}`);
      return;
    }
  }
  config.report('listener-without-filter', `the listener \`${listener}\` has no ext_authz filter`);
}

/** null: they are not in the input, which is reported. */
function routesOf(config: Part, configuration: EnvoyConfiguration, routes: Routes): RouteFacts | null {
  const inline = config.at('route_config');
  if (inline.isThere) return routes.look(inline);
  const name = config.in('rds', 'route_config_name').text();
  const found = name === null ? undefined : configuration.routes.get(name);
  if (found !== undefined) return routes.look(found);
  const scoped = config.at('scoped_routes');
  if (scoped.isThere) return scopedRoutesOf(scoped, configuration, routes);
  const missing = config.at('rds').isThere ? config.at('rds') : config;
  missing.report('not-shown', `the routes \`${name ?? ''}\` are not in the input`);
  return null;
}

/** Which scope a request belongs to is told by its headers: any of them may be the one. */
function scopedRoutesOf(scoped: Part, configuration: EnvoyConfiguration, routes: Routes): RouteFacts | null {
  const scopes = scoped.in('scoped_route_configurations_list', 'scoped_route_configurations').items();
  const found: RouteFacts[] = [];
  for (const scope of scopes) {
    const inline = scope.at('route_configuration');
    const name = scope.at('route_configuration_name').text() ?? '';
    const named = configuration.routes.get(name);
    if (inline.isThere) found.push(routes.look(inline));
    else if (named !== undefined) found.push(routes.look(named));
    else scope.report('not-shown', `the routes \`${name}\` are not in the input`);
  }
  if (scopes.length === 0) {
    // The scopes themselves come by discovery; the routes that are there may be theirs.
    for (const route of configuration.routes.values()) found.push(routes.look(route));
    scoped.report('not-shown', 'which routes a request may take comes by discovery');
  }
  return found.length === 0 ? null : joinedFacts(found);
}

function checkRouteCache(config: Part, looked: RouteFacts | null): void {
  const clears = config.at('clear_route_cache');
  if (clears.flag() !== true) return;
  // Envoy itself sets the names with a colon.
  const names = [...(looked?.choosing ?? [])].filter((name) => name !== '' && !name.startsWith(':'));
  if (names.length === 0) clears.report('route-cache-cleared', 'the route is chosen again after the decision');
  else {
    const shown = names.slice(0, MAX_SHOWN).map((name) => `\`${name}\``);
    clears.report('answers-choose-routes', `the route is chosen again after the decision, by ${shown.join(', ')}`);
  }
}

/** As many as a line holds. */
const MAX_SHOWN = 5;
