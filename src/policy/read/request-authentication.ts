/**
 * Istio's RequestAuthentication (ValidateRequestAuthentication; what it means: pilot/pkg/security/authn/policy_applier.go).
 *
 * With `identity.jwtMetadata` Envoy's jwt_authn verifies the tokens, and the object is only looked at as Istio's
 * validation does. Without it the tokens are verified here, and what could not be done here is refused.
 */
import type { Authentication, JwtProvider, KeyOrigin } from '../identity-model.ts';
import { asMap } from '../parse/expect.ts';
import type { StringNode } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { checkJwks } from '../validate/jwks.ts';
import type { Context } from '../validate/value-check.ts';
import { checkWebAddress, discoveryAddress, hasDiscovery } from '../validate/web-address.ts';
import { refuseDryRun } from './dry-run.ts';
import { readTimeout } from './duration.ts';
import { booleanField, fieldOf, listField, stringField, stringsField } from './fields.ts';
import { neededText, readOutputHeaders } from './output-headers.ts';
import { readLocations } from './proof-locations.ts';
import { readMatchLabels } from './selector.ts';
import { readTargetGateways } from './target-refs.ts';

/** What Envoy's jwt_authn verifies with: all of its algorithms but HMAC, which would need a secret in the key set. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** Envoy's `clock_skew_seconds` when it is not set, as Istio leaves it. */
const CLOCK_SKEW_SECONDS = 60;

/** null: Envoy verifies, or it has no usable spec (reported). */
export function readRequestAuthentication(object: PolicyObject, context: Context): Authentication | null {
  const { report, options } = context;
  refuseDryRun(object, 'Istio refuses it', context);
  const specNode = fieldOf(object.map, 'spec');
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return null;
  const matchLabels = readMatchLabels(spec, context);
  const targetGateways = readTargetGateways(spec, context);
  const isVerifiedHere = options.jwtMetadata === '';
  const providers: JwtProvider[] = [];
  for (const [index, item] of (listField(spec, 'jwtRules', report)?.items ?? []).entries()) {
    if (item.kind === 'scalar' && item.value === null) continue;
    const rule = asMap(item, report);
    if (rule === null) continue;
    const keys = checkAsIstio(rule, context);
    if (!isVerifiedHere) continue;
    const id = `${object.namespace}/${object.name}[${index}]`;
    const provider = readProvider(rule, id, keys, context);
    if (provider !== null) providers.push(provider);
  }
  if (!isVerifiedHere) return null;
  return {
    kind: 'RequestAuthentication',
    namespace: object.namespace,
    name: object.name,
    matchLabels,
    targetGateways,
    providers,
    position: positionOf(object.map),
  };
}

interface WrittenKeys {
  readonly issuer: StringNode | null;
  readonly jwksUri: StringNode | null;
  readonly jwks: StringNode | null;
  readonly timeoutMs: number | null;
}

/** What Istio refuses is refused, whoever verifies. */
function checkAsIstio(rule: MapNode, context: Context): WrittenKeys {
  const { report } = context;
  const [issuer, camel, snake, jwks, timeout] = ['issuer', 'jwksUri', 'jwks_uri', 'jwks', 'timeout'].map((key) =>
    filled(stringField(rule, key, report)),
  ) as [StringNode | null, StringNode | null, StringNode | null, StringNode | null, StringNode | null];
  if (camel !== null && snake !== null) {
    report.error('conflicting-fields', keyPlace(rule, 'jwks_uri'), '`jwks_uri` and `jwksUri` are one field');
  }
  const jwksUri = camel ?? snake;
  if (issuer === null && jwksUri === null) {
    report.error('missing-field', positionOf(rule), 'a JWT rule needs an `issuer` or a `jwksUri`');
  }
  if (jwksUri !== null) checkWebAddress(jwksUri, context);
  stringsField(rule, 'audiences', report);
  for (const pair of listField(rule, 'outputClaimToHeaders', report)?.items ?? []) {
    const map = asMap(pair, report);
    if (map !== null) for (const key of ['header', 'claim']) neededText(map, key, context);
  }
  readLocations(rule, LOCATION_FIELDS, context);
  return { issuer, jwksUri, jwks, timeoutMs: timeout === null ? null : readTimeout(timeout, context) };
}

const LOCATION_FIELDS = { headers: 'fromHeaders', params: 'fromParams', cookies: 'fromCookies' };

/** Protobuf JSON: an empty string is a field left out. */
function filled(text: StringNode | null): StringNode | null {
  return text?.value === '' ? null : text;
}

/** null: nothing says where the keys are (reported). */
function readProvider(rule: MapNode, id: string, written: WrittenKeys, context: Context): JwtProvider | null {
  const { report } = context;
  const texts = (key: string): string[] => (stringsField(rule, key, report) ?? []).map(({ value }) => value);
  const keys = readKeyOrigin(rule, written, context);
  const outputs = readOutputHeaders(rule, context);
  if (keys === null) return null;
  return {
    type: 'jwt',
    profile: 'istio',
    id,
    issuer: written.issuer?.value ?? '',
    audiences: texts('audiences'),
    keys,
    algorithms: ALGORITHMS,
    clockSkewSeconds: CLOCK_SKEW_SECONDS,
    requiredClaims: [],
    typ: null,
    maxAgeSeconds: null,
    binding: 'none',
    spaceDelimitedClaims: texts('spaceDelimitedClaims'),
    locations: readLocations(rule, LOCATION_FIELDS, context),
    forwardOriginal: booleanField(rule, 'forwardOriginalToken') ?? false,
    ...outputs,
  };
}

/** As istiod takes them: `jwks`, else `jwksUri`, else what the issuer's discovery document names. */
function readKeyOrigin(rule: MapNode, written: WrittenKeys, context: Context): KeyOrigin | null {
  const { issuer, jwksUri, jwks, timeoutMs } = written;
  const timeout = timeoutMs === null ? {} : { timeoutMs };
  if (jwks !== null) return checkJwks(jwks, context) ? { from: 'inline', jwks: jwks.value } : null;
  if (jwksUri !== null) return { from: 'uri', uri: jwksUri.value, ...timeout };
  if (issuer === null) return null;
  if (hasDiscovery(issuer.value)) return { from: 'discovery', uri: discoveryAddress(issuer.value), ...timeout };
  context.report.error(
    'bad-value',
    positionOf(issuer),
    `the issuer \`${issuer.value}\` is no address at which keys are found, so that no token could be verified`,
    'add `jwksUri`, or the keys themselves as `jwks`',
  );
  return null;
}
