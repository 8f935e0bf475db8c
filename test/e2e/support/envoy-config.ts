import type { Certificate } from './certificates.ts';
import { recommendedFilter, type Json } from './recommended-config.ts';
import type { TokenIssuer } from './tokens.ts';

/** One Envoy: its listeners, the services that they ask, and the upstream behind them. */
export interface EnvoyOptions {
  readonly listeners: readonly ListenerOptions[];
  /** ext_authz services by name. */
  readonly services: Readonly<Record<string, ServiceEndpoint>>;
  readonly upstream: { readonly http1: number; readonly http2: number; readonly grpc: number };
  /** `node.metadata.labels`; listeners with `destinationLabels` send them as `destination.labels`. */
  readonly nodeLabels?: Readonly<Record<string, string>>;
  /** `HOST:PORT` of an OTLP collector, which gets all spans of every listener. */
  readonly traces?: string;
}

export interface ServiceEndpoint {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  readonly tls?: {
    /** PEM that the service's certificate must come from. */
    readonly authority: string;
    /** Envoy's own certificate; absent: none is shown. */
    readonly certificate?: Certificate;
  };
}

export interface ListenerOptions {
  readonly name: string;
  /** A loopback address. Default 127.0.0.1; others tell workloads apart by destination address. */
  readonly address?: string;
  /** Key of {@link EnvoyOptions.services}. Default: the only one. */
  readonly service?: string;
  /** Absent: plaintext. */
  readonly tls?: {
    readonly certificate: Certificate;
    /** PEM bundle that client certificates must come from. */
    readonly clientAuthorities: readonly string[];
    /** Default true. */
    readonly requireClientCertificate?: boolean;
  };
  readonly http?: HttpOptions;
  readonly extAuthz?: ExtAuthzOptions;
  /** Verifies bearer tokens and puts their claims in metadata; a request without a token passes. */
  readonly tokens?: TokenIssuer;
  /** Copies a request header into dynamic metadata, as another filter before ext_authz might. */
  readonly headerToMetadata?: { readonly header: string; readonly namespace: string; readonly key: string };
  /** Default: everything to the HTTP/1.1 echo. gRPC content always goes to the gRPC echo. */
  readonly routes?: readonly RouteOptions[];
}

/** HTTP connection manager settings; defaults as `deploy/envoy/envoy.yaml` where not said otherwise. */
export interface HttpOptions {
  readonly useRemoteAddress?: boolean;
  readonly xffTrustedHops?: number;
  readonly normalizePath?: boolean;
  readonly mergeSlashes?: boolean;
  readonly pathWithEscapedSlashes?: 'KEEP_UNCHANGED' | 'REJECT_REQUEST' | 'UNESCAPE_AND_FORWARD';
  /** Default ALLOW, so that the tests see what Portcullis does about them. */
  readonly headersWithUnderscores?: 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER';
  /** x-forwarded-client-cert. Default APPEND_FORWARD, as Istio's sidecars have. */
  readonly forwardClientCertificate?: 'SANITIZE' | 'SANITIZE_SET' | 'APPEND_FORWARD' | 'ALWAYS_FORWARD_ONLY';
  /** In KiB. Default Envoy's own 60. */
  readonly maxRequestHeadersKib?: number;
  /** Header lines of a request. Default Envoy's own 100. */
  readonly maxRequestHeaderLines?: number;
}

/** What differs from the recommended ext_authz filter. */
export interface ExtAuthzOptions {
  readonly encodeRawHeaders?: boolean;
  readonly failureModeAllow?: boolean;
  readonly includePeerCertificate?: boolean;
  readonly includeTlsSession?: boolean;
  readonly validateMutations?: boolean;
  readonly timeoutMs?: number;
  readonly requestBody?: { readonly maxBytes: number; readonly allowPartial?: boolean; readonly asBytes?: boolean };
  readonly metadataNamespaces?: readonly string[];
  /** Send the node's labels as `destination.labels`. */
  readonly destinationLabels?: boolean;
  /** Envoy's own answer when the service gives none. */
  readonly statusOnError?: number;
}

export interface RouteOptions {
  readonly prefix: string;
  /** Default http1. */
  readonly upstream?: 'http1' | 'http2';
  readonly contextExtensions?: Readonly<Record<string, string>>;
}

/** Where the files of one Envoy are. */
export interface EnvoyFiles {
  readonly accessLog: string;
}

const TYPE = 'type.googleapis.com/envoy.extensions';

