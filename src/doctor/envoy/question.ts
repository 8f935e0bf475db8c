/** What the question leaves out that rules could read. */
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import type { HttpFilter } from './http-filters.ts';
import { isJwtAuthn } from './typed.ts';

export const JWT_AUTHN = 'envoy.filters.http.jwt_authn';

export interface QuestionPlace {
  /** Where what is missing is reported. */
  readonly place: Part;
  /** The filter as it comes to be: settings of an earlier layer go before those of a later one. */
  readonly layers: readonly Part[];
  /** Where there is no handshake, nothing of it can be sent. */
  readonly hasTls: boolean;
  /** Whether callers may show certificates here. */
  readonly hasCertificates: boolean;
}

export function setting({ layers, place }: QuestionPlace, name: string): Part {
  return (layers.find((layer) => layer.at(name).isThere) ?? place).at(name);
}

/** What the filter does not send of what it could. */
export function checkQuestion(question: QuestionPlace): void {
  const raw = setting(question, 'encode_raw_headers');
  if (raw.flag() !== true) raw.report('raw-headers-missing', 'repeated header lines are sent joined by commas');
  const mutations = setting(question, 'validate_mutations');
  if (mutations.flag() !== true) mutations.report('mutations-unchecked', 'answers are applied unchecked');
  const certificate = setting(question, 'include_peer_certificate');
  if (question.hasCertificates && certificate.flag() !== true) {
    certificate.report('certificate-missing', 'the certificate of the caller is not sent, only one name of it');
  }
  const session = setting(question, 'include_tls_session');
  if (question.hasTls && session.flag() !== true) {
    session.report('tls-session-missing', 'the server name of the TLS handshake is not sent');
  }
}

/** How claims of tokens get into the question, where Envoy verifies tokens. */
export function checkClaims(
  filter: HttpFilter,
  before: readonly HttpFilter[],
  behind: readonly HttpFilter[],
  facts: ServiceFacts,
): void {
  const namespaces = filter.config.at('metadata_context_namespaces');
  const sent = new Set(namespaces.items().map((item) => item.text()));
  const wanted = facts?.identity.jwtMetadata ?? '';
  const verifiers = before.filter(({ type }) => isJwtAuthn(type));
  const providers = verifiers.flatMap(({ config }) => config.at('providers').entries());
  if (wanted !== '') {
    if (!sent.has(wanted)) namespaces.report('claims-missing', `metadata of \`${wanted}\` is not sent`);
    if (wanted === JWT_AUTHN && verifiers.length === 0) {
      filter.entry.report('claims-missing', 'no jwt_authn stands before ext_authz');
    }
    for (const [name, provider] of providers) {
      const key = provider.at('payload_in_metadata');
      if (wanted === JWT_AUTHN && key.text() !== 'payload') {
        key.report('claims-missing', `claims of \`${name}\` are not put under \`payload\``);
      }
    }
    for (const each of before) checkForged(each, wanted);
  } else if (!sent.has(JWT_AUTHN) && providers.some(([, each]) => each.at('payload_in_metadata').isThere)) {
    namespaces.report('claims-not-sent', 'claims that jwt_authn puts into metadata are not sent');
  }
  for (const { type, config } of behind) {
    if (isJwtAuthn(type)) checkReRouting(config);
  }
}

/** header_to_metadata and json_to_metadata write what a client sends. */
function checkForged({ type, config, name }: HttpFilter, namespace: string): void {
  const known = /\.http\.(header|json)_to_metadata\.v3\.\w+$/.exec(type);
  if (known === null) return;
  const written = config.at('request_rules');
  const rules = known[1] === 'header' ? written.items() : written.at('rules').items();
  for (const rule of rules) {
    for (const [, action] of rule.entries()) {
      if (!action.isMap) continue;
      const into = action.at('metadata_namespace');
      if (into.text() === namespace) into.report('claims-forged', `\`${name}\` writes into \`${namespace}\``);
    }
  }
}

function checkReRouting(config: Part): void {
  for (const [name, provider] of config.at('providers').entries()) {
    const clears = provider.at('clear_route_cache');
    if (clears.flag() === true) {
      clears.report('tokens-choose-routes', `a token of \`${name}\` chooses the route behind the decision`);
    }
  }
}
