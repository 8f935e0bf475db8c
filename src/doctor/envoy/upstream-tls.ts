/** Whether Envoy knows whom it asks. */
import type { Part } from '../part.ts';
import { typed } from './typed.ts';

/** The TLS contexts of a cluster, in whatever they are wrapped. Empty: plaintext. */
export function tlsContexts(cluster: Part): readonly Part[] {
  // Istio tells peers with TLS from those without by matches.
  const matches = cluster.at('transport_socket_matches').items();
  const sockets = [cluster.at('transport_socket'), ...matches.map((match) => match.at('transport_socket'))];
  return sockets.flatMap((socket) => contextOf(socket, 0) ?? []);
}

/** A PROXY protocol in a tap in a StartTLS is more than anybody has. */
const MAX_WRAPPERS = 4;

function contextOf(socket: Part, depth: number): Part | null {
  if (!socket.isThere || depth > MAX_WRAPPERS) return null;
  const { type, config } = typed(socket.at('typed_config'));
  if (type.endsWith('.UpstreamTlsContext')) return config;
  if (type.endsWith('.QuicUpstreamTransport')) return config.at('upstream_tls_context');
  if (type.endsWith('.RawBuffer')) return null;
  for (const name of ['transport_socket', 'tls_socket_config']) {
    if (config.isMap && config.at(name).isThere) return contextOf(config.at(name), depth + 1);
  }
  if (type !== '') socket.report('not-shown', `whether \`${type}\` protects what it carries is not known here`);
  return null;
}

const ANCHORS = [
  'trusted_ca',
  'ca_certificate_provider_instance',
  'system_root_certs',
  'custom_validator_config',
  'verify_certificate_spki',
  'verify_certificate_hash',
];

const NAMES = [
  'match_typed_subject_alt_names',
  'match_subject_alt_names',
  'custom_validator_config',
  'verify_certificate_spki',
  'verify_certificate_hash',
];

export function checkTls(context: Part): void {
  const common = context.at('common_tls_context');
  const combined = common.at('combined_validation_context');
  const validations = [common.at('validation_context'), combined.at('default_validation_context')];
  const isDelivered =
    common.at('validation_context_sds_secret_config').isThere ||
    combined.at('validation_context_sds_secret_config').isThere ||
    common.at('validation_context_certificate_provider').isThere ||
    common.at('validation_context_certificate_provider_instance').isThere;
  const has = (names: readonly string[]): boolean =>
    validations.some((validation) => names.some((name) => validation.at(name).isThere));
  const accepted = validations.map((validation) => validation.at('trust_chain_verification'));
  const untrusted = accepted.find(
    (part) => part.word(['VERIFY_TRUST_CHAIN', 'ACCEPT_UNTRUSTED']) === 'ACCEPT_UNTRUSTED',
  );
  if (untrusted !== undefined) {
    untrusted.report('answers-unverified', 'a certificate that nobody vouches for is accepted');
  } else if (!isDelivered && !has(ANCHORS)) {
    context.report('answers-unverified', 'no authority is given that the certificate must come from');
  } else if (!isDelivered && !has(NAMES) && context.at('auto_sni_san_validation').flag() !== true) {
    context.report('answers-from-anyone', 'any name in the certificate will do');
  }
}
