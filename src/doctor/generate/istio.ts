/** The same for Istio: where Portcullis is, which requests go there, and what Istio leaves out of the question. */
import { formatTcpAddress } from '../../config/address.ts';
import { questionSettings } from './plain-envoy.ts';
import type { Wiring } from './wiring.ts';
import { indented, seconds, yamlText } from './yaml-text.ts';

export interface IstioWiring extends Wiring {
  readonly address: Exclude<Wiring['address'], { readonly path: string }>;
  readonly rootNamespace: string;
}

/** Four documents: values of Istio's Helm chart, an AuthorizationPolicy, a PeerAuthentication, an EnvoyFilter. */
export function istioYaml(wiring: IstioWiring): string {
  const { address, rootNamespace, timeoutMs } = wiring;
  const namespace = yamlText(rootNamespace);
  return `# 1. Values of the \`istiod\` Helm chart; the same under \`mesh\` of the \`istio\` ConfigMap. Portcullis is at ${formatTcpAddress(address)}.
meshConfig:
  # Repeated slashes are merged too, for Portcullis and for the service alike.
  pathNormalization: { normalization: MERGE_SLASHES }
${gateways(wiring)}  extensionProviders:
    - name: portcullis
      envoyExtAuthzGrpc:
        service: ${yamlText(address.host)}
        port: ${address.port}
        # Istio's own default is ten minutes: a stuck service would stop the mesh.
        timeout: ${seconds(timeoutMs)}
        # No answer is no permission.
        failOpen: false
        # Without an answer the caller is told that something is broken, not that it is forbidden.
        statusOnError: '503'
        # The route is not chosen again by a header that an answer set.
        clearRouteCache: false
---
# 2. Every request of every workload. Whatever the rules do not name would be open, so there is one rule, which names all.
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: portcullis, namespace: ${namespace} }
spec:
  action: CUSTOM
  provider: { name: portcullis }
  rules: [{}]
---
# 3. Callers show certificates; without that a caller may come as nobody. While workloads are being moved into the mesh, say
# PERMISSIVE for their namespaces.
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: ${namespace} }
spec: { mtls: { mode: STRICT } }
---
# 4. What Istio leaves out of the question.
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: portcullis-ext-authz, namespace: ${namespace} }
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener:
          filterChain:
            filter:
              name: envoy.filters.network.http_connection_manager
              subFilter: { name: envoy.filters.http.ext_authz }
      patch:
        operation: MERGE
        value:
          name: envoy.filters.http.ext_authz
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
${indented(`${questionSettings()}${labels()}${claims(wiring)}`, 12)}`;
}

function labels(): string {
  return `# The pod's labels, which selectors need.
bootstrap_metadata_labels_key: LABELS
`;
}

function gateways({ clientIpHops }: Wiring): string {
  if (clientIpHops === null) return '';
  return `  # Read as Portcullis reads it: \`clientIp: { useRemoteAddress: true, xffTrustedHops: ${clientIpHops} }\` where gateways ask.
  defaultConfig: { gatewayTopology: { numTrustedProxies: ${clientIpHops} } }
`;
}

function claims({ jwtMetadata }: Wiring): string {
  if (jwtMetadata === '') return '';
  return `# Claims that Envoy verified. Istio's own jwt_authn comes too late: another EnvoyFilter has to put one before ext_authz.
# Portcullis takes them with \`identity.jwtMetadata: ${jwtMetadata}\`.
metadata_context_namespaces: [${yamlText(jwtMetadata)}]
`;
}
