/** One example of each fault that doctor finds: what is changed in a good configuration, and where it is told. */
/* eslint-disable @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import type { FaultCode } from '../../src/doctor/codes.ts';
import type { Change, Loose, MeshChange } from './support.ts';

export interface EnvoyCase {
  readonly code: FaultCode;
  readonly what: string;
  readonly change: Change;
  /** Of the finding; `~` stands for the connection manager, `^` for the ext_authz filter's settings, `@` for the cluster. */
  readonly path: string;
  /** Flags of Portcullis' configuration, when it has to be given. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Other faults that the change makes. */
  readonly also?: readonly FaultCode[];
}

const TYPE = 'type.googleapis.com/envoy.extensions';
const any = (type: string, fields: object = {}): object => ({ '@type': `${TYPE}.${type}`, ...fields });
const httpFilter = (name: string, type: string, fields: object = {}): object => ({
  name,
  typed_config: any(`filters.http.${type}`, fields),
});
const perRoute = (fields: object): object => ({
  'envoy.filters.http.ext_authz': any('filters.http.ext_authz.v3.ExtAuthzPerRoute', fields),
});
const remotePeer = { socket_address: { address: '10.0.0.7', port_value: 9191 } };
const tls = (fields: object): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: any('transport_sockets.tls.v3.UpstreamTlsContext', fields),
});
const moveAway: Change = ({ cluster }) => {
  cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address = remotePeer;
};
const CONFIG = { 'clientIp.useRemoteAddress': true };

