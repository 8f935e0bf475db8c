/** The filter and the cluster for an Envoy that is configured by hand. The reasons stand where people change things. */
import { isIP } from 'node:net';
import type { Wiring, WiringTls } from './wiring.ts';
import { indented, seconds, yamlText } from './yaml-text.ts';

/** Two documents: fields of the HTTP connection manager, and fields of `static_resources`. */
export function plainEnvoyYaml(wiring: Wiring): string {
  return `# 1. Into the HTTP connection manager of every listener that clients reach. A listener without this filter is open.
# Paths are brought into one form here, for Portcullis and for the service alike; what is ambiguous even then is
# refused by Portcullis (400), which logs it.
normalize_path: true
merge_slashes: true
path_with_escaped_slashes_action: KEEP_UNCHANGED
common_http_protocol_options:
  # Many servers read x_user as x-user.
  headers_with_underscores_action: REJECT_REQUEST
# No x-forwarded-client-cert from outside; the service sees the verified one.
forward_client_cert_details: SANITIZE_SET
set_current_client_cert_details: { uri: true }
${clientIp(wiring)}http_filters:
${tokens(wiring)}  # Before everything that answers or runs a program, behind nothing but what verifies tokens.
  - name: envoy.filters.http.ext_authz
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
      transport_api_version: V3
      grpc_service:
        envoy_grpc: { cluster_name: portcullis }
        # No request waits longer for a decision.
        timeout: ${seconds(wiring.timeoutMs)}
${indented(filterSettings(wiring), 6)}  - name: envoy.filters.http.router
    typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
# Which workload is called, and so which policies apply, is said on the virtual host or the route, where no client can write:
#   typed_per_filter_config:
#     envoy.filters.http.ext_authz:
#       '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
#       check_settings: { context_extensions: { namespace: shop, serviceAccount: orders, label.app: orders } }
---
# 2. Into static_resources.
clusters:
  - name: portcullis
    type: ${clusterType(wiring)}
    connect_timeout: 0.25s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          # gRPC needs HTTP/2.
          http2_protocol_options:
            # Notices a dead connection (a node that vanished) before the requests do.
            connection_keepalive: { interval: 10s, timeout: 2s }
${wiring.tls === null ? '' : indented(tlsSocket(wiring.tls), 4)}    load_assignment:
      cluster_name: portcullis
      endpoints:
        - lb_endpoints:
            - endpoint: { address: ${address(wiring)} }
`;
}

/** What the filter does with answers, and what it sends: the same in plain Envoy and in Istio. */
export function filterSettings(wiring: Wiring): string {
  const claims = `# Claims that Envoy verified; Portcullis takes them with \`identity.jwtMetadata: ${wiring.jwtMetadata}\`.
metadata_context_namespaces: [${yamlText(wiring.jwtMetadata)}]
`;
  return `# No answer is no permission.
failure_mode_allow: false
# Without an answer the caller is told that something is broken, not that it is forbidden.
status_on_error: { code: ServiceUnavailable }
# The route is not chosen again by a header that an answer set.
clear_route_cache: false
${questionSettings()}${wiring.jwtMetadata === '' ? '' : claims}`;
}

export function questionSettings(): string {
  return `# Each header line by itself: joined ones cannot be told from one line with a comma.
encode_raw_headers: true
# All names of the caller's certificate, and what tokens that are bound to it are compared with.
include_peer_certificate: true
# The server name of the TLS handshake (\`connection.sni\`).
include_tls_session: true
# An answer that cannot be applied whole is an error, not half applied.
validate_mutations: true
`;
}

function clientIp({ clientIpHops }: Wiring): string {
  if (clientIpHops === null) return '';
  return `# The client's address, read as Portcullis reads it: \`clientIp: { useRemoteAddress: true, xffTrustedHops: ${clientIpHops} }\`.
use_remote_address: true
xff_num_trusted_hops: ${clientIpHops}
`;
}

function tokens({ jwtMetadata }: Wiring): string {
  if (jwtMetadata === '') return '';
  return `  # Here, before ext_authz: the filter that verifies tokens, with \`payload_in_metadata: payload\` at each provider.
`;
}

function clusterType({ address: to }: Wiring): string {
  return 'path' in to || isIP(to.host) !== 0 ? 'STATIC' : 'STRICT_DNS';
}

function address({ address: to }: Wiring): string {
  if ('path' in to) return `{ pipe: { path: ${yamlText(to.path)} } }`;
  return `{ socket_address: { address: ${yamlText(to.host)}, port_value: ${to.port} } }`;
}

function tlsSocket({ caFile, certFile, keyFile, peerName }: WiringTls): string {
  const own =
    certFile === null || keyFile === null
      ? ''
      : `      # Who asks: Portcullis lets in whom \`tls.clientCaFile\` and \`tls.allowedClients\` name.
      tls_certificates:
        - certificate_chain: { filename: ${yamlText(certFile)} }
          private_key: { filename: ${yamlText(keyFile)} }
`;
  return `transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
${isServerName(peerName) ? `    sni: ${yamlText(peerName)}\n` : ''}    # Files are read once, at the start. For certificates that change, have them delivered by SDS:
    # \`tls_certificate_sds_secret_configs\` and \`validation_context_sds_secret_config\`, with a \`path_config_source\` that
    # watches the directory.
    common_tls_context:
${own}      validation_context:
        trusted_ca: { filename: ${yamlText(caFile)} }
        # Not everybody with a certificate of that authority may answer.
        match_typed_subject_alt_names:
          - san_type: ${sanType(peerName)}
            matcher: { exact: ${yamlText(peerName)} }
`;
}

function isServerName(name: string): boolean {
  return sanType(name) === 'DNS';
}

function sanType(name: string): 'URI' | 'IP_ADDRESS' | 'DNS' {
  if (name.includes('://')) return 'URI';
  return isIP(name) === 0 ? 'DNS' : 'IP_ADDRESS';
}