/** The whole bootstrap configuration. */
export function envoyConfig(options: EnvoyOptions, files: EnvoyFiles): Json {
  return {
    node: { id: 'e2e', cluster: 'e2e', metadata: { LABELS: options.nodeLabels ?? {} } },
    // Port 0: Envoy tells the real ones itself (envoy.ts), so nobody can take them in between.
    admin: { address: socketAddress('127.0.0.1', 0) },
    ...(options.traces === undefined ? {} : { layered_runtime: SPANS_AT_ONCE }),
    static_resources: {
      listeners: options.listeners.map((listener) => listenerConfig(listener, options, files)),
      clusters: [
        ...Object.entries(options.services).map(([name, endpoint]) => serviceCluster(name, endpoint)),
        cluster('http1', socketAddress('127.0.0.1', options.upstream.http1)),
        { ...cluster('http2', socketAddress('127.0.0.1', options.upstream.http2)), ...HTTP2 },
        { ...cluster('grpc', socketAddress('127.0.0.1', options.upstream.grpc)), ...HTTP2 },
        ...(options.traces === undefined ? [] : [cluster('traces', addressOf(options.traces))]),
      ],
    },
  };
}

function listenerConfig(listener: ListenerOptions, options: EnvoyOptions, files: EnvoyFiles): Json {
  return {
    name: listener.name,
    address: socketAddress(listener.address ?? '127.0.0.1', 0),
    filter_chains: [
      {
        ...(listener.tls === undefined ? {} : { transport_socket: downstreamTls(listener.tls) }),
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: connectionManager(listener, options, files),
          },
        ],
      },
    ],
    // SNI is read before the TLS handshake.
    ...(listener.tls === undefined
      ? {}
      : {
          listener_filters: [
            {
              name: 'envoy.filters.listener.tls_inspector',
              typed_config: { '@type': `${TYPE}.filters.listener.tls_inspector.v3.TlsInspector` },
            },
          ],
        }),
  };
}

function connectionManager(listener: ListenerOptions, options: EnvoyOptions, files: EnvoyFiles): Json {
  const http = listener.http ?? {};
  return {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: listener.name,
    normalize_path: http.normalizePath ?? true,
    merge_slashes: http.mergeSlashes ?? true,
    path_with_escaped_slashes_action: http.pathWithEscapedSlashes ?? 'KEEP_UNCHANGED',
    use_remote_address: http.useRemoteAddress ?? true,
    xff_num_trusted_hops: http.xffTrustedHops ?? 0,
    forward_client_cert_details: http.forwardClientCertificate ?? 'APPEND_FORWARD',
    set_current_client_cert_details: { uri: true, subject: true, dns: true },
    common_http_protocol_options: {
      headers_with_underscores_action: http.headersWithUnderscores ?? 'ALLOW',
      ...(http.maxRequestHeaderLines === undefined ? {} : { max_headers_count: http.maxRequestHeaderLines }),
    },
    http_protocol_options: { allow_custom_methods: true },
    ...(http.maxRequestHeadersKib === undefined ? {} : { max_request_headers_kb: http.maxRequestHeadersKib }),
    access_log: [accessLog(listener.name, files)],
    ...(options.traces === undefined ? {} : { tracing: tracing(options.traces) }),
    http_filters: httpFilters(listener, options),
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: routes(listener) }] },
  };
}

/** Otherwise spans wait for five seconds. */
const SPANS_AT_ONCE: Json = {
  layers: [
    {
      name: 'tests',
      static_layer: { tracing: { opentelemetry: { flush_interval_ms: 100, min_flush_spans: 1 } } },
    },
  ],
};

function tracing(collector: string): Json {
  return {
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
        service_name: 'envoy',
        http_service: { http_uri: { uri: `http://${collector}/v1/traces`, cluster: 'traces', timeout: '1s' } },
      },
    },
  };
}