export const ENVOY_CASES: readonly EnvoyCase[] = [
  // Where the filter is missing
  {
    code: 'no-ext-authz',
    what: 'no filter at all',
    change: ({ manager }) => manager.http_filters.splice(1, 1),
    path: '',
  },
  {
    code: 'listener-without-filter',
    what: 'a second listener without it',
    change: ({ bootstrap, listener }) => {
      const second = structuredClone(listener);
      second.name = 'back-door';
      second.filter_chains[0].filters[0].typed_config.http_filters.splice(0, 2);
      bootstrap.static_resources.listeners.push(second);
    },
    path: 'static_resources.listeners[1].filter_chains[0].filters[0].typed_config',
  },
  {
    code: 'upgrade-without-filter',
    what: 'filters of an upgrade',
    change: ({ manager }) => {
      const router = manager.http_filters.at(-1);
      manager.upgrade_configs = [{ upgrade_type: 'websocket', filters: [router] }];
    },
    path: '~.upgrade_configs[0].filters',
  },
  {
    code: 'tcp-without-question',
    what: 'a TCP proxy beside it',
    change: ({ listener }) => {
      const typed_config = any('filters.network.tcp_proxy.v3.TcpProxy', { cluster: 'orders' });
      listener.default_filter_chain = { filters: [{ name: 'tcp', typed_config }] };
    },
    path: 'static_resources.listeners[0].default_filter_chain.filters[0]',
  },
  {
    code: 'filter-after-router',
    what: 'the router first',
    change: ({ manager }) => manager.http_filters.unshift(manager.http_filters.pop()),
    path: '~.http_filters[2]',
  },
  {
    code: 'answers-before-filter',
    what: 'a cache before it',
    change: ({ manager }) => manager.http_filters.unshift(httpFilter('cache', 'cache.v3.CacheConfig')),
    path: '~.http_filters[0]',
  },
  {
    code: 'may-answer-before-filter',
    what: 'a Lua filter before it',
    change: ({ manager }) => manager.http_filters.unshift(httpFilter('lua', 'lua.v3.Lua')),
    path: '~.http_filters[0]',
  },
  {
    code: 'changes-after-decision',
    what: 'a transcoder behind it',
    change: ({ manager }) =>
      manager.http_filters.splice(2, 0, httpFilter('json', 'grpc_json_transcoder.v3.GrpcJsonTranscoder')),
    path: '~.http_filters[2]',
  },

  {
    code: 'changes-after-decision',
    what: 'a filter of the router',
    change: ({ manager }) =>
      (manager.http_filters[2].typed_config.upstream_http_filters = [
        httpFilter('mutate', 'header_mutation.v3.HeaderMutation'),
        httpFilter('codec', 'upstream_codec.v3.UpstreamCodec'),
      ]),
    path: '~.http_filters[2].typed_config.upstream_http_filters[0]',
  },
  {
    code: 'changes-after-decision',
    what: 'a filter of the cluster that the route leads to',
    change: ({ bootstrap, host }) => {
      const name = 'behind';
      host.routes[0].route = { cluster: name };
      const http_filters = [httpFilter('lua', 'lua.v3.Lua')];
      const options = { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { http_filters } };
      const [[key, fields]] = Object.entries(options) as [[string, object]];
      const typed_extension_protocol_options = { [key]: { '@type': `type.googleapis.com/${key}`, ...fields } };
      bootstrap.static_resources.clusters.push({ name, typed_extension_protocol_options });
    },
    path: 'static_resources.clusters[2].typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].http_filters[0]',
  },
  {
    code: 'tunnel-unseen',
    what: 'a route for CONNECT',
    change: ({ host }) =>
      host.routes.unshift({
        match: { connect_matcher: {} },
        route: { cluster: 'orders', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
      }),
    path: '~.route_config.virtual_hosts[0].routes[0].match.connect_matcher',
  },

  // Where the filter does not ask
  {
    code: 'filter-disabled',
    what: 'disabled in the chain',
    change: ({ entry }) => (entry.disabled = true),
    path: '~.http_filters[1].disabled',
  },
  {
    code: 'filter-optional',
    what: 'optional',
    change: ({ entry }) => (entry.is_optional = true),
    path: '~.http_filters[1].is_optional',
  },
  {
    code: 'route-disabled',
    what: 'disabled on a route',
    change: ({ host }) =>
      host.routes.unshift({
        match: { prefix: '/public' },
        route: { cluster: 'orders' },
        typed_per_filter_config: perRoute({ disabled: true }),
      }),
    path: '~.route_config.virtual_hosts[0].routes[0].typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
  },
  {
    code: 'route-disabled',
    what: 'disabled on a virtual host, by FilterConfig',
    change: ({ host }) =>
      (host.typed_per_filter_config = {
        'envoy.filters.http.ext_authz': {
          '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
          disabled: true,
        },
      }),
    path: '~.route_config.virtual_hosts[0].typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
  },
  {
    code: 'route-disabled',
    what: 'disabled for a weighted cluster',
    change: ({ host }) =>
      (host.routes[0].route = {
        weighted_clusters: {
          clusters: [{ name: 'orders', weight: 1, typed_per_filter_config: perRoute({ disabled: true }) }],
        },
      }),
    path: '~.route_config.virtual_hosts[0].routes[0].route.weighted_clusters.clusters[0].typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
  },
  {
    code: 'route-disabled',
    what: 'disabled in one of several scopes',
    change: ({ manager }) => {
      const open = structuredClone(manager.route_config);
      open.virtual_hosts[0].routes[0].typed_per_filter_config = perRoute({ disabled: true });
      const scopes = [manager.route_config, open].map((route_configuration, i) => ({
        name: `scope-${i}`,
        route_configuration,
        key: { fragments: [{ string_key: `${i}` }] },
      }));
      delete manager.route_config;
      manager.scoped_routes = {
        name: 'scopes',
        scope_key_builder: { fragments: [{ header_value_extractor: { name: 'x-scope', index: 0 } }] },
        scoped_route_configurations_list: { scoped_route_configurations: scopes },
      };
    },
    path: '~.scoped_routes.scoped_route_configurations_list.scoped_route_configurations[1].route_configuration.virtual_hosts[0].routes[0].typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
  },
  {
    code: 'asks-a-share',
    what: 'asked about nine of ten',
    change: ({ filter }) => (filter.filter_enabled = { default_value: { numerator: 90 } }),
    path: '^.filter_enabled',
  },
  {
    code: 'asks-a-share',
    what: 'asked about a share of a million',
    change: ({ filter }) => (filter.filter_enabled = { default_value: { numerator: 999_999, denominator: 'MILLION' } }),
    path: '^.filter_enabled',
  },
  {
    code: 'runtime-opens',
    what: 'switched by a runtime key',
    change: ({ filter }) =>
      (filter.filter_enabled = { default_value: { numerator: 100 }, runtime_key: 'ext_authz.enabled' }),
    path: '^.filter_enabled.runtime_key',
  },
  {
    code: 'refuses-a-share',
    what: 'refused where not asked',
    change: ({ filter }) => {
      filter.filter_enabled = { default_value: { numerator: 50 } };
      filter.deny_at_disable = { default_value: true };
    },
    path: '^.filter_enabled',
  },
  {
    code: 'asks-by-metadata',
    what: 'asked where metadata says so',
    change: ({ filter }) =>
      (filter.filter_enabled_metadata = { filter: 'x', path: [{ key: 'y' }], value: { bool_match: true } }),
    path: '^.filter_enabled_metadata',
  },
  {
    code: 'behind-matcher',
    what: 'behind a matcher',
    change: ({ entry }) => {
      const typed_config = entry.typed_config;
      entry.typed_config = any('common.matching.v3.ExtensionWithMatcher', {
        extension_config: { name: 'ext_authz', typed_config },
        xds_matcher: {},
      });
    },
    path: '~.http_filters[1]',
  },
  {
    code: 'shadow-mode',
    what: 'in shadow mode',
    change: ({ filter }) => (filter.shadow_mode = true),
    path: '^.shadow_mode',
  },
  {
    code: 'not-grpc',
    what: 'an HTTP service',
    change: ({ filter }) => {
      delete filter.grpc_service;
      filter.http_service = { server_uri: { uri: 'http://x', cluster: 'orders', timeout: '1s' } };
    },
    path: '^.http_service',
    also: ['timeout-default'],
  },
  {
    code: 'asks-another',
    what: 'another service on a route',
    change: ({ host }) =>
      (host.routes[0].typed_per_filter_config = perRoute({
        check_settings: { grpc_service: { envoy_grpc: { cluster_name: 'orders' } } },
      })),
    path: '~.route_config.virtual_hosts[0].routes[0].typed_per_filter_config["envoy.filters.http.ext_authz"].check_settings.grpc_service',
  },

  // Without an answer, and with one
  {
    code: 'fail-open',
    what: 'failure_mode_allow',
    change: ({ filter }) => (filter.failure_mode_allow = true),
    path: '^.failure_mode_allow',
  },
  {
    code: 'fail-open',
    what: 'failureModeAllow, as protobuf JSON has it',
    change: ({ filter }) => {
      delete filter.failure_mode_allow;
      filter.failureModeAllow = true;
    },
    path: '^.failure_mode_allow',
  },
  {
    code: 'status-on-error-success',
    what: '200 without an answer',
    change: ({ filter }) => (filter.status_on_error = { code: 'OK' }),
    path: '^.status_on_error.code',
  },
  {
    code: 'status-on-error-success',
    what: '302 without an answer, as a number',
    change: ({ filter }) => (filter.status_on_error = { code: 302 }),
    path: '^.status_on_error.code',
  },
  {
    code: 'status-on-error-default',
    what: 'no status for outages',
    change: ({ filter }) => delete filter.status_on_error,
    path: '^.status_on_error.code',
  },
  {
    code: 'timeout-default',
    what: 'no timeout',
    change: ({ filter }) => delete filter.grpc_service.timeout,
    path: '^.grpc_service.timeout',
  },
  {
    code: 'timeout-long',
    what: 'ten seconds',
    change: ({ filter }) => (filter.grpc_service.timeout = '10s'),
    path: '^.grpc_service.timeout',
  },
  {
    code: 'timeout-endless',
    what: 'no bound',
    change: ({ filter }) => (filter.grpc_service.timeout = '0s'),
    path: '^.grpc_service.timeout',
  },
  {
    code: 'timeout-endless',
    what: 'ten minutes',
    change: ({ filter }) => (filter.grpc_service.timeout = '600s'),
    path: '^.grpc_service.timeout',
  },
  {
    code: 'question-retried',
    what: 'retries',
    change: ({ filter }) => (filter.grpc_service.envoy_grpc.retry_policy = { num_retries: 3 }),
    path: '^.grpc_service.envoy_grpc.retry_policy',
  },
  {
    code: 'route-cache-cleared',
    what: 'routes chosen again',
    change: ({ filter }) => (filter.clear_route_cache = true),
    path: '^.clear_route_cache',
  },
  {
    code: 'answers-choose-routes',
    what: 'routes chosen again by a header',
    change: ({ filter, host }) => {
      filter.clear_route_cache = true;
      const headers = [{ name: 'x-tier', string_match: { exact: 'gold' } }];
      host.routes.unshift({ match: { prefix: '/', headers }, route: { cluster: 'orders' } });
    },
    path: '^.clear_route_cache',
  },
  {
    code: 'tokens-choose-routes',
    what: 'a token behind it chooses the route',
    change: ({ manager, jwt }) => {
      jwt.typed_config.providers.main.clear_route_cache = true;
      manager.http_filters = [manager.http_filters[1], jwt, manager.http_filters[2]];
    },
    path: '~.http_filters[1].typed_config.providers.main.clear_route_cache',
  },
  {
    code: 'cluster-by-header',
    what: 'the upstream by a header',
    change: ({ host }) => (host.routes[0].route = { cluster_header: 'x-cluster' }),
    path: '~.route_config.virtual_hosts[0].routes[0].route.cluster_header',
  },
  {
    code: 'mutations-refused',
    what: 'answers may set nothing',
    change: ({ filter }) => (filter.decoder_header_mutation_rules = { disallow_all: true }),
    path: '^.decoder_header_mutation_rules',
  },
  {
    code: 'mutations-unchecked',
    what: 'answers unchecked',
    change: ({ filter }) => delete filter.validate_mutations,
    path: '^.validate_mutations',
  },
  {
    code: 'metadata-dropped',
    what: 'decisions dropped',
    change: ({ filter }) => (filter.enable_dynamic_metadata_ingestion = false),
    path: '^.enable_dynamic_metadata_ingestion',
  },

  // What the question leaves out
  {
    code: 'raw-headers-missing',
    what: 'joined headers',
    change: ({ filter }) => delete filter.encode_raw_headers,
    path: '^.encode_raw_headers',
  },
  {
    code: 'certificate-missing',
    what: 'no certificate',
    change: ({ filter }) => (filter.include_peer_certificate = false),
    path: '^.include_peer_certificate',
  },
  {
    code: 'tls-session-missing',
    what: 'no server name',
    change: ({ filter }) => delete filter.include_tls_session,
    path: '^.include_tls_session',
  },
  {
    code: 'headers-hidden',
    what: 'some headers only',
    change: ({ filter }) => (filter.allowed_headers = { patterns: [{ exact: 'x-a' }] }),
    path: '^.allowed_headers',
  },
  {
    code: 'headers-hidden',
    what: 'without the token',
    change: ({ filter }) => (filter.disallowed_headers = { patterns: [{ exact: 'authorization' }] }),
    path: '^.disallowed_headers',
  },
  {
    code: 'claims-not-sent',
    what: 'claims for nobody',
    change: ({ filter }) => delete filter.metadata_context_namespaces,
    path: '^.metadata_context_namespaces',
  },
  {
    code: 'claims-missing',
    what: 'claims that Portcullis counts on',
    change: ({ filter }) => (filter.metadata_context_namespaces = ['other']),
    path: '^.metadata_context_namespaces',
    config: { ...CONFIG, 'identity.jwtMetadata': 'envoy.filters.http.jwt_authn' },
  },
  {
    code: 'claims-missing',
    what: 'nobody who verifies tokens',
    change: ({ manager }) => manager.http_filters.shift(),
    path: '~.http_filters[0]',
    config: { ...CONFIG, 'identity.jwtMetadata': 'envoy.filters.http.jwt_authn' },
  },
  {
    code: 'claims-missing',
    what: 'claims under another name',
    change: ({ jwt }) => (jwt.typed_config.providers.main.payload_in_metadata = 'claims'),
    path: '~.http_filters[0].typed_config.providers.main.payload_in_metadata',
    config: { ...CONFIG, 'identity.jwtMetadata': 'envoy.filters.http.jwt_authn' },
  },
  {
    code: 'claims-forged',
    what: 'claims from a header',
    change: ({ manager }) => {
      const into = { metadata_namespace: 'envoy.filters.http.jwt_authn', key: 'payload' };
      const rules = { request_rules: [{ header: 'x-claims', on_header_present: into }] };
      manager.http_filters.unshift(httpFilter('to-metadata', 'header_to_metadata.v3.Config', rules));
    },
    path: '~.http_filters[0].typed_config.request_rules[0].on_header_present.metadata_namespace',
    config: { ...CONFIG, 'identity.jwtMetadata': 'envoy.filters.http.jwt_authn' },
  },
  {
    code: 'body-partial',
    what: 'parts of bodies',
    change: ({ filter }) =>
      (filter.with_request_body = { max_request_bytes: 8192, allow_partial_message: true, pack_as_bytes: true }),
    path: '^.with_request_body.allow_partial_message',
  },
  {
    code: 'body-sent',
    what: 'bodies',
    change: ({ filter }) => (filter.with_request_body = { max_request_bytes: 8192, pack_as_bytes: true }),
    path: '^.with_request_body',
  },
  {
    code: 'body-too-large',
    what: 'bodies above the bound of Portcullis',
    change: ({ filter }) => (filter.with_request_body = { max_request_bytes: 2_000_000, pack_as_bytes: true }),
    path: '^.with_request_body.max_request_bytes',
    config: { ...CONFIG, 'limits.maxMessageBytes': 1_000_000 },
  },

  // How requests are read
  {
    code: 'path-not-normalized',
    what: 'dot segments',
    change: ({ manager }) => delete manager.normalize_path,
    path: '~.normalize_path',
  },
  {
    code: 'slashes-not-merged',
    what: 'repeated slashes',
    change: ({ manager }) => (manager.merge_slashes = false),
    path: '~.merge_slashes',
  },
  {
    code: 'path-ambiguous',
    what: 'escaped slashes that Portcullis does not refuse',
    change: () => null,
    path: '~',
    config: { ...CONFIG, 'requests.ambiguousPaths': 'evaluate' },
  },
  {
    code: 'underscores-allowed',
    what: 'underscores',
    change: ({ manager }) => delete manager.common_http_protocol_options,
    path: '~.common_http_protocol_options.headers_with_underscores_action',
  },
  {
    code: 'client-ip-mismatch',
    what: 'another number of hops',
    change: ({ manager }) => (manager.xff_num_trusted_hops = 1),
    path: '~.xff_num_trusted_hops',
    config: CONFIG,
  },
  {
    code: 'client-ip-mismatch',
    what: 'another address',
    change: () => null,
    path: '~.use_remote_address',
    config: { 'clientIp.useRemoteAddress': false },
  },
  {
    code: 'client-ip-mismatch',
    what: 'an address from an extension',
    change: ({ manager }) =>
      (manager.original_ip_detection_extensions = [
        { name: 'x', typed_config: any('http.original_ip_detection.custom_header.v3.CustomHeaderConfig') },
      ]),
    path: '~.original_ip_detection_extensions',
    config: CONFIG,
  },
  {
    code: 'xfcc-from-client',
    what: 'XFCC as it comes',
    change: ({ manager }) => (manager.forward_client_cert_details = 'ALWAYS_FORWARD_ONLY'),
    path: '~.forward_client_cert_details',
  },
  {
    code: 'xfcc-appended',
    what: 'XFCC with what the client says, as a number',
    change: ({ manager }) => (manager.forward_client_cert_details = 2),
    path: '~.forward_client_cert_details',
  },
  {
    code: 'denials-rewritten',
    what: 'refusals as successes',
    change: ({ manager }) => (manager.local_reply_config = { mappers: [{ status_code: 200 }] }),
    path: '~.local_reply_config.mappers[0].status_code',
  },

  // Portcullis as Envoy reaches it
  {
    code: 'unknown-cluster',
    what: 'a cluster that is not there',
    change: ({ filter }) => (filter.grpc_service.envoy_grpc.cluster_name = 'portculis'),
    path: '^.grpc_service.envoy_grpc.cluster_name',
  },
  {
    code: 'cluster-without-http2',
    what: 'HTTP/1',
    change: ({ cluster }) => delete cluster.typed_extension_protocol_options,
    path: '@',
  },
  {
    code: 'dead-peer-unnoticed',
    what: 'nothing that notices a dead peer',
    change: (parts) => {
      moveAway(parts);
      const [options] = Object.values<Loose>(parts.cluster.typed_extension_protocol_options);
      options.explicit_http_config.http2_protocol_options = {};
      parts.cluster.transport_socket = tls({
        common_tls_context: { validation_context_sds_secret_config: { name: 'ca' } },
      });
    },
    path: '@',
  },
  {
    code: 'breaker-small',
    what: 'a small circuit breaker',
    change: ({ cluster }) => (cluster.circuit_breakers = { thresholds: [{ max_requests: 10 }] }),
    path: '@.circuit_breakers.thresholds[0].max_requests',
  },
  {
    code: 'breaker-opens-gate',
    what: 'a small circuit breaker that fails open',
    change: ({ cluster, filter }) => {
      filter.failure_mode_allow = true;
      cluster.circuit_breakers = { thresholds: [{ max_pending_requests: 1 }] };
    },
    path: '@.circuit_breakers.thresholds[0].max_pending_requests',
    also: ['fail-open'],
  },
  {
    code: 'question-in-plaintext',
    what: 'plaintext to another host',
    change: moveAway,
    path: '@.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address',
  },
  {
    code: 'question-in-plaintext',
    what: "Google's client without credentials",
    change: ({ filter }) =>
      (filter.grpc_service = {
        google_grpc: { target_uri: 'dns:///p.example:9191', stat_prefix: 'p' },
        timeout: '0.2s',
      }),
    path: '^.grpc_service.google_grpc.target_uri',
  },
  {
    code: 'answers-unverified',
    what: 'TLS without an authority',
    change: (parts) => {
      moveAway(parts);
      parts.cluster.transport_socket = tls({ common_tls_context: {} });
    },
    path: '@.transport_socket.typed_config',
  },
  {
    code: 'answers-from-anyone',
    what: 'TLS with any name',
    change: (parts) => {
      moveAway(parts);
      const validation_context = { trusted_ca: { filename: '/ca.crt' } };
      parts.cluster.transport_socket = tls({ common_tls_context: { validation_context } });
    },
    path: '@.transport_socket.typed_config',
  },
  {
    code: 'admin-exposed',
    what: 'an open admin port',
    change: ({ bootstrap }) => (bootstrap.admin.address.socket_address.address = '0.0.0.0'),
    path: 'admin.address',
  },
  {
    code: 'known-advisories',
    what: 'an old Envoy',
    change: ({ bootstrap }) =>
      (bootstrap.node = {
        user_agent_build_version: { version: { major_number: 1, minor_number: 38, patch: 3 } },
      }),
    path: 'node.user_agent_build_version.version',
  },
  {
    code: 'known-advisories',
    what: 'an old Istio',
    change: ({ bootstrap }) => (bootstrap.node = { metadata: { ISTIO_VERSION: '1.28.9' } }),
    path: 'node.metadata.ISTIO_VERSION',
  },

  // What was not looked at
  {
    code: 'not-shown',
    what: 'routes that come by discovery',
    change: ({ manager }) => {
      delete manager.route_config;
      manager.rds = { route_config_name: 'orders' };
    },
    path: '~.rds',
  },
  {
    code: 'not-shown',
    what: 'scopes of routes that come by discovery',
    change: ({ manager }) => {
      delete manager.route_config;
      manager.scoped_routes = { name: 'scopes', scoped_rds: { scoped_rds_config_source: { ads: {} } } };
    },
    path: '~.scoped_routes',
  },
  {
    code: 'not-shown',
    what: 'an upstream that an extension chooses',
    change: ({ host }) => (host.routes[0].route = { inline_cluster_specifier_plugin: { extension: { name: 'lua' } } }),
    path: '~.route_config.virtual_hosts[0].routes[0].route.inline_cluster_specifier_plugin',
  },
  {
    code: 'not-examined',
    what: 'a listener for what goes out',
    change: ({ bootstrap, listener }) =>
      bootstrap.static_resources.listeners.push({ ...listener, name: 'out', traffic_direction: 'OUTBOUND' }),
    path: 'static_resources.listeners[1]',
  },
  {
    code: 'unknown-shape',
    what: 'a switch that is there in both forms',
    change: ({ filter }) => (filter.failureModeAllow = true),
    path: '^.failure_mode_allow',
  },
  {
    code: 'unknown-shape',
    what: 'a switch that is neither on nor off',
    change: ({ filter }) => (filter.failure_mode_allow = 'perhaps'),
    path: '^.failure_mode_allow',
  },
];

export interface IstioCase {
  readonly code: FaultCode;
  readonly what: string;
  readonly change: MeshChange;
  /** File and path. */
  readonly at: string;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly also?: readonly FaultCode[];
}

const envoyFilterOf = (patch: object): object => ({
  apiVersion: 'networking.istio.io/v1alpha3',
  kind: 'EnvoyFilter',
  metadata: { name: 'own', namespace: 'shop' },
  spec: { configPatches: [patch] },
});
/** Beside ext_authz. */
const inserted = (patch: Loose, operation: string, value: object): object =>
  envoyFilterOf({ ...patch, patch: { operation, value } });
const deployment = (annotations: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'orders', namespace: 'shop' },
  spec: { template: { metadata: { annotations } } },
});

