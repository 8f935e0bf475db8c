/** `portcullis.dev/v1` IdentityProvider. What only several of them can tell is in duplicate-providers.ts. */
import type {
  ApiKeyProvider,
  Authentication,
  IntrospectionProvider,
  JwtProvider,
  KeyOrigin,
  ProofLocations,
  Provider,
} from '../identity-model.ts';
import { asMap } from '../parse/expect.ts';
import type { StringNode } from '../parse/expect.ts';
import { entryOf, keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { checkJwks } from '../validate/jwks.ts';
import type { Context } from '../validate/value-check.ts';
import { checkWebAddress, discoveryAddress, hasDiscovery } from '../validate/web-address.ts';
import { readApiKeys } from './api-keys.ts';
import { refuseDryRun } from './dry-run.ts';
import { booleanField, fieldOf, integerField, mapField, stringField, stringsField } from './fields.ts';
import { readOutputHeaders } from './output-headers.ts';
import { readLocations } from './proof-locations.ts';
import { readMatchLabels } from './selector.ts';

/** What issuers sign with unless told otherwise; a longer hash or curve has to be named. */
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const DEFAULT_CLOCK_SKEW_SECONDS = 30;
const DEFAULT_MAX_CACHE_SECONDS = 60;

const WAYS = ['jwt', 'introspection', 'apiKeys'] as const;

/** null: it has no usable spec (reported). */
export function readIdentityProvider(object: PolicyObject, context: Context): Authentication | null {
  const { report } = context;
  refuseDryRun(object, 'try it with a `selector` that names one workload', context);
  const specNode = fieldOf(object.map, 'spec');
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return null;
  const provider = readProvider(spec, `${object.namespace}/${object.name}`, context);
  return {
    kind: 'IdentityProvider',
    namespace: object.namespace,
    name: object.name,
    matchLabels: readMatchLabels(spec, context),
    targetGateways: null,
    providers: provider === null ? [] : [provider],
    position: positionOf(object.map),
  };
}

interface Common {
  readonly id: string;
  readonly issuer: string;
  readonly forwardOriginal: boolean;
}

function readProvider(spec: MapNode, id: string, context: Context): Provider | null {
  const { report } = context;
  const issuer = stringField(spec, 'issuer', report);
  const common = { id, issuer: issuer?.value ?? '', forwardOriginal: booleanField(spec, 'forwardOriginal') ?? false };
  const [way, ...others] = WAYS.filter((key) => entryOf(spec, key) !== undefined);
  if (way === undefined) {
    report.error(
      'missing-field',
      positionOf(spec),
      'an IdentityProvider needs one of `jwt`, `introspection` and `apiKeys`',
    );
    return null;
  }
  for (const other of others) {
    report.error(
      'conflicting-fields',
      keyPlace(spec, other),
      `only one of \`${way}\` and \`${other}\` may be set`,
      'write two IdentityProviders',
    );
  }
  const inside = mapField(spec, way, report);
  if (inside === null) return null;
  const given = readFrom(spec, context);
  switch (way) {
    case 'jwt':
      return readJwt(inside, issuer, common, given, context);
    case 'introspection':
      return readIntrospection(inside, common, given ?? header('authorization', 'Bearer '), context);
    case 'apiKeys': {
      const keys = readApiKeys(inside, context);
      return { type: 'apiKey', ...common, locations: given ?? header('x-api-key', ''), keys } satisfies ApiKeyProvider;
    }
  }
}

function header(name: string, prefix: string): ProofLocations {
  return { headers: [{ name, prefix }], params: [], cookies: [] };
}

/** null: nothing is said. */
function readFrom(spec: MapNode, context: Context): ProofLocations | null {
  const from = mapField(spec, 'from', context.report);
  if (from === null) return null;
  if (from.entries.length === 0) {
    context.report.error(
      'missing-field',
      positionOf(from),
      '`from` names no place',
      'leave it out for the usual ones, or name `headers`, `params` or `cookies`',
    );
  }
  return readLocations(from, { headers: 'headers', params: 'params', cookies: 'cookies' }, context);
}

function readJwt(
  jwt: MapNode,
  issuer: StringNode | null,
  common: Common,
  given: ProofLocations | null,
  context: Context,
): JwtProvider | null {
  const { report } = context;
  const texts = (key: string): string[] => unique((stringsField(jwt, key, report) ?? []).map(({ value }) => value));
  const algorithms = texts('algorithms');
  const binding = stringField(jwt, 'binding', report)?.value;
  const typ = stringField(jwt, 'typ', report);
  const keys = readKeyOrigin(jwt, issuer, context);
  const outputs = readOutputHeaders(jwt, context);
  if (keys === null) return null;
  return {
    type: 'jwt',
    profile: 'strict',
    ...common,
    audiences: texts('audiences'),
    keys,
    algorithms: algorithms.length === 0 ? DEFAULT_ALGORITHMS : algorithms,
    clockSkewSeconds: integerField(jwt, 'clockSkewSeconds') ?? DEFAULT_CLOCK_SKEW_SECONDS,
    requiredClaims: texts('requiredClaims'),
    typ: typ === null ? null : typ.value,
    maxAgeSeconds: integerField(jwt, 'maxTokenAgeSeconds'),
    binding: binding === 'certificate' || binding === 'dpop' ? binding : 'none',
    spaceDelimitedClaims: texts('spaceDelimitedClaims'),
    locations: given ?? header('authorization', binding === 'dpop' ? 'DPoP ' : 'Bearer '),
    ...outputs,
  };
}

/** null: nothing, or too much, says where the keys are (reported). */
function readKeyOrigin(jwt: MapNode, issuer: StringNode | null, context: Context): KeyOrigin | null {
  const { report } = context;
  const jwksUri = stringField(jwt, 'jwksUri', report);
  const jwks = stringField(jwt, 'jwks', report);
  const discovery = booleanField(jwt, 'discovery');
  const written = ['jwksUri', 'jwks', 'discovery'].filter((key) =>
    key === 'discovery' ? discovery === true : entryOf(jwt, key) !== undefined,
  );
  if (written.length > 1) {
    report.error(
      'conflicting-fields',
      keyPlace(jwt, written[1]!),
      `\`${written[0]!}\` and \`${written[1]!}\` both say where the keys are`,
      'keep one of them',
    );
  }
  if (jwks !== null) return checkJwks(jwks, context) ? { from: 'inline', jwks: jwks.value } : null;
  if (jwksUri !== null) return checkWebAddress(jwksUri, context) ? { from: 'uri', uri: jwksUri.value } : null;
  if (discovery === false) {
    report.error(
      'missing-field',
      keyPlace(jwt, 'discovery'),
      'nothing says where the keys are',
      'add `jwksUri` or `jwks`',
    );
    return null;
  }
  if (issuer === null) return null;
  if (hasDiscovery(issuer.value)) return { from: 'discovery', uri: discoveryAddress(issuer.value) };
  report.error(
    'bad-value',
    positionOf(issuer),
    `the issuer \`${issuer.value}\` is no address at which keys can be found`,
    'add `jwksUri`, or the keys themselves as `jwks`',
  );
  return null;
}

function readIntrospection(
  map: MapNode,
  common: Common,
  locations: ProofLocations,
  context: Context,
): IntrospectionProvider | null {
  const { report } = context;
  const texts = (key: string): string[] => unique((stringsField(map, key, report) ?? []).map(({ value }) => value));
  const endpoint = stringField(map, 'endpoint', report);
  if (endpoint === null || !checkWebAddress(endpoint, context)) return null;
  return {
    type: 'introspection',
    ...common,
    locations,
    endpoint: endpoint.value,
    audiences: texts('audiences'),
    requiredScopes: texts('requiredScopes'),
    client: stringField(map, 'client', report)?.value ?? '',
    maxCacheSeconds: integerField(map, 'maxCacheSeconds') ?? DEFAULT_MAX_CACHE_SECONDS,
    spaceDelimitedClaims: texts('spaceDelimitedClaims'),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
