/**
 * Everything that `portcullis doctor` can find, with what somebody who attacks gets out of it and what mends it. Codes are
 * stable: people silence, count and look up by them.
 */
import type { Severity } from '../lib/diagnostic.ts';

export interface Fault {
  /** `error`: the gate is open, blind or shut. `warning`: it is weaker than it need be. `note`: what could not be, or need not be, looked at. */
  readonly severity: Severity;
  /** What it gives to an attacker, or takes from those who are defended. */
  readonly risk: string;
  readonly mend: string;
}

const error = (risk: string, mend: string): Fault => ({ severity: 'error', risk, mend });
const warning = (risk: string, mend: string): Fault => ({ severity: 'warning', risk, mend });
const note = (risk: string, mend: string): Fault => ({ severity: 'note', risk, mend });

export const FAULTS = {
  // What was read
  'nothing-to-check': error(
    'nobody has looked at anything: what the file is meant to configure is unproven',
    'give a config dump or bootstrap of Envoy, a mesh config or manifests of Istio, or a directory of these',
  ),
  'unknown-document': warning(
    'whatever this document configures was not looked at',
    'keep it elsewhere, or give the file that configures Envoy or Istio',
  ),
  'unknown-shape': error(
    'the setting was not understood, so that it may be anything',
    'write it as the message in the Envoy or Istio reference has it',
  ),
  'too-many-findings': error('what was not listed was not looked at either', 'mend what is listed, then ask again'),
  'not-shown': warning(
    'what is not in the input was not looked at: it may be open',
    'take the dump from the running Envoy: `/config_dump?include_eds` on its admin port',
  ),
  'not-examined': note('nothing, as long as the reason given holds', 'nothing to do'),
  'update-refused': warning(
    'Envoy goes on with an older configuration, so that a hole mended in the new one is still open',
    'read `details` in the dump, and mend what Envoy complains of',
  ),

  // Where the filter is missing
  'no-ext-authz': error(
    'every request reaches the services: nobody is asked',
    'add the filter: `portcullis envoy-config` prints it; in Istio a CUSTOM AuthorizationPolicy does',
  ),
  'listener-without-filter': error(
    'whoever reaches this listener reaches the services behind it, and nobody is asked',
    'put the ext_authz filter first in `http_filters`, or remove the listener',
  ),
  'upgrade-without-filter': error(
    'a request that asks for this upgrade passes by another filter chain, without a question',
    'put the ext_authz filter into `filters` of the upgrade too, or leave `filters` out',
  ),
  'tcp-without-question': warning(
    'bytes on this chain reach the upstream with no question about requests in them',
    'use an HTTP connection manager with the filter, or keep the chain from carrying HTTP',
  ),
  'tunnel-unseen': warning(
    'one question opens the tunnel; the requests that then come through it are nobody’s business',
    'do not match `connect_matcher`, or have the proxy at the other end of the tunnel ask',
  ),
  'filter-after-router': error(
    'the router sends requests on before the filter would have its turn',
    'put the router last',
  ),
  'answers-before-filter': error(
    'this filter can answer a request by itself, with what others were allowed to see, before anybody is asked',
    'put it behind ext_authz',
  ),
  'may-answer-before-filter': warning(
    'what this filter does with a request, an answer of its own included, comes before the question',
    'put it behind ext_authz unless it has to be first',
  ),
  'changes-after-decision': warning(
    'the service may get another path or other headers than the ones that were decided on',
    'put it before ext_authz, so that the question is about what the service will get',
  ),

  // Where the filter is there and does not ask
  'filter-disabled': error(
    'the filter is switched off wherever no route switches it on: those requests are not asked about',
    'remove `disabled` from the filter',
  ),
  'filter-optional': warning(
    'an Envoy that does not know the filter passes requests by without it and without a word',
    'remove `is_optional`',
  ),
  'route-disabled': error(
    'requests on this route reach the service, and nobody is asked; a path that others read differently may be made to match it',
    'remove it, and let a policy allow what is meant to be public',
  ),
  'asks-a-share': error('of repeated requests some get through unasked', 'remove `filter_enabled`'),
  'runtime-opens': warning(
    'whoever can set that runtime key (a layer, RTDS, the admin port) can switch the question off',
    'remove `runtime_key`, or guard the runtime as the policies are guarded',
  ),
  'refuses-a-share': warning(
    'requests that policies allow are refused at random',
    'remove `filter_enabled` and `deny_at_disable`',
  ),
  'asks-by-metadata': error(
    'requests without that metadata are not asked about',
    'remove `filter_enabled_metadata`, or have a filter in front set it for every request',
  ),
  'behind-matcher': error(
    'requests for which the matcher chooses otherwise are not asked about',
    'take the filter out of the matcher, and let policies tell requests apart',
  ),
  'shadow-mode': error('every request passes, denied or not', 'remove `shadow_mode`'),
  'not-grpc': warning(
    'the filter asks an HTTP service, which Portcullis is not: this question is decided by something else',
    'use `grpc_service` with the cluster of Portcullis',
  ),
  'asks-another': warning(
    'requests on this route are decided by another service than the rest',
    'remove the override, unless that service is another Portcullis',
  ),

  // What happens without an answer, and with one
  'fail-open': error(
    'whoever can delay or break one answer (load, a huge request, a restart) gets through unasked',
    'set `failure_mode_allow: false` (Istio: `failOpen: false`)',
  ),
  'status-on-error-success': error(
    'callers, caches and probes take a refusal for an answer of the service',
    'set `status_on_error: { code: ServiceUnavailable }` (Istio: `statusOnError: "503"`)',
  ),
  'status-on-error-default': note(
    'an outage looks like a denial (403), so that nobody is woken and clients do not try again',
    'set `status_on_error: { code: ServiceUnavailable }` (Istio: `statusOnError: "503"`)',
  ),
  'timeout-endless': error(
    'a service that hangs holds every request of the mesh until memory and connections are used up',
    'set a timeout of some hundred milliseconds: `timeout: 0.2s`',
  ),
  'timeout-long': warning(
    'while the service hangs, each request waits this long and holds its memory and connection',
    'set a timeout of some hundred milliseconds: `timeout: 0.2s`',
  ),
  'timeout-default': note(
    'nothing as long as the default of ext_authz (200 ms) stays what it is',
    'say it: `timeout: 0.2s` in `grpc_service`',
  ),
  'question-retried': warning(
    'when the service is slow, every question is asked several times: load grows where it is least wanted',
    'remove `retry_policy`',
  ),
  'answers-choose-routes': error(
    'a header or query parameter that an answer sets chooses the route: the request goes where nobody decided about',
    'set `clear_route_cache: false` (Istio: `clearRouteCache: false`), or do not match routes on such names',
  ),
  'route-cache-cleared': warning(
    'the route is chosen again after the decision, by headers that the answer may have set',
    'set `clear_route_cache: false` (Istio: `clearRouteCache: false`)',
  ),
  'tokens-choose-routes': error(
    'the route is chosen again behind the question, by headers made of claims: the request goes where nobody decided about',
    'remove `clear_route_cache` from the provider, or put jwt_authn before ext_authz',
  ),
  'cluster-by-header': warning(
    'the upstream is named by a header: one that a client sends, or that an answer sets behind the decision',
    'name the cluster in the route',
  ),
  'mutations-refused': error(
    'headers that an answer sets or removes stay as the client sent them, identity headers too',
    'remove `decoder_header_mutation_rules`, or add `disallow_is_error: true`',
  ),
  'mutations-unchecked': warning(
    'an answer that Envoy cannot apply whole is applied in part',
    'set `validate_mutations: true`',
  ),
  'metadata-dropped': note(
    'the access log does not show the decision and its id',
    'remove `enable_dynamic_metadata_ingestion: false`',
  ),

  // What the question leaves out
  'raw-headers-missing': warning(
    'two header lines and one line with a comma look alike, so that rules about such headers allow less than they could, and cannot tell which it was',
    'set `encode_raw_headers: true` (in Istio by an EnvoyFilter)',
  ),
  'certificate-missing': error(
    'a certificate whose DNS name reads like a SPIFFE ID, or with several names, is not told from the real one; tokens bound to certificates are refused',
    'set `include_peer_certificate: true` (in Istio by an EnvoyFilter)',
  ),
  'tls-session-missing': note(
    'rules about `connection.sni` never match: an ALLOW never allows, a DENY never denies',
    'set `include_tls_session: true` (in Istio by an EnvoyFilter)',
  ),
  'headers-hidden': error(
    'rules do not see those headers: a DENY about one never denies, and a token in one never counts',
    'remove `allowed_headers` and `disallowed_headers`',
  ),
  'claims-missing': error(
    'claims that Envoy verified do not reach Portcullis: rules about tokens never match, a DENY among them never denies',
    'list the namespace in `metadata_context_namespaces`, with jwt_authn before ext_authz and `payload_in_metadata: payload`',
  ),
  'claims-not-sent': warning(
    'the claims that Envoy verifies are for nobody: Portcullis verifies tokens by itself or has none',
    'list `envoy.filters.http.jwt_authn` in `metadata_context_namespaces`, or leave token verification to Portcullis',
  ),
  'claims-forged': error(
    'what a client writes into a header becomes verified claims',
    'let no other filter write into the namespace of `identity.jwtMetadata`',
  ),
  'body-partial': warning(
    'only the beginning of a body is sent: what stands behind it is decided on unseen',
    'set `allow_partial_message: false`, or leave `with_request_body` out: no rule reads bodies',
  ),
  'body-too-large': error(
    'a body larger than what Portcullis takes makes a request that is always refused: anybody can use up memory on both sides',
    'lower `max_request_bytes`, or leave `with_request_body` out: no rule reads bodies',
  ),
  'body-sent': note(
    'no rule reads bodies: each costs memory in Envoy, the way to Portcullis, and a 413 above the bound',
    'leave `with_request_body` out',
  ),

  'labels-missing': warning(
    'the labels of the called pod are not known: where a policy has a selector every request is refused (`workload_unresolved`), unless WorkloadEntries name the workloads',
    'set `bootstrap_metadata_labels_key: LABELS` by an EnvoyFilter',
  ),

  // How requests are read before the question
  'path-not-normalized': warning(
    'paths such as `/a/../b` go on as they are: Portcullis refuses them (400), and clients that send them in good faith fail',
    'set `normalize_path: true` (Istio: `pathNormalization: { normalization: MERGE_SLASHES }`)',
  ),
  'path-ambiguous': error(
    'with `requests.ambiguousPaths: evaluate` a path that Envoy, Portcullis and the service read differently is decided by one reading and served by another',
    'set `requests.ambiguousPaths: deny`, or normalise in Envoy: `normalize_path`, `merge_slashes`, and `path_with_escaped_slashes_action: REJECT_REQUEST`',
  ),
  'slashes-not-merged': warning(
    '`//` goes on as it is: Portcullis refuses such paths (400), and services behind others may read them differently',
    'set `merge_slashes: true` (Istio: `pathNormalization: { normalization: MERGE_SLASHES }`)',
  ),
  'underscores-allowed': warning(
    'many servers read `x_user` as `x-user`: what rules look at and what the service reads are two headers',
    'set `common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }`',
  ),
  'client-ip-mismatch': error(
    'Portcullis and Envoy read the address of the client from different places: rules on `remoteIpBlocks` decide by one that the client may write',
    'give both the same values: `clientIp` of Portcullis, `use_remote_address` and `xff_num_trusted_hops` of Envoy',
  ),
  'xfcc-from-client': error(
    'any client can name itself in x-forwarded-client-cert, and the services behind believe it',
    'set `forward_client_cert_details: SANITIZE_SET`',
  ),
  'xfcc-appended': warning(
    'a client with a certificate can write names of its own in front of the verified one; who reads the first element believes it',
    'at the edge set `forward_client_cert_details: SANITIZE_SET`',
  ),
  'denials-rewritten': error(
    'a refusal reaches callers and caches with the status of a success',
    'do not map answers of ext_authz in `local_reply_config`',
  ),

  // Portcullis as Envoy reaches it
  'unknown-cluster': error(
    'no question can be asked: every request is refused, or passes where the filter fails open',
    'define the cluster that `grpc_service` names',
  ),
  'cluster-without-http2': error(
    'gRPC needs HTTP/2: every question fails, and every request is refused, or passes where the filter fails open',
    'set `explicit_http_config: { http2_protocol_options: {} }` in the HttpProtocolOptions of the cluster',
  ),
  'dead-peer-unnoticed': warning(
    'after a node vanished, questions go there until the operating system notices: minutes of refused requests',
    'add `connection_keepalive` to `http2_protocol_options`, or a gRPC health check',
  ),
  'breaker-small': warning(
    'some load by one client is enough to make questions fail for all',
    'raise `max_requests` and `max_pending_requests` of the circuit breaker, or leave them out (1024)',
  ),
  'breaker-opens-gate': error(
    'some load by one client is enough to make questions fail, and what fails passes',
    'set `failure_mode_allow: false`, and raise the thresholds of the circuit breaker',
  ),
  'question-in-plaintext': error(
    'who stands between can read tokens, and can answer "allow"',
    'use TLS with a certificate for Portcullis, a Unix socket, or the same host',
  ),
  'answers-unverified': error(
    'TLS without a trusted authority: who stands between can answer "allow" with any certificate',
    'set `validation_context: { trusted_ca: … }` in the TLS context of the cluster',
  ),
  'answers-from-anyone': warning(
    'whoever has a certificate of that authority, each workload perhaps, can answer in place of Portcullis',
    'add `match_typed_subject_alt_names` with the name of Portcullis',
  ),
  'admin-exposed': error(
    'whoever reaches the admin port can read certificates, change the runtime, and stop Envoy',
    'bind it to 127.0.0.1 or a Unix socket',
  ),
  'known-advisories': error(
    'the version has published holes: paths such as `/a..;/b` that are normalised wrongly, and requests that crash it',
    'run a version that is fixed',
  ),

  // Istio
  'provider-unknown': error(
    'Istio finds no provider of that name, and refuses what the policy covers',
    'give `extensionProviders` in the mesh config an entry of that name',
  ),
  'provider-unusable': error(
    'Istio cannot make a filter of it, and refuses whatever the policies cover',
    'give each provider a name of its own, and let the policies of one workload name one provider',
  ),
  'provider-not-shown': note(
    'whether the provider is there, and how it fails, was not looked at',
    'give the mesh config too (`kubectl -n istio-system get configmap istio -o yaml`)',
  ),
  'provider-unused': error(
    'no request is sent to the provider: nobody is asked',
    'add an AuthorizationPolicy of `action: CUSTOM` that names it',
  ),
  'policies-not-shown': note(
    'whether any request is sent to the provider was not looked at',
    'give the AuthorizationPolicies of `action: CUSTOM` too',
  ),
  'asks-only-some': error(
    'whatever the rules do not name (another path, another spelling of it, another port or host) is open: nobody is asked',
    'write `rules: [{}]`, and let policies of Portcullis allow what is meant to be public',
  ),
  'asks-some-workloads': warning(
    'workloads that the selector does not choose, new ones and those whose labels change among them, are open: nobody is asked',
    'remove the `selector`, and let policies of Portcullis allow what is meant to be public',
  ),
  'asks-some-namespaces': warning(
    'workloads of all other namespaces are open: nobody is asked',
    'put the CUSTOM policy into the root namespace',
  ),
  'asks-nothing': error('the policy matches no request: nobody is asked', 'write `rules: [{}]`'),
  'path-prefix': warning('the path that is asked about is not the one that the service gets', 'remove `pathPrefix`'),
  'filter-removed': error('the question is taken out of the filter chain: nobody is asked', 'remove the patch'),
  'ports-past-proxy': error(
    'whoever reaches the pod reaches the service on that port, and nobody is asked',
    'remove the annotation',
  ),
  'workload-without-proxy': warning(
    'whoever reaches the pod reaches the service: there is no proxy that would ask',
    'let Istio inject one, or keep everybody else from the pod by a NetworkPolicy',
  ),
  'mtls-optional': warning(
    'who leaves out the certificate comes as nobody: a DENY by principal or namespace does not hit him, and who stands between reads tokens',
    'set `mtls: { mode: STRICT }`',
  ),
  'mtls-not-shown': note(
    'whether callers must show a certificate was not looked at; where no PeerAuthentication says so, they need not',
    'give the PeerAuthentication of the mesh too, or add one of `mtls: { mode: STRICT }` in the root namespace',
  ),
  'trust-domain-mismatch': error(
    'Portcullis takes identities of the mesh for foreign ones, or foreign ones for its own',
    'give both the same `trustDomain`, `trustDomainAliases` and `rootNamespace`',
  ),
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultCode = keyof typeof FAULTS;