const PROVIDER = 'mesh-config.yaml meshConfig.extensionProviders[0]';
const GRPC = `${PROVIDER}.envoyExtAuthzGrpc`;

export const ISTIO_CASES: readonly IstioCase[] = [
  { code: 'fail-open', what: 'failOpen', change: ({ grpc }) => (grpc.failOpen = true), at: `${GRPC}.failOpen` },
  {
    code: 'timeout-endless',
    what: "Istio's ten minutes",
    change: ({ grpc }) => delete grpc.timeout,
    at: `${GRPC}.timeout`,
  },
  { code: 'timeout-long', what: 'half a minute', change: ({ grpc }) => (grpc.timeout = '30s'), at: `${GRPC}.timeout` },
  {
    code: 'status-on-error-default',
    what: 'no status for outages',
    change: ({ grpc }) => delete grpc.statusOnError,
    at: `${GRPC}.statusOnError`,
  },
  {
    code: 'status-on-error-success',
    what: '200 without an answer',
    change: ({ grpc }) => (grpc.statusOnError = '200'),
    at: `${GRPC}.statusOnError`,
  },
  {
    code: 'route-cache-cleared',
    what: 'routes chosen again',
    change: ({ grpc }) => (grpc.clearRouteCache = true),
    at: `${GRPC}.clearRouteCache`,
  },
  {
    code: 'body-partial',
    what: 'parts of bodies',
    change: ({ grpc }) => (grpc.includeRequestBodyInCheck = { maxRequestBytes: 10, allowPartialMessage: true }),
    at: `${GRPC}.includeRequestBodyInCheck.allow_partial_message`,
  },
  {
    code: 'raw-headers-missing',
    what: 'joined headers',
    change: ({ filter }) => delete filter.encode_raw_headers,
    at: `${GRPC}.encode_raw_headers`,
  },
  {
    code: 'certificate-missing',
    what: 'no certificate, since the EnvoyFilter is for some workloads',
    change: ({ filter, patch, others }) => {
      delete filter.include_peer_certificate;
      const typed_config = { '@type': filter['@type'], include_peer_certificate: true };
      others.push({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name: 'some', namespace: 'shop' },
        spec: {
          workloadSelector: { labels: { app: 'orders' } },
          configPatches: [{ ...patch, patch: { operation: 'MERGE', value: { name: 'x', typed_config } } }],
        },
      });
    },
    at: `${GRPC}.include_peer_certificate`,
  },
  {
    code: 'not-grpc',
    what: 'an HTTP provider',
    change: ({ mesh }) => {
      const { envoyExtAuthzGrpc: grpc } = mesh.extensionProviders[0];
      mesh.extensionProviders[0] = { name: 'portcullis', envoyExtAuthzHttp: grpc };
    },
    at: `${PROVIDER}.envoyExtAuthzHttp`,
  },
  {
    code: 'headers-hidden',
    what: 'some headers only',
    change: ({ mesh }) => {
      const { envoyExtAuthzGrpc: grpc } = mesh.extensionProviders[0];
      const envoyExtAuthzHttp = { ...grpc, includeRequestHeadersInCheck: ['authorization'] };
      mesh.extensionProviders[0] = { name: 'portcullis', envoyExtAuthzHttp };
    },
    at: `${PROVIDER}.envoyExtAuthzHttp.includeRequestHeadersInCheck`,
    also: ['not-grpc'],
  },
  {
    code: 'path-prefix',
    what: 'a prefix before the path',
    change: ({ mesh }) => {
      const { envoyExtAuthzGrpc: grpc } = mesh.extensionProviders[0];
      mesh.extensionProviders[0] = { name: 'portcullis', envoyExtAuthzHttp: { ...grpc, pathPrefix: '/check' } };
    },
    at: `${PROVIDER}.envoyExtAuthzHttp.pathPrefix`,
    also: ['not-grpc'],
  },
  {
    code: 'path-not-normalized',
    what: 'paths as they come',
    change: ({ mesh }) => (mesh.pathNormalization = { normalization: 'NONE' }),
    at: 'mesh-config.yaml meshConfig.pathNormalization.normalization',
  },
  {
    code: 'path-ambiguous',
    what: 'paths that Portcullis does not refuse',
    change: ({ mesh }) => (mesh.pathNormalization = { normalization: 'BASE' }),
    at: 'mesh-config.yaml meshConfig.pathNormalization.normalization',
    config: { 'requests.ambiguousPaths': 'evaluate' },
  },
  {
    code: 'xfcc-from-client',
    what: 'XFCC as it comes to gateways',
    change: ({ mesh }) =>
      (mesh.defaultConfig = { gatewayTopology: { forwardClientCertDetails: 'ALWAYS_FORWARD_ONLY' } }),
    at: 'mesh-config.yaml meshConfig.defaultConfig.gatewayTopology.forwardClientCertDetails',
  },
  {
    code: 'client-ip-mismatch',
    what: 'another number of proxies',
    change: ({ mesh }) => (mesh.defaultConfig = { gatewayTopology: { numTrustedProxies: 2 } }),
    at: 'mesh-config.yaml meshConfig.defaultConfig.gatewayTopology.numTrustedProxies',
    config: { 'clientIp.xffTrustedHops': 1 },
  },
  {
    code: 'trust-domain-mismatch',
    what: 'another trust domain',
    change: ({ mesh }) => (mesh.trustDomain = 'example.com'),
    at: 'mesh-config.yaml meshConfig.trustDomain',
    config: { trustDomain: 'cluster.local' },
  },
  {
    code: 'question-in-plaintext',
    what: 'no mutual TLS',
    change: ({ mesh }) => (mesh.enableAutoMtls = false),
    at: 'mesh-config.yaml meshConfig.enableAutoMtls',
  },
  {
    code: 'provider-unknown',
    what: 'a provider that is not there',
    change: ({ custom }) => (custom.spec.provider.name = 'portculis'),
    at: 'authorization-policy.yaml spec.provider.name',
    also: ['provider-unused'],
  },
  {
    code: 'provider-unused',
    what: 'nothing that sends requests there',
    change: ({ custom }) => {
      custom.spec.action = 'ALLOW';
      delete custom.spec.provider;
    },
    at: PROVIDER,
    also: ['asks-some-namespaces'],
  },
  {
    code: 'provider-unusable',
    what: 'two providers of one name',
    change: ({ mesh }) => mesh.extensionProviders.push(structuredClone(mesh.extensionProviders[0])),
    at: 'mesh-config.yaml meshConfig.extensionProviders[2]',
  },
  {
    code: 'provider-unusable',
    what: 'two providers for one workload',
    change: ({ custom, others }) => {
      const policy = structuredClone(custom);
      policy.metadata = { name: 'other', namespace: 'shop' };
      policy.spec.selector = { matchLabels: { app: 'orders' } };
      policy.spec.provider.name = 'portcullis-waypoints';
      others.push(policy);
    },
    at: 'envoy-filter.yaml spec.provider.name',
    also: ['asks-some-workloads'],
  },
  {
    code: 'asks-some-workloads',
    what: 'a selector',
    change: ({ custom }) => (custom.spec.selector = { matchLabels: { app: 'orders' } }),
    at: 'authorization-policy.yaml spec.selector',
  },
  {
    code: 'asks-some-namespaces',
    what: 'one namespace',
    change: ({ custom }) => (custom.metadata.namespace = 'shop'),
    at: 'authorization-policy.yaml ',
  },
  {
    code: 'labels-missing',
    what: 'no labels',
    change: ({ filter }) => delete filter.bootstrap_metadata_labels_key,
    at: `${GRPC}.bootstrap_metadata_labels_key`,
  },
  {
    code: 'mtls-optional',
    what: 'callers without certificates',
    change: ({ peers }) => (peers.spec.mtls.mode = 'PERMISSIVE'),
    at: 'peer-authentication.yaml spec.mtls.mode',
  },
  {
    code: 'mtls-optional',
    what: 'nothing said for the mesh, which is as good as that',
    change: ({ peers }) => delete peers.spec,
    at: 'peer-authentication.yaml spec.mtls.mode',
  },
  {
    code: 'mtls-optional',
    what: 'callers without certificates on one port',
    change: ({ peers }) => (peers.spec.portLevelMtls = { 8080: { mode: 'DISABLE' } }),
    at: 'peer-authentication.yaml spec.portLevelMtls.8080.mode',
  },
  {
    code: 'mtls-not-shown',
    what: 'nothing for the mesh',
    change: ({ peers }) => (peers.metadata.namespace = 'shop'),
    at: 'authorization-policy.yaml ',
  },
  {
    code: 'ports-past-proxy',
    what: 'a port that is left out',
    change: ({ others }) => others.push(deployment({ 'traffic.sidecar.istio.io/excludeInboundPorts': '8080' })),
    at: 'envoy-filter.yaml spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]',
  },
  {
    code: 'ports-past-proxy',
    what: 'all ports but one',
    change: ({ others }) => others.push(deployment({ 'traffic.sidecar.istio.io/includeInboundPorts': '8443' })),
    at: 'envoy-filter.yaml spec.template.metadata.annotations["traffic.sidecar.istio.io/includeInboundPorts"]',
  },
  {
    code: 'workload-without-proxy',
    what: 'no injection',
    change: ({ others }) => others.push(deployment({ 'sidecar.istio.io/inject': 'false' })),
    at: 'envoy-filter.yaml spec.template.metadata.annotations["sidecar.istio.io/inject"]',
  },
  {
    code: 'workload-without-proxy',
    what: 'a pod in the network of its node',
    change: ({ others }) =>
      others.push({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'node' }, spec: { hostNetwork: true } }),
    at: 'envoy-filter.yaml spec.hostNetwork',
  },
  {
    code: 'may-answer-before-filter',
    what: 'an EnvoyFilter with a filter before it',
    change: ({ patch, others }) => others.push(inserted(patch, 'INSERT_BEFORE', httpFilter('lua', 'lua.v3.Lua'))),
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value',
  },
  {
    code: 'changes-after-decision',
    what: 'an EnvoyFilter with a filter behind it',
    change: ({ patch, others }) => others.push(inserted(patch, 'INSERT_AFTER', httpFilter('lua', 'lua.v3.Lua'))),
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value',
  },
  {
    code: 'listener-without-filter',
    what: 'an EnvoyFilter with a listener of its own',
    change: ({ others }) => {
      const routes = [{ match: { prefix: '/' }, route: { cluster: 'orders' } }];
      const typed_config = any('filters.network.http_connection_manager.v3.HttpConnectionManager', {
        route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      });
      const value = { name: 'own', filter_chains: [{ filters: [{ name: 'http', typed_config }] }] };
      others.push(envoyFilterOf({ applyTo: 'LISTENER', patch: { operation: 'ADD', value } }));
    },
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value.filter_chains[0].filters[0].typed_config',
  },
  {
    code: 'asks-only-some',
    what: 'some paths',
    change: ({ custom }) => (custom.spec.rules = [{ to: [{ operation: { paths: ['/admin*'] } }] }]),
    at: 'authorization-policy.yaml spec.rules[0]',
  },
  {
    code: 'asks-only-some',
    what: 'all but some paths, on one port',
    change: ({ custom }) =>
      (custom.spec.rules = [{ to: [{ operation: { notPaths: ['/healthz'], ports: ['8080'] } }] }]),
    at: 'authorization-policy.yaml spec.rules[0]',
  },
  {
    code: 'unknown-shape',
    what: 'a rule that is none',
    change: ({ custom }) => (custom.spec.rules = [null]),
    at: 'authorization-policy.yaml spec.rules[0]',
  },
  {
    code: 'asks-nothing',
    what: 'no rules',
    change: ({ custom }) => delete custom.spec.rules,
    at: 'authorization-policy.yaml spec',
  },
  {
    code: 'filter-removed',
    what: 'an EnvoyFilter that takes it out',
    change: ({ patch }) => (patch.patch = { operation: 'REMOVE' }),
    at: 'envoy-filter.yaml spec.configPatches[0]',
    also: [
      'raw-headers-missing',
      'certificate-missing',
      'tls-session-missing',
      'mutations-unchecked',
      'labels-missing',
    ],
  },
  {
    code: 'fail-open',
    what: 'an EnvoyFilter that lets pass',
    change: ({ filter }) => (filter.failure_mode_allow = true),
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value.typed_config.failure_mode_allow',
  },
  {
    code: 'underscores-allowed',
    what: 'an EnvoyFilter for the connection manager',
    change: ({ others }) =>
      others.push({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name: 'hcm', namespace: 'istio-system' },
        spec: {
          configPatches: [
            {
              applyTo: 'NETWORK_FILTER',
              patch: {
                operation: 'MERGE',
                value: {
                  typed_config: any('filters.network.http_connection_manager.v3.HttpConnectionManager', {
                    common_http_protocol_options: { headers_with_underscores_action: 'ALLOW' },
                  }),
                },
              },
            },
          ],
        },
      }),
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value.typed_config.common_http_protocol_options.headers_with_underscores_action',
  },
  {
    code: 'route-disabled',
    what: 'an EnvoyFilter for a route',
    change: ({ others }) =>
      others.push({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name: 'route', namespace: 'shop' },
        spec: {
          configPatches: [
            {
              applyTo: 'HTTP_ROUTE',
              patch: { operation: 'MERGE', value: { typed_per_filter_config: perRoute({ disabled: true }) } },
            },
          ],
        },
      }),
    at: 'envoy-filter.yaml spec.configPatches[0].patch.value.typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
  },
];
