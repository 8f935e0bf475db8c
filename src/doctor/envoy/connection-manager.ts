/** How the HTTP connection manager reads a request before anybody is asked about it. */
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';

export interface ManagerPlace {
  /** False for a patch: what it does not say is as it was. */
  readonly isWhole: boolean;
  /** Istio's sidecars hand the header on by design, with the caller's name added by mutual TLS. */
  readonly isIstio: boolean;
  readonly facts: ServiceFacts;
}

const ESCAPED_SLASHES = [
  'IMPLEMENTATION_SPECIFIC_DEFAULT',
  'KEEP_UNCHANGED',
  'REJECT_REQUEST',
  'UNESCAPE_AND_REDIRECT',
  'UNESCAPE_AND_FORWARD',
];
const UNDERSCORES = ['ALLOW', 'REJECT_REQUEST', 'DROP_HEADER'];
const CLIENT_CERTIFICATE = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'];

export function checkConnectionManager(manager: Part, place: ManagerPlace): void {
  checkPaths(manager, place);
  checkUnderscores(manager, place);
  checkClientIp(manager, place);
  checkClientCertificate(manager, place);
  for (const mapper of manager.in('local_reply_config', 'mappers').items()) {
    const status = mapper.at('status_code');
    if ((status.number() ?? 400) < 400) {
      status.report('denials-rewritten', `refusals may be answered with ${status.number() ?? 0}`);
    }
  }
}

function checkPaths(manager: Part, { isWhole, facts }: ManagerPlace): void {
  const normalize = manager.at('normalize_path');
  const merge = manager.at('merge_slashes');
  const slashes = manager.at('path_with_escaped_slashes_action');
  const action = slashes.word(ESCAPED_SLASHES) ?? ESCAPED_SLASHES[0]!;
  const isOff = (part: Part): boolean => (isWhole ? part.flag() !== true : part.flag() === false);
  if (facts?.requests.ambiguousPaths === 'evaluate') {
    const isKept = (isWhole || slashes.isThere) && /DEFAULT|UNCHANGED/.test(action);
    const left = [isOff(normalize) && 'dot segments', isOff(merge) && '`//`', isKept && '`%2F`'].filter(Boolean);
    if (left.length > 0) manager.report('path-ambiguous', `paths keep ${left.join(', ')}`);
    return;
  }
  if (isOff(normalize)) normalize.report('path-not-normalized', 'dot segments and backslashes are not resolved');
  if (isOff(merge)) merge.report('slashes-not-merged', 'repeated slashes are not merged');
}

function checkUnderscores(manager: Part, { isWhole }: ManagerPlace): void {
  const action = manager.in('common_http_protocol_options', 'headers_with_underscores_action');
  if (!isWhole && !action.isThere) return;
  if ((action.word(UNDERSCORES) ?? 'ALLOW') === 'ALLOW') {
    action.report('underscores-allowed', 'header names with underscores are let through');
  }
}

function checkClientIp(manager: Part, { isWhole, facts }: ManagerPlace): void {
  if (facts === null || !isWhole) return;
  const { useRemoteAddress, xffTrustedHops } = facts.clientIp;
  const remote = manager.at('use_remote_address');
  if ((remote.flag() ?? false) !== useRemoteAddress) {
    const text = `\`use_remote_address\` is ${String(!useRemoteAddress)} here and \`clientIp.useRemoteAddress\` ${String(useRemoteAddress)}`;
    remote.report('client-ip-mismatch', text);
  }
  const hops = manager.at('xff_num_trusted_hops');
  const count = hops.number() ?? 0;
  if (count !== xffTrustedHops) {
    const text = `\`xff_num_trusted_hops\` is ${count} here and \`clientIp.xffTrustedHops\` ${xffTrustedHops}`;
    hops.report('client-ip-mismatch', text);
  }
  const detection = manager.at('original_ip_detection_extensions');
  if (detection.items().length > 0) {
    detection.report(
      'client-ip-mismatch',
      'the address of the client comes from an extension, which Portcullis does not see',
    );
  }
}

function checkClientCertificate(manager: Part, { isIstio }: ManagerPlace): void {
  const details = manager.at('forward_client_cert_details');
  const action = details.word(CLIENT_CERTIFICATE) ?? 'SANITIZE';
  if (action === 'ALWAYS_FORWARD_ONLY') {
    details.report('xfcc-from-client', 'x-forwarded-client-cert is handed on as whoever sent it');
  } else if ((action === 'APPEND_FORWARD' || action === 'FORWARD_ONLY') && !isIstio) {
    details.report('xfcc-appended', 'x-forwarded-client-cert is handed on as clients with a certificate sent it');
  }
}
