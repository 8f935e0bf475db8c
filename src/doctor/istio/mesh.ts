/** Istio's mesh config: where Portcullis is, and what happens without an answer. */
import { checkStatusOnError, checkTimeout } from '../envoy/no-answer.ts';
import { checkBody } from '../envoy/ext-authz.ts';
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { ROOT_NAMESPACE } from './objects.ts';

export interface Provider {
  readonly name: string;
  readonly part: Part;
  /** What stands under `envoyExtAuthzGrpc` or `envoyExtAuthzHttp`. */
  readonly settings: Part;
  readonly isGrpc: boolean;
}

/** Providers that answer questions; others are for logs and traces. */
export function providersOf(mesh: Part): readonly Provider[] {
  const found: Provider[] = [];
  for (const part of mesh.at('extensionProviders').items()) {
    const name = part.at('name').text() ?? '';
    const grpc = part.at('envoyExtAuthzGrpc');
    const http = part.at('envoyExtAuthzHttp');
    if (grpc.isThere) found.push({ name, part, settings: grpc, isGrpc: true });
    else if (http.isThere) found.push({ name, part, settings: http, isGrpc: false });
  }
  return found;
}

/** Of two with one name Istio takes neither, and refuses what is sent there. */
export function checkProviderNames(providers: readonly Provider[]): void {
  const seen = new Set<string>();
  for (const { name, part } of providers) {
    if (seen.has(name)) part.report('provider-unusable', `there are two providers \`${name}\``);
    seen.add(name);
  }
}

export function rootNamespaceOf(mesh: Part): string {
  const written = mesh.at('rootNamespace').text() ?? '';
  return written === '' ? ROOT_NAMESPACE : written;
}

/** Istio waits ten minutes when the provider says nothing. */
const DEFAULT_TIMEOUT_MS = 600_000;

export function checkProvider({ name, settings, isGrpc }: Provider, facts: ServiceFacts): void {
  const failOpen = settings.at('failOpen');
  if (failOpen.flag() === true) failOpen.report('fail-open', `without an answer of \`${name}\` the request passes`);
  checkTimeout(settings.at('timeout'), DEFAULT_TIMEOUT_MS);
  checkStatusOnError(settings.at('statusOnError'));
  const clears = settings.at('clearRouteCache');
  if (clears.flag() === true) clears.report('route-cache-cleared', 'the route is chosen again after the decision');
  checkBody(settings.at('includeRequestBodyInCheck'), facts);
  if (isGrpc) return;
  settings.report('not-grpc', `\`${name}\` is asked over HTTP`);
  for (const field of ['includeRequestHeadersInCheck', 'includeHeadersInCheck']) {
    const headers = settings.at(field);
    if (headers.isThere) headers.report('headers-hidden', `only the headers of \`${field}\` are sent`);
  }
  const prefix = settings.at('pathPrefix');
  if ((prefix.text() ?? '') !== '') prefix.report('path-prefix', `\`${prefix.text() ?? ''}\` is put before each path`);
}

const NORMALIZATION = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'];
const CLIENT_CERTIFICATE = [
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
];

export function checkMesh(mesh: Part, facts: ServiceFacts): void {
  const normalization = mesh.in('pathNormalization', 'normalization');
  const form = normalization.word(NORMALIZATION) ?? 'DEFAULT';
  if (facts?.requests.ambiguousPaths === 'evaluate') {
    if (form !== 'DECODE_AND_MERGE_SLASHES')
      normalization.report('path-ambiguous', `paths are normalised as ${form} says`);
  } else if (form === 'NONE') normalization.report('path-not-normalized', 'paths are not normalised');
  const gateway = mesh.in('defaultConfig', 'gatewayTopology');
  const details = gateway.at('forwardClientCertDetails');
  const action = details.word(CLIENT_CERTIFICATE) ?? 'UNDEFINED';
  if (action === 'ALWAYS_FORWARD_ONLY') {
    details.report('xfcc-from-client', 'gateways hand x-forwarded-client-cert on as whoever sent it');
  } else if (action === 'APPEND_FORWARD' || action === 'FORWARD_ONLY') {
    details.report('xfcc-appended', 'gateways hand x-forwarded-client-cert on as clients with a certificate sent it');
  }
  const mutualTls = mesh.at('enableAutoMtls');
  if (mutualTls.flag() === false) mutualTls.report('question-in-plaintext', 'sidecars use TLS only where rules say so');
  if (facts !== null) compare(mesh, gateway.at('numTrustedProxies'), facts);
}

function compare(mesh: Part, proxies: Part, facts: NonNullable<ServiceFacts>): void {
  const count = proxies.number();
  if (count !== null && facts.clientIp.explicit && count !== facts.clientIp.xffTrustedHops) {
    const text = `gateways trust ${count} proxies and \`clientIp.xffTrustedHops\` is ${facts.clientIp.xffTrustedHops}`;
    proxies.report('client-ip-mismatch', text);
  }
  for (const key of ['trustDomain', 'rootNamespace'] as const) {
    const part = mesh.at(key);
    const value = part.text();
    if (value !== null && value !== facts[key]) {
      part.report('trust-domain-mismatch', `\`${key}\` is \`${value}\` here and \`${facts[key]}\` in Portcullis`);
    }
  }
}