function httpFilters(listener: ListenerOptions, options: EnvoyOptions): Json[] {
  const filters: Json[] = [];
  const { headerToMetadata, tokens } = listener;
  if (headerToMetadata !== undefined) {
    filters.push({
      name: 'envoy.filters.http.header_to_metadata',
      typed_config: {
        '@type': `${TYPE}.filters.http.header_to_metadata.v3.Config`,
        request_rules: [
          {
            header: headerToMetadata.header,
            on_header_present: { metadata_namespace: headerToMetadata.namespace, key: headerToMetadata.key },
          },
        ],
      },
    });
  }
  if (tokens !== undefined) {
    filters.push({ name: 'envoy.filters.http.jwt_authn', typed_config: jwtAuthn(tokens) });
  }
  filters.push(
    { name: 'envoy.filters.http.ext_authz', typed_config: extAuthz(listener, options) },
    { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
  );
  return filters;
}

function extAuthz(listener: ListenerOptions, options: EnvoyOptions): Json {
  const differs = listener.extAuthz ?? {};
  const body = differs.requestBody;
  return {
    ...recommendedFilter('envoy.filters.http.ext_authz'),
    grpc_service: {
      envoy_grpc: { cluster_name: listener.service ?? Object.keys(options.services)[0] },
      // Recommended are 200 ms. On two cores that also run Envoy, the tests and a compiler, a pause of that
      // length is ordinary, and a test must not fail of it.
      timeout: `${String((differs.timeoutMs ?? 5_000) / 1000)}s`,
    },
    ...defined({
      encode_raw_headers: differs.encodeRawHeaders,
      failure_mode_allow: differs.failureModeAllow,
      include_peer_certificate: differs.includePeerCertificate,
      include_tls_session: differs.includeTlsSession,
      validate_mutations: differs.validateMutations,
      metadata_context_namespaces: differs.metadataNamespaces,
      status_on_error: differs.statusOnError === undefined ? undefined : { code: differs.statusOnError },
      bootstrap_metadata_labels_key: differs.destinationLabels === true ? 'LABELS' : undefined,
      with_request_body:
        body === undefined
          ? undefined
          : {
              max_request_bytes: body.maxBytes,
              allow_partial_message: body.allowPartial ?? false,
              pack_as_bytes: body.asBytes ?? false,
            },
    }),
  };
}

/** Without the options that were not given: they must not overwrite what is recommended. */
function defined(settings: Json): Json {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function jwtAuthn(tokens: TokenIssuer): Json {
  const recommended = recommendedFilter('envoy.filters.http.jwt_authn') as { providers: { main: Json } };
  const { audiences: _audiences, ...main } = recommended.providers.main;
  return {
    ...recommended,
    providers: { main: { ...main, issuer: tokens.issuer, local_jwks: { inline_string: tokens.jwks } } },
  };
}

function routes(listener: ListenerOptions): Json[] {
  return (listener.routes ?? [{ prefix: '/' }]).flatMap((route) => {
    const settings =
      route.contextExtensions === undefined
        ? {}
        : {
            typed_per_filter_config: {
              'envoy.filters.http.ext_authz': {
                '@type': `${TYPE}.filters.http.ext_authz.v3.ExtAuthzPerRoute`,
                check_settings: { context_extensions: route.contextExtensions },
              },
            },
          };
    return [
      { match: { prefix: route.prefix, grpc: {} }, route: { cluster: 'grpc' }, ...settings },
      { match: { prefix: route.prefix }, route: { cluster: route.upstream ?? 'http1' }, ...settings },
    ];
  });
}

function accessLog(listener: string, files: EnvoyFiles): Json {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
      path: files.accessLog,
      log_format: {
        json_format: {
          listener,
          case: '%REQ(X-CASE)%',
          method: '%REQ(:METHOD)%',
          path: '%REQ(:PATH)%',
          status: '%RESPONSE_CODE%',
          details: '%RESPONSE_CODE_DETAILS%',
          flags: '%RESPONSE_FLAGS%',
          metadata: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%',
        },
      },
    },
  };
}

function downstreamTls(tls: NonNullable<ListenerOptions['tls']>): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: tls.requireClientCertificate ?? true,
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificates: [pemCertificate(tls.certificate)],
        validation_context: { trusted_ca: { inline_string: tls.clientAuthorities.join('') } },
      },
    },
  };
}

function serviceCluster(name: string, endpoint: ServiceEndpoint): Json {
  const { tls } = endpoint;
  return {
    ...cluster(name, addressOf(endpoint.address)),
    ...HTTP2,
    ...(tls === undefined
      ? {}
      : {
          transport_socket: {
            name: 'envoy.transport_sockets.tls',
            typed_config: {
              '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`,
              common_tls_context: {
                tls_certificates: tls.certificate === undefined ? [] : [pemCertificate(tls.certificate)],
                validation_context: { trusted_ca: { inline_string: tls.authority } },
              },
            },
          },
        }),
  };
}

function cluster(name: string, address: Json): Json {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

const HTTP2: Json = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function pemCertificate(certificate: Certificate): Json {
  return {
    certificate_chain: { inline_string: certificate.certificate },
    private_key: { inline_string: certificate.key },
  };
}

function addressOf(address: string): Json {
  if (address.startsWith('unix:')) {
    return { pipe: { path: address.slice('unix:'.length) } };
  }
  const colon = address.lastIndexOf(':');
  return socketAddress(address.slice(0, colon), Number(address.slice(colon + 1)));
}

function socketAddress(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}
